// SPDX-License-Identifier: MIT
//
// The table of times of one segment: exact whatever the order of the times, however far it is made already, and when the
// segment's end comes nearer.
#include "segment/time_table.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "support/dice.hpp"
#include "unit/segment/memory_segment.hpp"

namespace varve::testing {
namespace {

using core::time_search;

constexpr std::uint64_t capacity = std::uint64_t{1} << 20;

record_time at_ns(std::int64_t ns) { return record_time{std::chrono::nanoseconds{ns}}; }

/// Many strides full of records, and what was appended.
struct filled_segment {
  std::shared_ptr<core::segment> s = memory_segment(capacity);
  std::vector<std::int64_t> times{};
  std::uint64_t offset = format::segment_header_bytes;

  void put(std::int64_t ns, std::size_t bytes) {
    const std::string text(bytes, 't');
    const auto piece = std::as_bytes(std::span{text});
    const core::frame_label label{.time_ns = static_cast<std::uint64_t>(ns)};
    const core::frame_space at{
        .offset = offset, .extent = format::frame_bytes(bytes, label.extension_bytes()), .sequence = times.size() + 1};
    core::fill(*s, at, piece, label);
    core::publish(*s, at);
    offset += at.extent;
    times.push_back(ns);
  }
  [[nodiscard]] std::optional<std::uint64_t> expected(std::int64_t ns, std::uint64_t end) const {
    for (std::uint64_t i = 0; i + 1 < end && i < times.size(); ++i)
      if (times[i] >= ns) return i + 1;
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::uint64_t> found(std::int64_t ns, std::uint64_t end) const {
    core::walker at;
    const auto how = s->times().find(s, at_ns(ns), end, format::depth::everything, at);
    CHECK(how != time_search::stopped);
    if (how != time_search::found) return std::nullopt;
    return at.sequence() - 1;
  }
  void check(std::int64_t ns, std::uint64_t end) const {
    CAPTURE(ns, end);
    CHECK(found(ns, end) == expected(ns, end));
  }
};

}  // namespace

TEST_CASE("the first record of a time or later is found exactly, in whatever order times and questions come", "[time]") {
  const auto order = GENERATE(0, 1, 2, 3, 4);
  CAPTURE(order);
  dice random{static_cast<std::uint64_t>(order) + 1};
  filled_segment f;
  while (f.offset + 3000 < capacity) {
    const auto i = static_cast<std::int64_t>(f.times.size());
    const auto any = static_cast<std::int64_t>(random.below(2000));
    const std::int64_t orders[] = {1000 + i, 3000 - i, 1 + any, 5, random.one_in(50) ? 5000 + i : 1000 + i};
    f.put(orders[order], random.below(2500));
    if (random.one_in(10)) f.check(1 + static_cast<std::int64_t>(random.below(6000)), f.times.size() + 1);
  }
  REQUIRE(f.offset > 10 * 64 * 1024);
  const std::uint64_t end = f.times.size() + 1;
  for (const std::int64_t ns : f.times)
    for (const std::int64_t near : {ns - 1, ns, ns + 1}) f.check(near, end);
  for (const std::int64_t ns : {INT64_MIN, std::int64_t{0}, std::int64_t{1}, INT64_MAX}) f.check(ns, end);
  for (int i = 0; i < 200; ++i) f.check(1 + static_cast<std::int64_t>(random.below(6000)), 1 + random.below(end));
}

TEST_CASE("records that were cut off since the table was made are forgotten", "[time][truncate]") {
  filled_segment f;
  for (std::int64_t i = 1; f.offset + 3000 < capacity; ++i) f.put(i, 2000);
  const std::uint64_t all = f.times.size();
  CHECK(f.found(static_cast<std::int64_t>(all), all + 1) == all);
  for (const std::uint64_t last : {all - 1, all / 2, std::uint64_t{40}, std::uint64_t{1}}) {
    CAPTURE(last);
    std::uint64_t offset = format::segment_header_bytes;
    for (std::uint64_t s = 1; s <= last; ++s) offset += format::frame_bytes(2000, 8);
    f.s->set_end(offset, last + 1);
    CHECK_FALSE(f.found(static_cast<std::int64_t>(last) + 1, all + 1));
    CHECK(f.found(static_cast<std::int64_t>(last), last + 1) == last);
    CHECK(f.found(1, last + 1) == 1);
  }
}

TEST_CASE("a search stops at what should be there, and goes on when it is", "[time][G5]") {
  filled_segment f;
  f.put(1, 10);
  core::walker at;
  CHECK(f.s->times().find(f.s, at_ns(2), 3, format::depth::everything, at) == time_search::stopped);
  CHECK(at.sequence() == 2);
  f.put(2, 10);
  CHECK(f.found(2, 3) == 2);
  // A bit of the time itself.
  f.s->writable_bytes()[format::segment_header_bytes + 48 + 24] ^= std::byte{1};
  CHECK(f.s->times().find(f.s, at_ns(2), 3, format::depth::everything, at) == time_search::stopped);
}

TEST_CASE("the times of a segment are its smallest and its largest, whatever their order", "[time]") {
  filled_segment f;
  for (const std::int64_t ns : {50, 20, 70, 30}) f.put(ns, 100);
  f.s->set_end(f.offset, 5);
  CHECK(core::times_in(f.s).smallest_ns == 20);
  CHECK(core::times_in(f.s).largest_ns == 70);
  f.s->set_end(f.offset + 8, 6);  // one is missing
  CHECK(core::times_in(f.s).largest_ns == 0);
}

}  // namespace varve::testing
