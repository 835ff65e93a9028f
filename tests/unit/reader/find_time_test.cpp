// SPDX-License-Identifier: MIT
//
// Finding records by their time: against a vector, in logs and views, beside what goes and what dies.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/dice.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;

const log_options timed{.segment_bytes = 256 * 1024, .record_times = true};

record_time at_ns(std::int64_t ns) { return record_time{std::chrono::nanoseconds{ns}}; }

/// A log, and what a vector knows of it; 0 where there is no record.
struct known_log {
  temp_dir dir{};
  std::optional<log> l = *log::open(dir.path(), timed);
  std::vector<std::int64_t> times{};
  dice random;

  explicit known_log(std::uint64_t seed) : random(seed) {}

  void append(std::int64_t ns) {
    const std::string text(random.below(3000), 'x');
    switch (random.below(5)) {
      case 0: {
        const std::vector<std::string_view> batch(3, text);
        REQUIRE(l->append_batch(batch, {.time = at_ns(ns)}).has_value());
        times.insert(times.end(), 3, ns);
        return;
      }
      case 1: {
        auto c = l->claim(text.size(), {.time = at_ns(ns)});
        REQUIRE(c);
        if (random.one_in(3)) {
          c->abandon();
          times.push_back(0);
          return;
        }
        REQUIRE(c->publish(text.size() / 2).has_value());
        break;
      }
      default: REQUIRE(l->append(text, {.time = at_ns(ns)}).has_value());
    }
    times.push_back(ns);
  }
  /// Some rise, some jump.
  void append_wild(int count) {
    for (int i = 0; i < count; ++i) {
      const auto base = static_cast<std::int64_t>(times.size());
      append(random.one_in(20) ? 1 + static_cast<std::int64_t>(random.below(3000)) : 500 + base);
    }
  }
  [[nodiscard]] std::uint64_t expected(std::int64_t ns, std::uint64_t first) const {
    for (std::uint64_t s = first; s <= times.size(); ++s)
      if (times[s - 1] != 0 && times[s - 1] >= ns) return s;
    return times.size() + 1;
  }
  template <class Log>
  void check(const Log& in, int questions = 150) {
    const std::uint64_t first = in.first_sequence().value;
    const auto ask = [&](std::int64_t ns) {
      const auto found = in.find_time(at_ns(ns));
      CAPTURE(ns, first);
      INFO((found ? std::string{} : found.error().message()));
      REQUIRE(found.has_value());
      REQUIRE(found->value == expected(ns, first));
    };
    for (const std::int64_t ns : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, INT64_MAX}) ask(ns);
    for (int i = 0; i < questions; ++i) {
      const std::int64_t near = times[random.below(times.size())];
      ask(random.one_in(2) ? near + static_cast<std::int64_t>(random.below(3)) - 1
                           : 1 + static_cast<std::int64_t>(random.below(4000)));
    }
  }
  void reopen() {
    l.reset();
    l = *log::open(dir.path(), {.recovery = recovery_mode::strict});
  }
};

std::uint64_t sealed_largest(const std::filesystem::path& dir, std::uint64_t segment) {
  return read_sector<format::seal>(segment_path(dir, segment), format::seal_offset).time_last_ns;
}

}  // namespace

TEST_CASE("find_time says what a vector says: in a log, a view beside it, after a close, and behind trims", "[time][G9]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  known_log k{seed};
  k.append_wild(50);
  k.check(*k.l);
  const auto early = log_view::open(k.dir.path());  // knows the later segments only as they come
  REQUIRE(early);
  for (int i = 0; i < 5; ++i) {
    k.append_wild(200);
    k.check(*k.l);
    k.check(*early);
  }
  CHECK(k.l->stats().rolls >= 3);
  const auto beside = log_view::open(k.dir.path());
  REQUIRE(beside);
  k.check(*beside);
  k.reopen();
  k.check(*k.l);
  for (const std::uint64_t target : {std::uint64_t{3}, k.times.size() / 3, k.times.size() / 2 + 1, k.times.size() - 1}) {
    REQUIRE(k.l->trim_before({target}).has_value());
    k.check(*k.l);
    k.check(*beside);
    k.append_wild(20);
  }
  k.l.reset();
  const auto alone = log_view::open(k.dir.path());
  REQUIRE(alone);
  k.check(*alone);
  k.check(*beside);
}

