// SPDX-License-Identifier: MIT
//
// What a truncation does beside dropping records: nothing where it is refused, and what is left is as old as it is.
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const log_options small{.segment_bytes = 64 * 1024};

/// A file of the log that has another name elsewhere: nothing can be cut off there.
class linked_file {
 public:
  linked_file(const fs::path& log, std::uint64_t sequence) : link_(elsewhere_.path() / "link") {
    fs::create_hard_link(segment_path(log, place_of(log, sequence).segment), link_);
  }
  void remove() const { fs::remove(link_); }

 private:
  fast_dir elsewhere_;
  fs::path link_;
};

void append_at(log& l, std::uint64_t count, record_time time) {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(l.append(std::string(4000, 't'), {.time = time}).has_value());
}

/// Of the first segment, once it is sealed; until then its age is not known.
retention_verdict oldest_by_age(const log& l) {
  for (;;) {
    const auto plan = l.plan_retention({.max_bytes = 1, .max_age = 1h});
    REQUIRE(plan);
    if (plan->front().reason != retention_reason::not_sealed) break;
    std::this_thread::sleep_for(1ms);
  }
  return l.plan_retention({.max_age = 1h})->front();
}

}  // namespace

TEST_CASE("a truncation that changes nothing costs no segment, and appends go on where they were", "[truncate]") {
  const fast_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_all(*l, "abcde");
  const std::uint64_t segment = place_of(dir.path(), 1).segment;
  SECTION("there is nothing to drop") {
    for (int i = 0; i < 20; ++i) REQUIRE(l->truncate_after({5}).has_value());
  }
  SECTION("it is refused") {
    const linked_file other{dir.path(), 1};
    for (int i = 0; i < 20; ++i) {
      const auto refused = l->truncate_after({3});
      REQUIRE_FALSE(refused);
      CHECK(refused.error().os_errno() == EMLINK);
    }
    other.remove();
  }
  CHECK(l->stats().rolls == 0);
  append_all(*l, "fg");
  CHECK(place_of(dir.path(), 7).segment == segment);
  CHECK(texts_of(*l) == "a b c d e f g ");
  REQUIRE(l->truncate_after({6}).has_value());
  append_all(*l, "h");
  CHECK(l->stats().rolls == 1);
  REQUIRE(l->close().has_value());
  l = log::open(dir.path(), {.recovery = recovery_mode::strict});
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c d e f h ");
}

TEST_CASE("appends that come while truncations are refused wait, and lose nothing", "[truncate][append]") {
  const fast_dir dir;
  auto l = log::open(dir.path(), {.segment_bytes = 1 << 20});
  REQUIRE(l);
  REQUIRE(l->append("first").has_value());
  const linked_file other{dir.path(), 1};
  constexpr std::uint64_t threads = 3, each = 3'000;
  {
    std::vector<std::jthread> running;
    for (std::uint64_t t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < each; ++i)
          if (!l->append(std::to_string(t) + ' ' + std::to_string(i))) std::abort();
      });
    while (l->published_sequence() == sequence{1}) std::this_thread::yield();  // until there is something to drop
    while (l->published_sequence() < sequence{threads * each}) CHECK_FALSE(l->truncate_after({1}));
  }
  CHECK(l->stats().rolls == 0);
  std::vector<std::uint64_t> next(threads, 0);
  std::uint64_t s = 0;
  for (const auto& r : l->records()) {
    REQUIRE(r);
    REQUIRE(r->sequence().value == ++s);
    if (s == 1) continue;
    const std::string text{r->text()};
    const auto t = static_cast<std::size_t>(text[0] - '0');
    CHECK(text == std::to_string(t) + ' ' + std::to_string(next[t]++));
  }
  CHECK(next == std::vector<std::uint64_t>(threads, each));
  REQUIRE(l->close().has_value());
  CHECK(verify(dir.path())->findings.empty());
}

TEST_CASE("what a truncation leaves of a sealed segment is as old as the records that are left",
          "[truncate][retention][time]") {
  const fast_dir dir;
  auto options = small;
  options.record_times = true;
  auto l = log::open(dir.path(), options);
  REQUIRE(l);
  const auto now = record_time{std::chrono::system_clock::now().time_since_epoch()}, before = now - 2h;
  SECTION("cut inside, where all that is left is old") {
    append_at(*l, 5, before);
    append_at(*l, 20, now);
    CHECK_FALSE(oldest_by_age(*l).goes);
    REQUIRE(l->truncate_after({5}).has_value());
  }
  SECTION("cut inside, where something young is left") {
    append_at(*l, 4, before);
    append_at(*l, 21, now);
    CHECK_FALSE(oldest_by_age(*l).goes);
    REQUIRE(l->truncate_after({5}).has_value());
    append_at(*l, 1, now);
    CHECK_FALSE(oldest_by_age(*l).goes);
    return;
  }
  SECTION("cut where it ends") {
    append_at(*l, 15, before);
    append_at(*l, 20, now);
    const auto first = oldest_by_age(*l);
    CHECK(first.goes);
    REQUIRE(first.sequences.end == sequence{16});
    REQUIRE(l->truncate_after({15}).has_value());
  }
  append_at(*l, 1, now);
  CHECK(oldest_by_age(*l).reason == retention_reason::age);
}

}  // namespace varve::testing
