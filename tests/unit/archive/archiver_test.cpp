// SPDX-License-Identifier: MIT
//
// An archive: verified copies of sealed segments, which are a log.
#include <varve/archiver.hpp>
#include <varve/varve.hpp>

#include "format/file_name.hpp"
#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

const log_options small{.segment_bytes = 64 * 1024, .prepared_segments = 1, .spare_segments = 0};

/// About sixteen to a segment.
std::string large(std::uint64_t s) { return std::to_string(s) + std::string(4000, '.'); }

void append_large(log& l, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(l.append(large(l.published_sequence().value + 1)).has_value());
}

/// A closed log; its sealed segments are all but the last.
void make_log(const fs::path& directory, std::uint64_t records) {
  auto l = log::open(directory, small);
  REQUIRE(l.has_value());
  append_large(*l, records);
  REQUIRE(l->close().has_value());
}

/// The sealed segments of a log as its hook would be given them.
std::vector<sealed_segment> sealed_of(const fs::path& directory) {
  std::vector<sealed_segment> all;
  for (const auto number : segment_numbers(directory)) {
    const auto path = segment_path(directory, number);
    const auto a = read_sector<format::activation>(path, format::activation_offset);
    const auto e = read_sector<format::seal>(path, format::seal_offset);
    if (e.head.magic != format::seal::magic) continue;
    all.push_back({.number = number,
                   .directory = directory,
                   .path = path,
                   .sequences = {{a.base}, {e.last + 1}},
                   .used_bytes = e.offset});
  }
  return all;
}

std::string why(const archiver& a) { return a.failure() ? a.failure()->message() : "no failure"; }

void archive_all(const fs::path& log, const fs::path& to, int level = 0) {
  const auto a = archiver::open(to, {.compression_level = level});
  INFO((a ? std::string{} : a.error().message()));
  REQUIRE(a.has_value());
  for (const auto& s : sealed_of(log)) {
    const bool done = a->hooks().sealed(s);
    INFO(s.number << ": " << why(*a));
    REQUIRE(done);
  }
}

/// A whole closed log of what `large` gives.
void check_log(const fs::path& directory, std::uint64_t end, std::uint64_t first = 1) {
  const auto report = verify(directory);
  REQUIRE(report.has_value());
  CHECK(rows_of(*report).empty());
  CHECK(report->clean);
  const auto v = log_view::open(directory);
  REQUIRE(v.has_value());
  REQUIRE(v->first_sequence().value == first);
  REQUIRE(v->published_sequence().value + 1 == end);
  for (std::uint64_t s = first; s < end; ++s) REQUIRE(v->read({s})->text() == large(s));
}

fs::path copy_of(const fs::path& archive, std::uint64_t number, bool compressed) {
  const auto path = segment_path(archive, number);
  return compressed ? fs::path{path.string() + ".zst"} : path;
}

}  // namespace

TEST_CASE("an archive that is not compressed is read like a log, and refuses every other writer", "[archive]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "archive";
  make_log(from, 100);
  archive_all(from, to);
  const std::uint64_t end = sealed_of(from).back().sequences.end.value;
  REQUIRE(end > 80);
  CHECK(!is_compressed_archive(to));
  check_log(to, end);
  SECTION("which is expanded") {
    const auto expanded = expand_archive(to, dir.path() / "expanded");
    REQUIRE(expanded.has_value());
    CHECK(*expanded == sequence_range{{1}, {end}});
    check_log(dir.path() / "expanded", end);
  }
  SECTION("backed up, which makes a log of it") {
    REQUIRE(backup(to, dir.path() / "copy").has_value());
    auto l = log::open(dir.path() / "copy", {.recovery = recovery_mode::strict});
    REQUIRE(l.has_value());
    append_large(*l, 30);
    REQUIRE(l->close().has_value());
    check_log(dir.path() / "copy", end + 30);
  }
  SECTION("not opened for writing, nor written to by whatever opens logs") {
    const auto before = image_of(to);
    CHECK(log::open(to).error().code() == errc::is_archive);
    CHECK(log::open(to, {.recovery = recovery_mode::strict}).error().code() == errc::is_archive);
    CHECK(rebuild_indexes(to).error().code() == errc::is_archive);
    CHECK((image_of(to) == before));
    archive_all(from, to);
  }
}

