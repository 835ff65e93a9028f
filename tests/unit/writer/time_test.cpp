// SPDX-License-Identifier: MIT
//
// Times of records: what is stored with each, in which way it was appended whatever, and what a log without times has.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "os/process.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

const log_options timed{.segment_bytes = 64 * 1024, .record_times = true};

record_time at_ns(std::int64_t ns) { return record_time{std::chrono::nanoseconds{ns}}; }
record_time now() { return at_ns(static_cast<std::int64_t>(os::wall_clock_ns())); }

struct timed_log {
  temp_dir dir;
  log l = *log::open(dir.path(), timed);

  void reopen() {
    REQUIRE(l.close().has_value());
    auto again = log::open(dir.path(), {.recovery = recovery_mode::strict});
    REQUIRE(again);
    l = std::move(*again);
  }
};

/// The time of a record, as read(), a pin and a reader all say.
record_time time_of(const log& l, std::uint64_t s) {
  const auto read = l.read({s});
  REQUIRE(read);
  auto r = l.reader({s});
  REQUIRE(r);
  const auto next = r->next();
  REQUIRE((next && *next));
  CHECK((*next)->time() == read->time());
  CHECK((*next)->pin().time() == read->time());
  CHECK((*next)->pin().text() == read->text());
  return read->time();
}

}  // namespace

TEST_CASE("a record carries the time of its append, in which way it was appended whatever", "[append][time][G1]") {
  timed_log o;
  const auto before = now();
  REQUIRE(o.l.append("one").has_value());
  const std::array<std::span<const std::byte>, 2> pieces{std::as_bytes(std::span{"tw", 2}),
                                                         std::as_bytes(std::span{"o", 1})};
  REQUIRE(o.l.append_pieces(pieces).has_value());
  REQUIRE(o.l.append_batch(std::array<std::string_view, 3>{"three", "", "five"}).has_value());
  for (const std::size_t published : {8, 5, 0}) {
    auto c = o.l.claim(8);
    REQUIRE(c);
    std::ranges::fill(c->bytes(), std::byte{'c'});
    REQUIRE(c->publish(published).has_value());
  }
  auto given_up = o.l.claim(100);
  REQUIRE(given_up);
  given_up->abandon();
  REQUIRE(o.l.append("durable", {.durability = immediate()}).has_value());
  const auto after = now();

  const auto check = [&] {
    CHECK(texts_of(o.l) == "one two three  five cccccccc ccccc  - durable ");
    record_time last = before;
    for (const std::uint64_t s : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 10U}) {
      const auto time = time_of(o.l, s);
      CHECK(last <= time);  // one thread, and a clock that nobody sets back
      last = time;
    }
    CHECK(last <= after);
    CHECK(time_of(o.l, 3) == time_of(o.l, 5));  // all of a batch
  };
  check();
  o.reopen();
  check();
  const auto report = verify(o.dir.path());
  REQUIRE(report);
  CHECK(report->findings.empty());
}

TEST_CASE("a time that is given is kept; without one, or with none that can be, it is the moment of the append",
          "[append][time]") {
  timed_log o;
  const auto latest = at_ns(INT64_MAX);
  const auto before = now();
  for (const auto time : {at_ns(1), latest, at_ns(0), at_ns(-1), at_ns(INT64_MIN), at_ns(7)})
    REQUIRE(o.l.append("x", {.time = time}).has_value());
  REQUIRE(o.l.append_batch(std::array<std::string_view, 2>{"a", "b"}, {.time = at_ns(8)}).has_value());
  auto c = o.l.claim(1, {.time = at_ns(9)});
  REQUIRE(c);
  c->bytes()[0] = std::byte{'c'};
  REQUIRE(c->publish().has_value());
  const auto after = now();
  o.reopen();
  CHECK(time_of(o.l, 1) == at_ns(1));
  CHECK(time_of(o.l, 2) == latest);
  for (const std::uint64_t s : {3U, 4U, 5U}) {
    CHECK(time_of(o.l, s) >= before);
    CHECK(time_of(o.l, s) <= after);
  }
  CHECK(time_of(o.l, 6) == at_ns(7));
  CHECK(time_of(o.l, 7) == at_ns(8));
  CHECK(time_of(o.l, 8) == at_ns(8));
  CHECK(time_of(o.l, 9) == at_ns(9));
}

TEST_CASE("a log without times stores none, whatever is given", "[append][time]") {
  const temp_dir dir;
  auto l = *log::open(dir.path(), {.segment_bytes = 64 * 1024});
  REQUIRE(l.append("x", {.time = at_ns(7)}).has_value());
  CHECK(time_of(l, 1) == record_time{});
  CHECK(place_of(dir.path(), 1).extent == 32);
}

TEST_CASE("a time takes 8 bytes of each frame, and of the largest record", "[append][time]") {
  timed_log o;
  const std::uint64_t largest = o.l.record_bytes_max();
  CHECK(largest == (std::uint64_t{4} << 30) - 4128);
  const auto refused = o.l.append(std::string_view{"never read", largest + 1});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::too_large);
  CHECK(refused.error().limit() == largest);
  constexpr std::uint64_t largest_of_log = 64 * 1024 - 4128;
  for (const std::uint64_t bytes :
       {largest_of_log, largest_of_log - 1, std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{8}}) {
    const auto s = o.l.append(std::string(bytes, 'y'), {.time = at_ns(static_cast<std::int64_t>(bytes) + 1)});
    REQUIRE(s);
    CHECK((o.l.read(*s)->text() == std::string(bytes, 'y')));
    CHECK(o.l.read(*s)->time() == at_ns(static_cast<std::int64_t>(bytes) + 1));
  }
  CHECK(place_of(o.dir.path(), 3).extent == 32);
  CHECK(place_of(o.dir.path(), 4).extent == 40);
  CHECK(place_of(o.dir.path(), 5).extent == 40);
  auto c = o.l.claim(largest_of_log);
  REQUIRE(c);
  CHECK(c->bytes().size() == largest_of_log);
}

TEST_CASE("whether records carry times is fixed when the log is made", "[append][time][options]") {
  timed_log o;
  o.reopen();
  REQUIRE(o.l.append("x").has_value());
  CHECK(o.l.read({1})->time() != record_time{});
  REQUIRE(o.l.close().has_value());
  const auto refused = log::open(o.dir.path(), {.record_times = false});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::bad_option);
  CHECK(log::open(o.dir.path(), {.record_times = true}).has_value());
}

}  // namespace varve::testing
