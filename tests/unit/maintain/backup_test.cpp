// SPDX-License-Identifier: MIT
//
// A copy of a log is a whole log, closed, whoever was writing the first one.
#include <varve/varve.hpp>

#include "format/segment_header.hpp"
#include "format/state.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

const log_options small{.segment_bytes = 64 * 1024};

/// About sixteen to a segment.
std::string large(std::uint64_t s) { return std::to_string(s) + std::string(4000, '.'); }

void append_large(log& l, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(l.append(large(l.published_sequence().value + 1)).has_value());
}

/// The copy is whole in every way that can be asked for, and holds what `large` gives for its sequences.
void check_copy(const fs::path& copy, sequence first, sequence end) {
  const auto report = verify(copy);
  REQUIRE(report.has_value());
  CHECK(rows_of(*report).empty());
  CHECK(report->clean);
  const auto v = log_view::open(copy);
  REQUIRE(v.has_value());
  CHECK(v->first_sequence() == first);
  CHECK(v->published_sequence() + 1 == end);
  for (std::uint64_t s = first.value; s < end.value; ++s) {
    const auto r = v->read({s});
    INFO(s);
    REQUIRE(r.has_value());
    REQUIRE(r->text() == large(s));
  }
}

/// It is opened, written to, closed and opened again.
void check_goes_on(const fs::path& copy, sequence end) {
  for (std::uint64_t life = 0; life < 2; ++life) {
    auto l = log::open(copy, {.recovery = recovery_mode::strict});
    INFO((l ? std::string{} : l.error().message()));
    REQUIRE(l.has_value());
    CHECK(l->recovery().clean);
    CHECK(l->published_sequence() + 1 == end + life * 40);
    append_large(*l, 40);
    REQUIRE(l->close().has_value());
  }
  const auto report = verify(copy);
  REQUIRE(report.has_value());
  CHECK(rows_of(*report).empty());
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{directory}) names.push_back(entry.path().filename().string());
  return names;
}

}  // namespace

TEST_CASE("a closed log is copied with all that it holds, and goes on", "[backup]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "copy";
  {
    auto l = log::open(from, small);
    REQUIRE(l.has_value());
    append_large(*l, 50);
    REQUIRE(l->close().has_value());
  }
  const auto before = image_of(from);
  const auto report = backup(from, to);
  INFO((report ? std::string{} : report.error().message()));
  REQUIRE(report.has_value());
  CHECK(report->sequences == sequence_range{{1}, {51}});
  CHECK(report->segments == 4);
  CHECK(report->bytes_copied > 50 * 4000);
  CHECK(report->bytes_shared == 0);
  CHECK(image_of(from) == before);  // not a byte, not a time
  check_copy(to, {1}, {51});
  check_goes_on(to, {51});
}

TEST_CASE("beside a writer the copy holds what is durable, and nothing else", "[backup][G2]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "copy";
  auto l = log::open(from, small);
  REQUIRE(l.has_value());
  append_large(*l, 40);
  REQUIRE(l->sync().has_value());
  append_large(*l, 3);
  const auto durable = l->durable_sequence();
  REQUIRE(durable == sequence{40});
  const auto report = backup(from, to);
  REQUIRE(report.has_value());
  CHECK(report->sequences == sequence_range{{1}, {41}});
  check_copy(to, {1}, {41});
  check_goes_on(to, {41});
  append_large(*l, 40);  // the log has noticed nothing
  REQUIRE(l->close().has_value());
  CHECK(rows_of(*verify(from)).empty());
}

TEST_CASE("the copy of a copy is as good, also if it was made by cp", "[backup]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", first = dir.path() / "first", second = dir.path() / "second";
  auto l = log::open(from, small);
  REQUIRE(l.has_value());
  append_large(*l, 40);
  REQUIRE(l->sync().has_value());
  REQUIRE(backup(from, first).has_value());
  fs::copy(first, dir.path() / "by_cp", fs::copy_options::recursive);
  REQUIRE(backup(dir.path() / "by_cp", second).has_value());
  check_copy(second, {1}, {41});
  auto strict = log::open(dir.path() / "by_cp", {.recovery = recovery_mode::strict});
  REQUIRE(strict.has_value());  // its seals say that nothing is missing
  CHECK(strict->published_sequence() == sequence{40});
}

