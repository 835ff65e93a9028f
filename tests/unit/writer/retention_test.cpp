// SPDX-License-Identifier: MIT
//
// Which segments go by themselves, and why: the decision as a function, and as a log carries it out.
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "chain/retention_policy.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/stepwise_writer.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;
using core::retained_segment;
constexpr std::uint64_t second_ns = 1'000'000'000;

/// Five segments of ten records and a hundred bytes each, a second apart; the last one takes appends.
std::vector<retained_segment> five() {
  std::vector<retained_segment> all;
  for (std::uint64_t i = 1; i <= 5; ++i)
    all.push_back(
        {.number = i, .base = 10 * i, .end = 10 * i + 10, .bytes = 100, .newest_ns = i * second_ns, .sealed = i < 5});
  return all;
}
constexpr std::uint64_t now_ns = 5 * second_ns;

/// "BB.": a letter for each segment, capital if it goes.
std::string verdicts_of(const std::vector<retained_segment>& all, const retention_rules& rules,
                        const core::saved_positions& saved = {}) {
  std::string letters;
  for (const auto& v : core::decide_retention(all, rules, saved, now_ns)) {
    const char letter = "wurocaxBSAC"[static_cast<std::size_t>(v.reason)];
    CHECK(v.goes == (letter < 'a'));
    letters += letter;
  }
  return letters;
}

const log_options small{.segment_bytes = 64 * 1024};

/// Fifteen to a segment.
std::string large(std::uint64_t s) { return std::to_string(s) + std::string(4000, '.'); }
void append_large(log& l, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto s = l.append(large(l.published_sequence().value + 1));
    INFO((s ? std::string{} : s.error().message()));
    REQUIRE(s.has_value());
  }
}
void check_large(const log& l) {
  for (std::uint64_t s = l.first_sequence().value; s <= l.published_sequence().value; ++s) {
    const auto r = l.read({s});
    if (!r && r.error().code() == errc::trimmed) continue;  // in the background, meanwhile
    REQUIRE(r.has_value());
    REQUIRE(r->text() == large(s));
  }
}

/// Of segment files, as the directory has them.
std::uint64_t disk_bytes(const std::filesystem::path& dir) {
  std::uint64_t sum = 0;
  std::error_code gone;
  for (const auto number : segment_numbers(dir)) {
    const auto bytes = std::filesystem::file_size(segment_path(dir, number), gone);
    if (!gone) sum += bytes;
  }
  return sum;
}