TEST_CASE("a seal says the smallest and the largest time of its segment, also one that recovery makes", "[time][recovery]") {
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = 64 * 1024, .record_times = true}, [](log& l) {
    for (std::int64_t i = 1; i <= 40; ++i) must(l.append(std::string(4000, 'x'), {.time = at_ns(1000 - i)}).has_value());
  });
  auto l = log::open(dir.path());
  REQUIRE(l);
  CHECK(l->published_sequence().value == 40);
  std::int64_t last = 1000;
  for (const std::uint64_t number : segment_numbers(dir.path())) {
    const auto seal = read_sector<format::seal>(segment_path(dir.path(), number), format::seal_offset);
    if (seal.last == 0) continue;
    CHECK(static_cast<std::int64_t>(seal.time_last_ns) == last - 1);
    CHECK(static_cast<std::int64_t>(seal.time_first_ns) == last - static_cast<std::int64_t>(seal.frames));
    last -= static_cast<std::int64_t>(seal.frames);
  }
  CHECK(last == 960);
  for (std::int64_t ns : {1000, 999, 998, 960, 500}) CHECK(l->find_time(at_ns(ns))->value == (ns > 999 ? 41U : 1U));
}

TEST_CASE("what a dead writer left open has no time, for a view and for the next writer", "[time][recovery][G3]") {
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = 64 * 1024, .record_times = true}, [](log& l) {
    must(l.append("1", {.time = at_ns(10)}).has_value());
    auto lost = l.claim(8, {.time = at_ns(1000)});
    must(lost.has_value());
    must(l.append("3", {.time = at_ns(30)}).has_value());
    ::_exit(0);
  });
  const auto check = [](const auto& in) {
    CHECK(in.find_time(at_ns(11))->value == 3);
    CHECK(in.find_time(at_ns(31))->value == 4);
    CHECK(in.read({3})->time() == at_ns(30));
  };
  {
    const auto v = log_view::open(dir.path());
    REQUIRE(v);
    check(*v);
  }
  const auto l = log::open(dir.path());
  REQUIRE(l);
  check(*l);
}

TEST_CASE("a reader goes to a time, and to the next record if there is none so young", "[time][reader]") {
  known_log k{7};
  for (std::int64_t i = 1; i <= 300; ++i) k.append(10 * i);
  auto r = *k.l->reader();
  REQUIRE(r.seek_time(at_ns(1995)).has_value());
  const auto next = r.next();
  REQUIRE((next && *next));
  CHECK((*next)->time() == at_ns(2000));
  REQUIRE(r.seek_time(at_ns(1'000'000)).has_value());
  CHECK(r.position().value == k.times.size() + 1);
  CHECK_FALSE(r.next()->has_value());
  k.append(5);
  REQUIRE((r.next()->has_value()));
}

TEST_CASE("a log without times finds none, and says why", "[time]") {
  const temp_dir dir;
  const auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
  REQUIRE(l);
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = *l->reader();
  CHECK(l->find_time(at_ns(1)).error().code() == errc::bad_option);
  CHECK(v->find_time(at_ns(1)).error().code() == errc::bad_option);
  CHECK(r.seek_time(at_ns(1)).error().code() == errc::bad_option);
  CHECK(r.seek_time(at_ns(1)).error().path() == "record_times");
  CHECK_FALSE(v->describe()->record_times);
}

TEST_CASE("an empty log, and one of which all was trimmed, answer with the next sequence", "[time][trim]") {
  known_log k{1};
  CHECK(k.l->find_time(at_ns(0))->value == 1);
  CHECK(log_view::open(k.dir.path())->find_time(at_ns(0))->value == 1);
  CHECK(log_view::open(k.dir.path())->describe()->record_times);
  for (int i = 0; i < 10; ++i) REQUIRE(k.l->append("x").has_value());
  REQUIRE(k.l->trim_before({11}).has_value());
  CHECK(k.l->find_time(at_ns(0))->value == 11);
  k.l.reset();
  CHECK(log_view::open(k.dir.path())->find_time(at_ns(0))->value == 11);
}

