// SPDX-License-Identifier: MIT
//
// All verbs that make a log out of another one keep everything: copy, salvage, backup, archive and expand.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/dice.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"
#include "support/log_picture.hpp"
#include "support/random_log.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

namespace fs = std::filesystem;

/// The picture of what a verb makes of the log.
log_picture made_by(const std::string& verb, const fs::path& log, const fs::path& to, bool has_lost = false) {
  const ran r = run({verb, log, to});
  INFO(verb << " answers " << r.exit_code << ": " << r.err << r.out);
  REQUIRE(r.exit_code == (has_lost && verb == "salvage" ? 1 : 0));
  CHECK(run({"verify", to}).exit_code == 0);
  return picture_of(to);
}

/// What the random logs had, so that it is known that they had all of it.
struct tally {
  std::uint64_t cut_batches = 0, cut_entries = 0, abandoned = 0, not_recovered = 0, lost = 0;

  void add(const fs::path& log) {
    const auto view = *varve::log_view::open(log);
    abandoned += view.published_sequence().value + 1 - view.first_sequence().value;
    std::uint64_t epoch = 0;
    bool goes_on = false, is_chunk = false;
    varve::reader all = *view.reader();
    for (auto r = all.next(); !r || *r; r = all.next()) {
      if (!r) {  // what the log has lost
        abandoned -= r.error().last_sequence() + 1 - r.error().first_sequence();
        REQUIRE(all.seek({r.error().last_sequence() + 1}).has_value());
        continue;
      }
      --abandoned;
      const varve::record& it = **r;
      if (goes_on && it.epoch() != epoch) ++(is_chunk ? cut_entries : cut_batches);
      epoch = it.epoch();
      goes_on = it.batch_goes_on();
      is_chunk = it.is_chunk();
    }
    if (run({"stat", log, "--json"}).json().at("next_open").at("stepped_over") != 0) ++not_recovered;
  }
};

/// Damages a record or a segment, and goes on without it. How many sequences that were.
std::uint64_t lose_something(const fs::path& log, std::uint64_t seed) {
  dice d{seed};
  REQUIRE(varve::log::open(log)->close().has_value());  // what is not finished does not say how long it is
  const auto numbers = segment_numbers(log);
  const auto view = *varve::log_view::open(log);
  const std::uint64_t first = view.first_sequence().value, published = view.published_sequence().value;
  if (published < first || numbers.empty()) return 0;
  if (d.one_in(3) && numbers.size() > 2) {
    fs::remove(segment_path(log, numbers[d.below(numbers.size() - 1)]));
  } else {
    for (int i = 0; i < 4; ++i) {
      const std::uint64_t s = d.between(first, published);
      if (view.read({s}) && place_of(log, s).payload_bytes > 0) flip_payload_bit(log, s);
    }
  }
  auto l = varve::log::open(log, {.recovery = varve::recovery_mode::accept_loss});
  if (!l) FAIL(l.error().message());
  REQUIRE(l->close().has_value());
  return l->recovery().given_up;
}

/// Only what is sealed is archived; and archive opens the log, which recovers it.
void check_archive(const fs::path& log, const fs::path& archive, const fs::path& to, const log_picture& should) {
  const ran archived = run({"archive", log, archive, "--compress", "1", "--json"});
  INFO(archived.err);
  REQUIRE(archived.exit_code == 0);
  REQUIRE(difference(picture_of(log), should) == "");
  if (archived.json().at("segments") == 0) return;
  REQUIRE(run({"expand", archive, to}).exit_code == 0);
  const log_picture expanded = picture_of(to);
  CHECK(expanded.next == archived.json().at("archived").get<std::uint64_t>() + 1);
  // An archive keeps whole segments, and so what was trimmed in the first one.
  REQUIRE(expanded.first <= should.first);
  const std::uint64_t end = std::max(expanded.next, should.first);
  REQUIRE(difference(expanded.part(should.first, end), should.part(should.first, end)) == "");
}

}  // namespace