TEST_CASE("what was trimmed is not in the copy", "[backup][trim]") {
  const temp_dir dir;
  const auto from = dir.path() / "log";
  auto l = log::open(from, small);
  REQUIRE(l.has_value());
  append_large(*l, 60);
  REQUIRE(l->trim_before({37}).has_value());
  const auto report = backup(from, dir.path() / "copy");
  REQUIRE(report.has_value());
  CHECK(report->sequences.first == sequence{37});
  CHECK(report->segments <= 2);
  check_copy(dir.path() / "copy", {37}, report->sequences.end);
  check_goes_on(dir.path() / "copy", report->sequences.end);

  REQUIRE(l->trim_before({61}).has_value());
  const auto empty = backup(from, dir.path() / "empty");
  REQUIRE(empty.has_value());
  CHECK(empty->sequences == sequence_range{{61}, {61}});
  CHECK(empty->segments == 0);
  check_copy(dir.path() / "empty", {61}, {61});
  check_goes_on(dir.path() / "empty", {61});
}

TEST_CASE("a log that was never written to is copied", "[backup]") {
  const temp_dir dir;
  const auto from = dir.path() / "log";
  REQUIRE(log::open(from, small)->close().has_value());
  const auto report = backup(from, dir.path() / "copy");
  REQUIRE(report.has_value());
  CHECK(report->sequences == sequence_range{{1}, {1}});
  check_goes_on(dir.path() / "copy", {1});
}

TEST_CASE("of a log whose writer died the copy holds what opening it would keep", "[backup][G3]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "copy";
  die_after(from, "abcdefgh", 3);
  clear_stamp(from, 5);
  clear_stamp(from, 6);
  const auto expected = texts_of(*log_view::open(from));
  REQUIRE(expected == "a b c d - - g h ");
  const auto report = backup(from, to);
  INFO((report ? std::string{} : report.error().message()));
  REQUIRE(report.has_value());
  CHECK(report->sequences == sequence_range{{1}, {9}});
  CHECK(rows_of(*verify(to)).empty());  // nothing is left to step over
  auto l = log::open(to, {.recovery = recovery_mode::strict});
  REQUIRE(l.has_value());
  CHECK(l->recovery().clean);
  CHECK(texts_of(*l) == expected);
  CHECK(rows_of(*verify(from)) == "M");  // the log itself is as it was
}

TEST_CASE("a torn end is not copied", "[backup][G5]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "copy";
  die_after(from, "abcdef", 3);
  make_power_loss(from);
  flip_payload_bit(from, 5);
  REQUIRE(backup(from, to).has_value());
  auto l = log::open(to, {.recovery = recovery_mode::strict});
  REQUIRE(l.has_value());
  CHECK(texts_of(*l) == "a b c d ");
}

TEST_CASE("a batch is in the copy whole or not at all", "[backup][G4]") {
  const temp_dir dir;
  const auto from = dir.path() / "log";
  auto l = log::open(from, small);
  REQUIRE(l.has_value());
  const std::string_view batch[] = {"a", "b", "c"};
  for (int i = 0; i < 5; ++i) {
    REQUIRE(l->append_batch(batch).has_value());
    if (i % 2 == 0) REQUIRE(l->sync(sequence{static_cast<std::uint64_t>(3 * i + 2)}).has_value());
    const auto to = dir.path() / std::to_string(i);
    const auto report = backup(from, to);
    REQUIRE(report.has_value());
    CHECK(report->sequences.size() % 3 == 0);
    CHECK(report->sequences.end.value > 3 * static_cast<std::uint64_t>(i % 2 == 0 ? i : i - 1) + 2);
    CHECK(rows_of(*verify(to)).empty());
  }
}

TEST_CASE("damage is named, and leaves nothing behind", "[backup][G5]") {
  const temp_dir dir;
  const auto from = dir.path() / "log";
  {
    auto l = log::open(from, small);
    REQUIRE(l.has_value());
    append_large(*l, 60);
    REQUIRE(l->close().has_value());
  }
  const auto place = place_of(from, 20);
  flip_payload_bit(from, 20);
  const auto report = backup(from, dir.path() / "copy");
  REQUIRE(!report.has_value());
  CHECK(report.error().code() == errc::damaged);
  CHECK(report.error().segment() == place.segment);
  CHECK(report.error().offset() == place.offset);
  CHECK(report.error().first_sequence() == 20);
  CHECK(names_in(dir.path()) == std::vector<std::string>{"log"});
}

TEST_CASE("a backup of a log without one of its segments is refused", "[backup][G5]") {
  const temp_dir dir;
  const auto from = dir.path() / "log";
  {
    auto l = log::open(from, small);
    REQUIRE(l.has_value());
    append_large(*l, 60);
    REQUIRE(l->close().has_value());
  }
  for (const std::uint64_t number : segment_numbers(from)) {
    const auto path = segment_path(from, number);
    INFO(number);
    fs::rename(path, dir.path() / "away");
    const auto report = backup(from, dir.path() / "copy");
    REQUIRE(!report.has_value());
    CHECK(report.error().code() == errc::incomplete);
    fs::rename(dir.path() / "away", path);
  }
  CHECK(names_in(dir.path()) == std::vector<std::string>{"log"});
  CHECK(backup(from, dir.path() / "copy").has_value());
}