TEST_CASE("damage that a search has to pass is an error; what its seal says to be older is not passed", "[time][G5]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024, .record_times = true});
    REQUIRE(l);
    for (std::int64_t i = 1; l->stats().rolls < 2; ++i)
      REQUIRE(l->append(std::string(2000, 'x'), {.time = at_ns(i)}).has_value());
  }
  const std::uint64_t second = read_sector<format::activation>(segment_path(dir.path(), 2), format::activation_offset).base;
  flip_bit(segment_path(dir.path(), 1), place_of(dir.path(), 5).offset + format::frame_header_bytes);  // its time
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  CHECK(v->find_time(at_ns(4))->value == 4);
  const auto met = v->find_time(at_ns(6));
  REQUIRE_FALSE(met);
  CHECK(met.error().code() == errc::damaged);
  CHECK(met.error().segment() == 1);
  CHECK(met.error().first_sequence() == 5);
  CHECK(v->find_time(at_ns(static_cast<std::int64_t>(second)))->value == second);
}

TEST_CASE("a seal that lies may hide its segment's records from a search, and does nothing else", "[time][hostile]") {
  known_log k{5};
  for (std::int64_t i = 1; k.l->stats().rolls < 2; ++i) k.append(i);
  k.reopen();
  k.l.reset();
  const auto file = segment_path(k.dir.path(), 1);
  const auto honest = read_sector<format::seal>(file, format::seal_offset);
  REQUIRE(sealed_largest(k.dir.path(), 1) != 0);
  for (const std::uint64_t lie :
       {std::uint64_t{1}, std::uint64_t{0}, honest.time_last_ns + 100, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    CAPTURE(lie);
    auto lying = honest;
    lying.time_last_ns = lie;
    write_sector(file, format::seal_offset, lying);
    const auto v = log_view::open(k.dir.path());
    REQUIRE(v);
    if (lie != 1) k.check(*v, 50);
    const auto hidden = v->find_time(at_ns(2));
    REQUIRE(hidden);
    CHECK(hidden->value >= 1);
    CHECK(hidden->value <= k.times.size() + 1);
  }
}

TEST_CASE("what is found beside appends of many threads is that young, and nothing before it is", "[time][concurrency]") {
  known_log k{9};
  std::atomic<bool> done{false};
  std::vector<std::thread> writers;
  for (int t = 0; t < 3; ++t)
    writers.emplace_back([&] {
      for (int i = 0; i < 3000; ++i) static_cast<void>(k.l->append(std::string(200, 'w')));
      done.store(true);
    });
  int searches = 0;
  while (!done.load() || searches < 20) {
    const auto published = k.l->published_sequence().value;
    if (published == 0) continue;
    const auto some = k.l->read({1 + k.random.below(published)});
    REQUIRE(some);
    const auto found = k.l->find_time(some->time());
    REQUIRE(found);
    REQUIRE(found->value <= some->sequence().value);
    REQUIRE(k.l->read(*found)->time() >= some->time());
    if (found->value > 1) REQUIRE(k.l->read({found->value - 1})->time() < some->time());
    ++searches;
  }
  for (auto& w : writers) w.join();
}

TEST_CASE("retention by age goes by the times of the records", "[time][retention]") {
  known_log k{1};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  const auto hour = std::chrono::nanoseconds{1h}.count();
  while (k.l->stats().rolls < 1) k.append(now_ns - 10 * hour);
  const std::uint64_t young = k.times.size();
  while (k.l->stats().rolls < 2) k.append(now_ns - hour);
  while (k.l->stats().rolls < 3) k.append(now_ns - 10 * hour);
  k.reopen();  // all that has ended is sealed now
  const auto plan = k.l->plan_retention({.max_age = 5h});
  REQUIRE(plan);
  REQUIRE(plan->size() >= 3);
  CHECK(plan->at(0).goes);
  CHECK(plan->at(0).reason == retention_reason::age);
  CHECK_FALSE(plan->at(1).goes);  // one of its records is younger
  CHECK_FALSE(plan->at(2).goes);  // though all of its are old
  REQUIRE(k.l->retain({.max_age = 5h}).has_value());
  CHECK(k.l->first_sequence().value == plan->at(1).sequences.first.value);
  CHECK(k.l->first_sequence().value <= young);
}

}  // namespace varve::testing