TEST_CASE("copy, salvage, backup, archive and expand keep all that there is to know of a log", "[tool][copy][property]") {
  const std::uint64_t cases = number_from_environment("VARVE_CASES", 40);
  const std::uint64_t seed = number_from_environment("VARVE_SEED", 1);
  tally had;
  for (std::uint64_t i = 0; i < cases; ++i) {
    INFO("VARVE_CASES=1 VARVE_SEED=" << seed + i);
    const fast_dir dir;
    const fs::path log = dir.path() / "log";
    random_log{log, seed + i}.make();
    if ((seed + i) % 3 == 0) had.lost += lose_something(log, seed + i);
    had.add(log);
    const auto before = snapshot(log);
    const log_picture should = picture_of(log);
    for (const std::string verb : {"copy", "salvage", "backup"}) {
      INFO(verb);
      REQUIRE(difference(made_by(verb, log, dir.path() / verb, !should.lost.empty()), should) == "");
    }
    REQUIRE((snapshot(log) == before));
    check_archive(log, dir.path() / "archive", dir.path() / "expanded", should);
  }
  if (cases < 40) return;
  CHECK(had.cut_batches != 0);
  CHECK(had.cut_entries != 0);
  CHECK(had.abandoned != 0);
  CHECK(had.not_recovered != 0);
  CHECK(had.lost != 0);
}