TEST_CASE("nothing is copied over what is there", "[backup][G7]") {
  const temp_dir dir;
  const auto from = dir.path() / "log";
  REQUIRE(log::open(from, small)->close().has_value());
  fs::create_directory(dir.path() / "empty");
  write_new_file(dir.path() / "file", "text");
  for (const char* to : {"empty", "file", "log", "empty/", "."}) {
    INFO(to);
    const auto report = backup(from, dir.path() / to);
    REQUIRE(!report.has_value());
    CHECK(report.error().code() == errc::bad_option);
    CHECK(report.error().path() == "to");
  }
  CHECK(backup(from, "").error().path() == "to");
  CHECK(backup(from, dir.path() / "copy", {.file_mode = 0400}).error().path() == "file_mode");
  CHECK(backup(dir.path() / "nowhere", dir.path() / "copy").error().code() == errc::not_found);
  CHECK(backup(dir.path() / "empty", dir.path() / "copy").error().code() == errc::not_found);
  CHECK(backup(from, dir.path() / "no" / "parent").error().os_errno() == ENOENT);
  CHECK(names_in(dir.path()).size() == 3);
}

TEST_CASE("somebody takes the name while the copy is made: his directory stays", "[backup][G7]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "copy";
  {
    auto l = log::open(from, small);
    REQUIRE(l.has_value());
    append_large(*l, 5);
    REQUIRE(l->close().has_value());
  }
  const auto report = backup(from, to, {.on_progress = [&](const recovery_progress&) { fs::create_directory(to); }});
  REQUIRE(!report.has_value());
  CHECK(report.error().path() == "to");
  CHECK(fs::is_empty(to));
  CHECK(names_in(dir.path()).size() == 2);
}

TEST_CASE("segments that are dropped while the log is copied are in the copy", "[backup][trim]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "copy";
  auto l = log::open(from, {.segment_bytes = 64 * 1024, .spare_segments = 4});
  REQUIRE(l.has_value());
  append_large(*l, 100);
  REQUIRE(l->sync().has_value());
  std::uint64_t calls = 0, done_before = 0;
  const auto on_progress = [&](const recovery_progress& p) {
    CHECK(p.bytes_done > done_before);
    CHECK(p.bytes_done <= p.bytes_total);
    done_before = p.bytes_done;
    if (++calls > 1) return;
    // All of them go, and their files would be used again.
    REQUIRE(l->trim_before({101}).has_value());
    append_large(*l, 200);
  };
  const auto report = backup(from, to, {.on_progress = on_progress});
  REQUIRE(report.has_value());
  CHECK(calls >= 6);
  CHECK(report->sequences == sequence_range{{1}, {101}});
  check_copy(to, {1}, {101});
}

TEST_CASE("the state of the copy speaks of the copy", "[backup]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "copy";
  die_after(from, "abc", 3);
  REQUIRE(backup(from, to, {.file_mode = 0640}).has_value());
  for (const std::uint64_t slot : {0, 4096}) {
    const auto s = read_sector<format::state>(to / "varve.state", slot);
    CHECK(s.condition == format::condition::clean);
    CHECK(s.clean_next == 4);
    CHECK(s.durable_floor == 3);
    CHECK(s.archived == 0);
  }
  CHECK((fs::status(to / "varve.state").permissions() & fs::perms::group_read) != fs::perms::none);
  CHECK((fs::status(to).permissions() & fs::perms::group_exec) != fs::perms::none);
}

TEST_CASE("sharing blocks gives the same copy, whether or not the file system can", "[backup]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "copy";
  auto l = log::open(from, small);
  REQUIRE(l.has_value());
  append_large(*l, 60);
  REQUIRE(l->sync().has_value());
  const auto report = backup(from, to, {.reflink = true});
  REQUIRE(report.has_value());
  CHECK(report->bytes_copied + report->bytes_shared > 60 * 4000);
  check_copy(to, {1}, {61});
  check_goes_on(to, {61});
}

TEST_CASE("a backup may be given up, and leaves nothing", "[backup]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "copy";
  {
    auto l = log::open(from, small);
    REQUIRE(l.has_value());
    append_large(*l, 50);
  }
  int asked = 0;
  const auto done = backup(from, to, {.keep_going = [&] { return ++asked < 3; }});
  REQUIRE(!done.has_value());
  CHECK(done.error().code() == errc::cancelled);
  CHECK(names_in(dir.path()) == std::vector<std::string>{"log"});
  CHECK(backup(from, to, {.keep_going = [] { return true; }}).has_value());
}

}  // namespace varve::testing
