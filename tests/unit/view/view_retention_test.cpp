// SPDX-License-Identifier: MIT
//
// plan_retention() of a view: the same verdicts as those of the log, beside a writer, and of a log that it opens next.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/stepwise_writer.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

const log_options small{.segment_bytes = 64 * 1024};

/// Three to a segment.
void append_large(log& l, int count) {
  for (int i = 0; i < count; ++i) must(l.append(std::string(20'000, 'x')).has_value());
}

std::string text_of(const result<std::vector<retention_verdict>>& verdicts) {
  if (!verdicts) return verdicts.error().message();
  std::string all;
  for (const auto& v : *verdicts)
    all += std::to_string(v.segment) + ": " + std::to_string(v.sequences.first.value) + " to " +
           std::to_string(v.sequences.end.value) + ", " + std::to_string(v.bytes) + (v.goes ? " goes, " : " stays, ") +
           std::string{varve::text_of(v.reason)} + '\n';
  return all;
}

const std::vector<retention_rules> some_rules = {{},
                                                 {.max_segments = 1},
                                                 {.max_segments = 2},
                                                 {.max_bytes = 3 * 64 * 1024, .keep_records = 4},
                                                 {.max_segments = 1, .keep_for_readers = true},
                                                 {.max_age = std::chrono::hours{1}}};

/// What the view said of the next open is what the log says once it is open.
void check_next_open(const std::filesystem::path& dir) {
  std::vector<std::string> foretold;
  {
    const auto v = log_view::open(dir);
    REQUIRE(v);
    const auto before = image_of(dir);
    for (const auto& rules : some_rules) foretold.push_back(text_of(v->plan_retention(rules)));
    CHECK((image_of(dir) == before));
  }
  const auto l = log::open(dir, small);
  REQUIRE(l);
  for (std::size_t i = 0; i < some_rules.size(); ++i) CHECK(text_of(l->plan_retention(some_rules[i])) == foretold[i]);
}

}  // namespace

TEST_CASE("a view foretells what retention will drop: of a log that was closed", "[view][retention]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    append_large(*l, 10);
    REQUIRE(l->close().has_value());
  }
  check_next_open(dir.path());
  REQUIRE(log::open(dir.path(), small)->trim_before({5}).has_value());
  check_next_open(dir.path());
  REQUIRE(log::open(dir.path(), small)->reset({100}).has_value());
  check_next_open(dir.path());
}

TEST_CASE("a view foretells what retention will drop: after a death and a power loss", "[view][retention][recovery]") {
  const bool power_loss = GENERATE(false, true);
  const int records = GENERATE(0, 9, 10);
  CAPTURE(power_loss, records);
  const temp_dir dir;
  die_with(dir.path(), small, [records](log& l) { append_large(l, records); });
  if (records == 10) clear_stamp(dir.path(), 8);
  if (power_loss) make_power_loss(dir.path());
  check_next_open(dir.path());
}

TEST_CASE("a view says what retention would drop beside a living writer", "[view][retention]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_large(*l, 4);
  REQUIRE(l->sync().has_value());
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  for (int round = 0; round < 3; ++round) {
    append_large(*l, 6);
    REQUIRE(l->sync().has_value());
    // Sealed in the background; the file says it a moment before the log does.
    const auto is_sealed = [&l] { return (*l->plan_retention({.max_segments = 1})).rbegin()[1].goes; };
    const auto begin = std::chrono::steady_clock::now();
    while (!is_sealed()) {
      REQUIRE(std::chrono::steady_clock::now() - begin < std::chrono::seconds{30});
      std::this_thread::yield();
    }
    for (const auto& rules : some_rules) CHECK(text_of(v->plan_retention(rules)) == text_of(l->plan_retention(rules)));
  }
}

TEST_CASE("a view keeps what is read from what would go", "[view][retention]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    append_large(*l, 12);
  }
  const auto v = log_view::open(dir.path()), other = log_view::open(dir.path());
  REQUIRE(v);
  const retention_rules rules{.max_segments = 1, .keep_for_readers = true};
  CHECK(v->plan_retention(rules)->front().goes);
  const auto held = other->read({4});
  REQUIRE(held);
  const auto verdicts = v->plan_retention(rules);
  REQUIRE(verdicts);
  CHECK((*verdicts)[0].goes);
  CHECK((*verdicts)[1].reason == retention_reason::reader);
  CHECK((*verdicts)[2].reason == retention_reason::behind_kept);
}

TEST_CASE("describe tells whether the next open would cut, and which sequences", "[view][recovery]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 3);
  clear_stamp(dir.path(), 5);
  const auto dead = log_view::open(dir.path())->describe();
  REQUIRE(dead);
  CHECK_FALSE(dead->would_cut);
  CHECK(dead->next_open->cut.size() == 0);
  make_power_loss(dir.path());
  const auto torn = log_view::open(dir.path())->describe();
  REQUIRE(torn);
  CHECK(torn->would_cut);
  CHECK(torn->next_open->cut.first.value == 5);
  CHECK(torn->next_open->cut.end.value == 7);
  const auto before = image_of(dir.path());
  CHECK(log::open(dir.path(), {.recovery = recovery_mode::strict}).error().code() == errc::would_cut);
  CHECK(rebuild_indexes(dir.path()).error().code() == errc::would_cut);
  CHECK((image_of(dir.path()) == before));
  CHECK(log::open(dir.path())->recovery().cut_records == 2);
  CHECK_FALSE(log_view::open(dir.path())->describe()->would_cut);
}

TEST_CASE("rebuild_indexes says what it recovered", "[recovery]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 3);
  clear_stamp(dir.path(), 5);
  const auto done = rebuild_indexes(dir.path());
  REQUIRE(done);
  CHECK(done->recovered.stepped_over == 1);
  CHECK_FALSE(done->recovered.clean);
}

}  // namespace varve::testing