TEST_CASE("a compressed archive is smaller, and becomes a log", "[archive]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "archive", expanded = dir.path() / "expanded";
  make_log(from, 100);
  archive_all(from, to, 3);
  const std::uint64_t end = sealed_of(from).back().sequences.end.value;
  CHECK(is_compressed_archive(to));
  CHECK(segment_numbers(to).empty());
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator{to}) bytes += entry.file_size();
  CHECK(bytes < 50'000);
  const auto done = expand_archive(to, expanded);
  INFO((done ? std::string{} : done.error().message()));
  REQUIRE(done.has_value());
  CHECK(*done == sequence_range{{1}, {end}});
  check_log(expanded, end);
  auto l = log::open(expanded, {.recovery = recovery_mode::strict});
  REQUIRE(l.has_value());
  append_large(*l, 30);
  REQUIRE(l->close().has_value());
  check_log(expanded, end + 30);
  CHECK(expand_archive(to, expanded).error().path() == "to");
}

TEST_CASE("the archiver serves a living log, which then drops what is archived", "[archive][retention]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "archive";
  const auto level = GENERATE(0, 1);
  std::uint64_t end = 0;
  {
    const auto a = archiver::open(to, {.compression_level = level});
    REQUIRE(a.has_value());
    auto options = small;
    options.archive = a->hooks();
    auto l = log::open(from, options);
    REQUIRE(l.has_value());
    append_large(*l, 200);
    REQUIRE(l->trim_before({150}).has_value());  // has it archived first
    append_large(*l, 50);
    REQUIRE(l->trim_before({226}).has_value());  // fifteen to a segment: one begins here
    end = l->archived_sequence().value + 1;
    REQUIRE(end > 200);
    REQUIRE(l->close().has_value());
    CHECK(!a->failure());
  }
  const auto expanded = dir.path() / "expanded";
  const auto done = expand_archive(to, expanded);
  INFO((done ? std::string{} : done.error().message()));
  REQUIRE(done.has_value());
  CHECK(done->first == sequence{1});  // though the log has dropped it
  CHECK(done->end.value >= end);
  check_log(expanded, done->end.value);
}

TEST_CASE("what is there already is compared, and answered with true", "[archive]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "archive";
  const auto level = GENERATE(0, 1);
  make_log(from, 60);
  archive_all(from, to, level);
  const auto before = image_of(to);
  archive_all(from, to, level);
  CHECK(image_of(to) == before);
  archive_all(from, to, level == 0 ? 1 : 0);  // packed in another way is as good
  CHECK(image_of(to) == before);
}