TEST_CASE("a batch or entry that was truncated in the middle, or trimmed, stays what it is in a copy", "[tool][copy]") {
  const place p;
  {
    varve::append_options five, six, seven;
    five.type = 5;
    five.time = varve::record_time{std::chrono::nanoseconds{1000}};
    six.type = 6;
    seven.type = 7;
    seven.time = varve::record_time{std::chrono::nanoseconds{2000}};
    auto l = *varve::log::open(p.log, {.segment_bytes = 65'536, .record_times = true});
    const std::string_view batch[] = {"b1", "b2", "b3"};
    REQUIRE(l.append_batch(batch, five).has_value());
    REQUIRE(l.truncate_after({2}).has_value());
    REQUIRE(l.append("after", seven).has_value());
    auto e = *l.begin_entry(six);
    for (const char* chunk : {"c1", "c2", "c3"}) REQUIRE(e.write_chunk(chunk).has_value());
    REQUIRE(e.publish().has_value());
    REQUIRE(l.truncate_after({5}).has_value());
    REQUIRE(l.append_batch(batch, seven).has_value());
    REQUIRE(l.truncate_after({7}).has_value());  // and nothing after it
    REQUIRE(l.trim_before({2}).has_value());
    REQUIRE(l.close().has_value());
  }
  const log_picture should = picture_of(p.log);
  REQUIRE(should.records.size() == 6);
  CHECK(should.records[0] == pictured_record{2, 5, 1000, false, true, "b2"});
  CHECK(should.records[1] == pictured_record{3, 7, 2000, false, false, "after"});
  for (const std::string verb : {"copy", "salvage", "backup"})
    CHECK(difference(made_by(verb, p.log, p.file(verb)), should) == "");
}

namespace {

/// What a copy says that was told to accept the loss, and what it holds.
void check_accepted(const place& p, const std::string& log, std::uint64_t records, std::uint64_t lost) {
  const std::string to = p.file("accepted");
  const ran r = run({"copy", log, to, "--accept-loss", "--json"});
  INFO(r.out << r.err);
  CHECK(r.exit_code == (lost == 0 ? 0 : 1));
  CHECK(r.json().at("records") == records);
  CHECK(r.json().at("lost") == lost);
  CHECK(r.json().at("losses").empty() == (lost == 0));
  CHECK(r.json().at("abandoned") == 0);
  const log_picture made = picture_of(to);
  CHECK(made.records.size() == records);
  CHECK(made.lost.size() == lost);  // their numbers are not given out again
  fs::remove_all(to);
  const ran text = run({"copy", log, to, "--accept-loss"});
  CHECK(text.exit_code == r.exit_code);
  if (lost != 0)
    CHECK_THAT(text.out,
               Catch::Contains("damage: ") && Catch::Contains("; " + std::to_string(lost) + " sequences are lost"));
  fs::remove_all(to);
}

void check_refused(const place& p, const std::string& log) {
  const auto before = snapshot(log);
  for (const std::string verb : {"copy", "backup"}) {
    const ran r = run({verb, log, p.file("refused"), "--json"});
    INFO(verb << ": " << r.out << r.err);
    CHECK(r.exit_code == 4);
    CHECK(r.out.empty());
    CHECK(r.error().at("path") == log);
    CHECK(!r.error().at("sequences").is_null());
  }
  for (const auto& left : fs::directory_iterator{p.directory.path()}) CHECK_THAT(left.path(), !Catch::Contains("refused"));
  CHECK((snapshot(log) == before));
}

}  // namespace

TEST_CASE("copy refuses what backup refuses, and says what is lost if it is told to accept that", "[tool][copy][G5]") {
  const place p;
  const std::string copy = p.file("cp-r");
  std::string lines;
  for (int i = 1; i <= 100; ++i) lines += std::to_string(i) + std::string(4000, '.') + '\n';
  REQUIRE(run({"create", p.log, "--segment-size", "64KiB"}).exit_code == 0);
  REQUIRE(run({"append", p.log}, lines).exit_code == 0);
  const auto numbers = segment_numbers(p.log);
  const std::uint64_t last = run({"ls", p.log, "--json"}).json().at("segments").back().at("sequences").at("first");
  SECTION("one byte of a log in its place") {
    flip_payload_bit(p.log, 20);
    check_refused(p, p.log);
    check_accepted(p, p.log, 99, 1);
  }
  SECTION("the same in the last segment") {
    flip_payload_bit(p.log, last);
    check_refused(p, p.log);
    check_accepted(p, p.log, 99, 1);
  }
  SECTION("one byte of a copy") {
    fs::copy(p.log, copy);
    flip_payload_bit(copy, 20);
    check_refused(p, copy);
    check_accepted(p, copy, 99, 1);
  }
  SECTION("a copy that lacks its last segments") {
    fs::copy(p.log, copy);
    for (std::size_t i = numbers.size() - 2; i < numbers.size(); ++i) fs::remove(segment_path(copy, numbers[i]));
    check_refused(p, copy);
    check_accepted(p, copy, last - 16, 100 - (last - 16));
  }
  SECTION("a copy that lacks all of them") {
    fs::copy(p.log, copy);
    for (const auto number : numbers) fs::remove(segment_path(copy, number));
    check_refused(p, copy);
    check_accepted(p, copy, 0, 100);
  }
}

TEST_CASE("copy leaves a torn end out, as the next open does, and says so", "[tool][copy]") {
  const place p;
  die_after(p.log, "abcdefgh", 4);
  clear_stamp(p.log, 7);
  make_power_loss(p.log);
  const ran r = run({"copy", p.log, p.file("copy"), "--json"});
  REQUIRE(r.exit_code == 0);
  CHECK(r.json().at("records") == 6);
  CHECK(r.json().at("lost") == 0);
  REQUIRE(r.json().at("left_out").size() == 1);
  CHECK(r.json().at("left_out").at(0).at("kind") == "cut");
  CHECK_THAT(run({"copy", p.log, p.file("again")}).out,
             Catch::Contains("torn end") && Catch::Contains("; a torn end is left out"));
  REQUIRE(run({"copy", p.log, p.file("told"), "--accept-loss"}).exit_code == 0);
  CHECK(difference(picture_of(p.file("told")), picture_of(p.log)) == "");
}