/// Waits for the background.
template <class Condition>
void wait_until(Condition c) {
  const auto begin = std::chrono::steady_clock::now();
  while (!c()) {
    REQUIRE(std::chrono::steady_clock::now() - begin < 30s);
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace

TEST_CASE("each rule makes the oldest segments go, and says so", "[retention]") {
  const auto all = five();
  CHECK(verdicts_of(all, {}) == "wxxxx");
  CHECK(verdicts_of(all, {.max_bytes = 500}) == "wxxxx");
  CHECK(verdicts_of(all, {.max_bytes = 499}) == "Bwxxx");
  CHECK(verdicts_of(all, {.max_bytes = 300}) == "BBwxx");
  CHECK(verdicts_of(all, {.max_bytes = 1}) == "BBBBu");
  CHECK(verdicts_of(all, {.max_segments = 5}) == "wxxxx");
  CHECK(verdicts_of(all, {.max_segments = 2}) == "SSSwx");
  CHECK(verdicts_of(all, {.max_age = 10s}) == "wxxxx");
  CHECK(verdicts_of(all, {.max_age = 2s}) == "AAwxx");
  CHECK(verdicts_of(all, {.max_age = std::chrono::seconds::max()}) == "wxxxx");
  CHECK(verdicts_of(all, {.max_age = -5s}) == "wxxxx");
  CHECK(verdicts_of(all, {.max_bytes = 400, .max_segments = 3, .max_age = 1s}) == "BSAwx");
  CHECK(verdicts_of({}, {.max_bytes = 1}).empty());
}

TEST_CASE("what is to be kept holds against every limit", "[retention]") {
  auto all = five();
  CHECK(verdicts_of(all, {.max_bytes = 1, .keep_records = 40}) == "Brxxx");
  CHECK(verdicts_of(all, {.max_bytes = 1, .keep_records = 39}) == "Brxxx");
  CHECK(verdicts_of(all, {.max_bytes = 1, .keep_records = 30}) == "BBrxx");
  CHECK(verdicts_of(all, {.max_bytes = 1, .keep_records = 1'000}) == "rxxxx");
  all[1].has_reader = true;
  CHECK(verdicts_of(all, {.max_bytes = 1}) == "BBBBu");
  CHECK(verdicts_of(all, {.max_bytes = 1, .keep_for_readers = true}) == "Boxxx");
  CHECK(verdicts_of(all, {.max_bytes = 1, .keep_for_readers = true, .readers_max_bytes = 400}) == "Boxxx");
  CHECK(verdicts_of(all, {.max_bytes = 1, .keep_for_readers = true, .readers_max_bytes = 399}) == "BBBBu");
  CHECK(verdicts_of(all, {.max_bytes = 1, .keep_for_readers = true, .readers_max_age = 3s}) == "Boxxx");
  CHECK(verdicts_of(all, {.max_bytes = 1, .keep_for_readers = true, .readers_max_age = 2s}) == "BBBBu");
  all[1].sealed = false;
  CHECK(verdicts_of(all, {.max_bytes = 1}) == "Buxxx");
}

TEST_CASE("what was saved elsewhere goes, and what was not stays", "[retention][checkpoint][archive]") {
  auto all = five();  // which end at 20, 30, 40, 50, 60
  CHECK(verdicts_of(all, {}, {.checkpoint = 0}) == "wxxxx");
  CHECK(verdicts_of(all, {}, {.checkpoint = 28}) == "Cwxxx");
  CHECK(verdicts_of(all, {}, {.checkpoint = 29}) == "CCwxx");
  CHECK(verdicts_of(all, {}, {.checkpoint = 59}) == "CCCCu");
  CHECK(verdicts_of(all, {.max_bytes = 1}, {.checkpoint = 29}) == "BBcxx");
  CHECK(verdicts_of(all, {.max_bytes = 400}, {.checkpoint = 29}) == "BCwxx");
  CHECK(verdicts_of(all, {.max_bytes = 1}, {.archived = 29}) == "BBaxx");
  CHECK(verdicts_of(all, {}, {.archived = 29}) == "wxxxx");
  CHECK(verdicts_of(all, {}, {.checkpoint = 59, .archived = 29}) == "CCaxx");
  CHECK(verdicts_of(all, {.max_bytes = 1}, {.checkpoint = 19, .archived = 9}) == "axxxx");
  CHECK(verdicts_of(all, {.max_bytes = 1}, {.checkpoint = 18, .archived = 9}) == "cxxxx");
  CHECK(verdicts_of(all, {.keep_records = 30}, {.checkpoint = 59}) == "CCrxx");
  all[1].has_reader = true;
  CHECK(verdicts_of(all, {.keep_for_readers = true}, {.checkpoint = 59}) == "Coxxx");
  CHECK(verdicts_of(all, {}, {.checkpoint = 59}) == "CCCCu");
}

TEST_CASE("every reason has a text of its own", "[retention]") {
  std::string all;
  for (int i = 0; i <= static_cast<int>(retention_reason::checkpointed); ++i) {
    const std::string text{text_of(static_cast<retention_reason>(i))};
    CHECK(text != "unknown");
    CHECK_THAT(all, !Catch::Contains(text));
    all += text + '\n';
  }
}

TEST_CASE("a log drops what its rules let go, in the background", "[retention][trim]") {
  const temp_dir dir;
  log_options options = small;
  options.retention.max_segments = 4;
  auto l = log::open(dir.path(), options);
  REQUIRE(l);
  append_large(*l, 300);
  wait_until([&] { return l->stats().segments <= 4; });
  check_large(*l);
  CHECK(l->published_sequence().value - l->first_sequence().value >= 2 * 15);
  while (l->stats().recycled == 0) append_large(*l, 1);  // once the sealer has come to it
}

TEST_CASE("records grow too old while nothing is appended", "[retention]") {
  const temp_dir dir;
  log_options options = small;
  options.retention.max_age = 1s;
  auto l = log::open(dir.path(), options);
  REQUIRE(l);
  append_large(*l, 100);
  wait_until([&] { return l->stats().segments == 1; });
  CHECK(l->first_sequence() > sequence{90});
  check_large(*l);
}

TEST_CASE("what would go is told before it goes, and what went after", "[retention]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_large(*l, 100);
  const retention_rules rules{.max_segments = 3};
  wait_until([&] { return (*l->plan_retention({.max_segments = 1}))[5].goes; });  // all are sealed but the last
  const auto plan = l->plan_retention(rules);
  REQUIRE(plan);
  REQUIRE(plan->size() == 7);
  CHECK(l->first_sequence() == sequence{1});
  const auto gone = l->retain(rules);
  REQUIRE(gone);
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK((*plan)[i].goes == (i < 4));
    CHECK((*gone)[i].goes == (i < 4));
    CHECK((*gone)[i].segment == (*plan)[i].segment);
    CHECK((*gone)[i].sequences == (*plan)[i].sequences);
  }
  CHECK(l->first_sequence() == (*plan)[4].sequences.first);
  CHECK(l->stats().segments == 3);
  const auto again = l->retain(rules);
  REQUIRE(again);
  CHECK(again->size() == 3);
  CHECK_FALSE(again->front().goes);
  check_large(*l);
}

TEST_CASE("segments in which somebody reads are kept, if that is the rule", "[retention]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_large(*l, 100);
  wait_until([&] { return (*l->plan_retention({.max_segments = 1}))[5].goes; });
  const retention_rules rules{.max_segments = 2, .keep_for_readers = true};
  SECTION("in this process") {
    auto r = l->reader({20});
    REQUIRE(r);
    REQUIRE(r->next().has_value());
    REQUIRE(l->retain(rules).has_value());
    CHECK(l->first_sequence() == sequence{16});
    CHECK((*r->next())->sequence() == sequence{21});
    REQUIRE(r->seek({80}).has_value());
    REQUIRE(l->retain(rules).has_value());
    CHECK(l->first_sequence() == sequence{76});
  }
  SECTION("by a view") {
    const auto v = log_view::open(dir.path());
    REQUIRE(v);
    {
      const auto held = v->read({20});
      REQUIRE(held);
      const auto plan = l->plan_retention(rules);
      REQUIRE(plan);
      CHECK((*plan)[1].reason == retention_reason::reader);
    }
  }
}

TEST_CASE("a reader in another process holds a segment up to the bound, and then keeps its bytes while the file goes",
          "[retention][view][G8]") {
  const temp_dir dir;
  const auto sealed = [](log& l) {
    append_large(l, 60);
    must(l.sync().has_value());
    const auto is_sealed = [&] { return l.plan_retention({.max_segments = 1})->front().goes; };
    for (int tries = 0; !is_sealed() && tries < 3000; ++tries) std::this_thread::sleep_for(10ms);
    must(is_sealed());
  };
  const auto within_bound = [](log& l) {
    must(!l.retain({.max_segments = 1, .keep_for_readers = true, .readers_max_bytes = 1 << 30})->front().goes);
  };
  const auto beyond_it = [](log& l) {
    must(l.retain({.max_segments = 1, .keep_for_readers = true, .readers_max_bytes = 64 * 1024})->front().goes);
  };
  stepwise_writer w{dir.path(), {sealed, within_bound, beyond_it}, {.segment_bytes = 64 * 1024, .spare_segments = 0}};
  w.go();
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = v->reader();
  REQUIRE(r);
  const auto held = (*r->next())->pin();
  const std::uint64_t number = segment_numbers(dir.path()).front();
  const auto pins = v->describe()->pins;
  REQUIRE_FALSE(pins.empty());
  CHECK(pins.front().segment == number);
  CHECK(pins.front().process == static_cast<std::uint64_t>(::getpid()));
  w.go();
  REQUIRE(std::filesystem::exists(segment_path(dir.path(), number)));
  w.go();
  CHECK_FALSE(std::filesystem::exists(segment_path(dir.path(), number)));
  CHECK(held.text() == large(1));
  CHECK(r->next().error().code() == errc::trimmed);
  CHECK(held.text() == large(1));
  REQUIRE(r->seek({}).has_value());
  CHECK((*r->next())->text() == large(v->first_sequence().value));
}

TEST_CASE("a log never takes more disk than it may", "[retention][G7]") {
  const temp_dir dir;
  constexpr std::uint64_t cap = 10 * 64 * 1024;
  log_options options = small;
  options.max_disk_bytes = cap;

  SECTION("the oldest goes") {
    options.when_full = when_full::drop_oldest;
    auto l = log::open(dir.path(), options);
    REQUIRE(l);
    std::uint64_t most = 0;
    for (int i = 0; i < 60; ++i) {
      append_large(*l, 10);
      most = std::max(most, disk_bytes(dir.path()));
      CHECK(l->stats().bytes_allocated <= cap);
    }
    CHECK(most <= cap);
    CHECK(l->published_sequence() == sequence{600});
    CHECK(l->first_sequence() <= sequence{600 - 4 * 15});
    check_large(*l);
    // Whoever reads keeps his bytes, which count.
    const auto held = l->read(l->first_sequence());
    REQUIRE(held);
    const std::string text{held->text()};
    append_large(*l, 300);
    CHECK(held->text() == text);
    CHECK(disk_bytes(dir.path()) <= cap - 64 * 1024);
  }
  SECTION("appends are refused until something was trimmed") {
    options.when_full = when_full::refuse;
    auto l = log::open(dir.path(), options);
    REQUIRE(l);
    result<sequence> s = sequence{};
    for (int i = 0; i < 1'000 && s; ++i) s = l->append(large(l->published_sequence().value + 1));
    REQUIRE_FALSE(s.has_value());
    CHECK(s.error().code() == errc::no_space);
    CHECK(disk_bytes(dir.path()) <= cap);
    CHECK(l->append("again").error().code() == errc::no_space);
    CHECK(l->published_sequence().value == 10 * 15);
    REQUIRE(l->trim_before({100}).has_value());
    append_large(*l, 50);
    CHECK(disk_bytes(dir.path()) <= cap);
    check_large(*l);
  }
  SECTION("appends wait until something was trimmed") {
    options.when_full = when_full::wait;
    auto l = log::open(dir.path(), options);
    REQUIRE(l);
    std::jthread trims{[&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const std::uint64_t last = l->published_sequence().value;
        if (last > 20) static_cast<void>(l->trim_before({last - 20}));
        std::this_thread::sleep_for(1ms);
      }
    }};
    append_large(*l, 600);
    CHECK(disk_bytes(dir.path()) <= cap);
    CHECK(l->published_sequence() == sequence{600});
  }
  SECTION("a log that waits goes on by its rules once a reader has moved, though nothing more is sealed") {
    options.when_full = when_full::wait;
    options.retention = {.max_bytes = 4 * 64 * 1024, .keep_for_readers = true};
    auto l = log::open(dir.path(), options);
    REQUIRE(l);
    append_large(*l, 1);
    auto reader = l->reader({1});
    REQUIRE(reader);
    REQUIRE((*reader->next()).has_value());
    std::jthread appends{[&] {  // without Catch2, which is for one thread
      for (std::uint64_t s = 2; s <= 601; ++s)
        if (!l->append(large(s))) return;
    }};
    wait_until([&] { return l->stats().segments == 10; });
    for (std::uint64_t s = 2; s <= 601; ++s) {
      INFO(s);
      REQUIRE(reader->wait(std::chrono::steady_clock::now() + 30s) == true);
      const auto r = reader->next();
      REQUIRE((r && *r));
      REQUIRE((*r)->sequence() == sequence{s});
    }
    CHECK(disk_bytes(dir.path()) <= cap);
  }
  SECTION("a log that waits can be closed") {
    options.when_full = when_full::wait;
    auto l = log::open(dir.path(), options);
    REQUIRE(l);
    std::jthread appends{[&] {
      for (;;)
        if (!l->append(large(1))) return;
    }};
    wait_until([&] { return l->stats().segments == 10; });
    CHECK(l->close().has_value());
  }
  SECTION("too little for any log") {
    options.max_disk_bytes = 3 * 64 * 1024;
    const auto l = log::open(dir.path(), options);
    REQUIRE_FALSE(l.has_value());
    CHECK(l.error().code() == errc::bad_option);
    CHECK(l.error().path() == "max_disk_bytes");
  }
}

}  // namespace varve::testing