TEST_CASE("a copy that was spoiled is named by who expands it, and made anew by who archives again", "[archive][G5]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "archive";
  const bool compressed = GENERATE(false, true);
  make_log(from, 60);
  archive_all(from, to, compressed ? 1 : 0);
  const auto sealed = sealed_of(from);
  const std::uint64_t number = sealed[1].number, end = sealed.back().sequences.end.value;
  const auto path = copy_of(to, number, compressed);
  const std::uint64_t bytes = fs::file_size(path);
  for (const std::uint64_t offset :
       {bytes / 2, std::uint64_t{5}, bytes / 3, compressed ? bytes - 1 : sealed[1].used_bytes - 8}) {
    INFO(offset);
    flip_bit(path, offset);
    const auto done = expand_archive(to, dir.path() / "expanded");
    REQUIRE(!done.has_value());
    CHECK(done.error().code() == errc::damaged);
    CHECK(done.error().segment() == number);
    CHECK(!fs::exists(dir.path() / "expanded"));
    flip_bit(path, offset);
  }
  // Damage in the frames: whoever opens the archive to go on sees the header alone.
  flip_bit(path, compressed ? bytes - 1 : std::uint64_t{5000});
  archive_all(from, to, compressed ? 1 : 0);
  CHECK(expand_archive(to, dir.path() / "expanded").has_value());
  check_log(dir.path() / "expanded", end);
  fs::remove_all(dir.path() / "expanded");

  SECTION("cut short") {
    fs::resize_file(path, bytes / 2);
    const auto done = expand_archive(to, dir.path() / "expanded");
    CHECK(done.error().segment() == number);
  }
  SECTION("missing") {
    fs::remove(path);
    const auto done = expand_archive(to, dir.path() / "expanded");
    REQUIRE(!done.has_value());
    CHECK(done.error().code() == errc::damaged);
    archive_all(from, to, compressed ? 1 : 0);
    REQUIRE(expand_archive(to, dir.path() / "expanded").has_value());
    check_log(dir.path() / "expanded", end);
    fs::remove_all(dir.path() / "expanded");
  }
  SECTION("the last one missing") {
    fs::remove(copy_of(to, sealed.back().number, compressed));
    const auto done = expand_archive(to, dir.path() / "expanded");
    REQUIRE(!done.has_value());
    CHECK(done.error().segment() == sealed.back().number);
  }
  CHECK(!fs::exists(dir.path() / "expanded"));
}

TEST_CASE("segments of another log, and segments that do not follow, are refused", "[archive]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", other = dir.path() / "other", to = dir.path() / "archive";
  make_log(from, 100);
  make_log(other, 40);
  const auto a = archiver::open(to);
  REQUIRE(a.has_value());
  const auto sealed = sealed_of(from);
  const auto hook = a->hooks().sealed;
  REQUIRE(hook(sealed[1]));  // it may begin anywhere
  CHECK(!a->failure());
  CHECK(!hook(sealed_of(other)[0]));
  REQUIRE(a->failure().has_value());
  CHECK(a->failure()->code() == errc::not_a_log);
  CHECK(!hook(sealed[3]));
  REQUIRE(a->failure().has_value());
  CHECK(a->failure()->code() == errc::damaged);
  CHECK(a->failure()->segment() == sealed[3].number);
  CHECK(a->failure()->first_sequence() == sealed[2].sequences.first.value);
  CHECK(a->failure()->last_sequence() == sealed[3].sequences.first.value - 1);
  CHECK(!hook(sealed[0]));  // before its beginning
  CHECK(hook(sealed[2]));
  CHECK(hook(sealed[3]));
  CHECK(!a->failure());
  // The active segment is not sealed.
  auto active = sealed.back();
  active.number = segment_numbers(from).back();
  CHECK(!hook(active));
  active.number += 10;
  CHECK(!hook(active));
  CHECK(a->failure()->os_errno() == ENOENT);
  check_log(to, sealed[3].sequences.end.value, sealed[1].sequences.first.value);
}

TEST_CASE("what was truncated goes from the archive when other segments come in its place", "[archive]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", early = dir.path() / "early", to = dir.path() / "archive";
  make_log(from, 40);
  REQUIRE(backup(from, early).has_value());  // two histories from here on
  for (const auto& [directory, mark] : {std::pair{from, "one"}, std::pair{early, "two"}}) {
    auto l = log::open(directory, small);
    REQUIRE(l.has_value());
    for (int i = 0; i < 60; ++i) REQUIRE(l->append(mark + std::string(4000, '.')).has_value());
    REQUIRE(l->close().has_value());
  }
  const auto one = sealed_of(from), two = sealed_of(early);
  const auto a = archiver::open(to, {.compression_level = GENERATE(0, 1)});
  REQUIRE(a.has_value());
  for (const auto& s : one) REQUIRE(a->hooks().sealed(s));
  // Under one number there are two segments.
  CHECK(!a->hooks().sealed(two.back()));
  CHECK(a->failure()->code() == errc::damaged);
  // The third one is the last that both have, and ends earlier in the second history.
  REQUIRE(one[2].number == two[2].number);
  REQUIRE(one[2].sequences.end.value > two[2].sequences.end.value);
  for (std::size_t i = 2; i < two.size(); ++i) {
    const bool done = a->hooks().sealed(two[i]);
    INFO(i << ": " << why(*a));
    REQUIRE(done);
  }
  const auto done = expand_archive(to, dir.path() / "expanded");
  INFO((done ? std::string{} : done.error().message()));
  REQUIRE(done.has_value());
  CHECK(done->end == two.back().sequences.end);
  const auto v = log_view::open(dir.path() / "expanded");
  CHECK(v->read({41})->text().substr(0, 3) == "two");
  CHECK(v->read({done->end.value - 1})->text().substr(0, 3) == "two");
  // The first history would take it back: it is refused.
  CHECK(!a->hooks().sealed(one[2]));
  CHECK(a->failure()->code() == errc::damaged);
}

TEST_CASE("an archive has one archiver, is no log's own directory, and nothing else", "[archive][G7]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "archive";
  make_log(from, 40);
  {
    const auto a = archiver::open(to);
    REQUIRE(a.has_value());
    CHECK(archiver::open(to).error().code() == errc::locked);
  }
  {
    auto l = log::open(from);
    CHECK(archiver::open(from).error().code() == errc::locked);
  }
  CHECK(archiver::open(from).error().code() == errc::not_a_log);  // its last segment takes appends
  CHECK(expand_archive(from, dir.path() / "x").error().code() == errc::not_a_log);
  REQUIRE(backup(from, dir.path() / "all_sealed").has_value());
  CHECK(archiver::open(dir.path() / "all_sealed").error().code() == errc::not_a_log);  // a log, though it could be one
  fs::create_directory(dir.path() / "other");
  write_new_file(dir.path() / "other" / "text", "text");
  CHECK(archiver::open(dir.path() / "other").error().code() == errc::not_a_log);
  CHECK(archiver::open(dir.path() / "other" / "text").error().code() == errc::not_a_log);
  CHECK(archiver::open(to, {.compression_level = 20}).error().path() == "compression_level");
  CHECK(archiver::open(to, {.file_mode = 0400}).error().path() == "file_mode");
  CHECK(!is_compressed_archive(dir.path() / "nowhere"));
  CHECK(expand_archive(dir.path() / "nowhere", dir.path() / "x").error().code() == errc::not_found);
  CHECK(expand_archive(dir.path() / "other", dir.path() / "x").error().code() == errc::not_a_log);
}

TEST_CASE("an archive knows whose it is before a segment comes", "[archive]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", other = dir.path() / "other", to = dir.path() / "archive";
  make_log(from, 40);
  make_log(other, 1);  // nothing of it is sealed
  {
    const auto a = archiver::open(to);
    REQUIRE(a.has_value());
    CHECK(a->check_owner(from).has_value());
    CHECK(a->check_owner(other).has_value());  // it has nothing yet
    CHECK(a->check_owner(dir.path() / "none").has_value());
    CHECK(a->hooks().sealed(sealed_of(from)[0]));
    CHECK(a->check_owner(from).has_value());
  }
  const auto a = archiver::open(to);
  REQUIRE(a.has_value());
  CHECK(a->check_owner(from).has_value());
  for (const auto& foreign : {other, dir.path() / "none"}) {
    CHECK(a->check_owner(foreign).error().code() == errc::not_a_log);
    CHECK(a->check_owner(foreign).error().path() == to.string());
  }
}

TEST_CASE("an outline of an archive gets the records that are asked for", "[archive]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "archive", outline = dir.path() / "outline";
  make_log(from, 60);
  archive_all(from, to, 1);
  const auto sealed = sealed_of(from);
  auto made = archive_outline::make(to, outline);
  REQUIRE(made.has_value());
  const auto v = log_view::open(outline);
  REQUIRE(v.has_value());
  CHECK(v->published_sequence().value + 1 == sealed.back().sequences.end.value);
  REQUIRE(made->unfilled().size() == sealed.size());
  const std::uint64_t wanted = sealed[1].sequences.first.value + 3;
  const auto refused = v->read({wanted});
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code() == errc::damaged);
  CHECK(refused.error().segment() == sealed[1].number);
  REQUIRE(made->fill(sealed[1].number).has_value());
  CHECK(v->read({wanted})->text() == large(wanted));
  CHECK(made->unfilled().size() == sealed.size() - 1);
  CHECK(made->fill(sealed[1].number).has_value());
  CHECK(made->fill(4711).has_value());
  for (const auto number : made->unfilled()) REQUIRE(made->fill(number).has_value());
  check_log(outline, sealed.back().sequences.end.value);
}

TEST_CASE("who expands an archive may give up", "[archive]") {
  const temp_dir dir;
  make_log(dir.path() / "log", 60);
  archive_all(dir.path() / "log", dir.path() / "archive", 1);
  int asked = 0;
  const auto done = expand_archive(dir.path() / "archive", dir.path() / "to", [&] { return ++asked < 3; });
  REQUIRE(!done.has_value());
  CHECK(done.error().code() == errc::cancelled);
  for (const auto& left : fs::directory_iterator{dir.path()}) CHECK(left.path().filename().string().substr(0, 2) != "to");
}

TEST_CASE("its hooks outlive an archiver, and it can be moved", "[archive]") {
  const temp_dir dir;
  make_log(dir.path() / "log", 40);
  archive_hooks hooks;
  {
    auto a = archiver::open(dir.path() / "archive");
    REQUIRE(a.has_value());
    auto b = std::move(*a);
    hooks = b.hooks();
  }
  CHECK(hooks.sealed(sealed_of(dir.path() / "log")[0]));
  CHECK(archiver::open(dir.path() / "archive").error().code() == errc::locked);
}

TEST_CASE("whoever archives is killed: nothing half is taken for whole, and another one goes on", "[archive][kill]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "archive";
  make_log(from, 60);
  const std::uint64_t end = sealed_of(from).back().sequences.end.value;
  const int level = GENERATE(0, 1);
  for (const char* point :
       {"archiver.before_create", "archiver.before_compare", "archiver.before_rename", "archiver.before_state",
        "state.before_store", "state.before_sync", "create.before_directory_sync"})
    for (int nth = 1; nth <= 3; ++nth) {
      INFO(point << ", the " << nth << "th time");
      fs::remove_all(to);
      child_process child{[&] {
        die_at(point, nth);
        const auto a = archiver::open(to, {.compression_level = level});
        for (const auto& s : sealed_of(from)) must(a->hooks().sealed(s));
        return 0;
      }};
      child.wait();
      const bool was_killed = child.was_killed();
      REQUIRE((was_killed || child.exited_with(0)));
      const auto there = expand_archive(to, dir.path() / "expanded");
      INFO((there ? std::string{} : there.error().message()));
      if (there) {
        check_log(dir.path() / "expanded", there->end.value);
        fs::remove_all(dir.path() / "expanded");
      } else {
        CHECK(there.error().code() == errc::not_found);
      }
      archive_all(from, to, level);
      REQUIRE(expand_archive(to, dir.path() / "expanded").has_value());
      check_log(dir.path() / "expanded", end);
      fs::remove_all(dir.path() / "expanded");
      // Temporary names are gone.
      for (const auto& entry : fs::directory_iterator{to}) CHECK(entry.path().extension() != ".new");
    }
}

}  // namespace varve::testing
