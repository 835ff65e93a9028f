// SPDX-License-Identifier: MIT
#include "segment/time_table.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include "segment/walker.hpp"

namespace varve::core {
namespace {

// What a search walks, against 24 bytes for each: less than the first look at a page that is not in memory takes. Arbitrary.
constexpr std::uint64_t stride_bytes = std::uint64_t{64} * 1024;

}  // namespace

time_range times_in(std::shared_ptr<const segment> ended) noexcept {
  walker at{std::move(ended)};
  auto smallest = record_time::max(), largest = record_time::min();
  observation seen;
  for (at.step(format::depth::shape, seen); seen.what == sight::frame; at.step(format::depth::shape, seen)) {
    if (!seen.frame.is_record()) continue;
    smallest = std::min(smallest, time_of(seen.frame));
    largest = std::max(largest, time_of(seen.frame));
  }
  if (seen.what != sight::end || smallest <= record_time{} || largest < smallest) return {};
  return {.smallest_ns = static_cast<std::uint64_t>(smallest.time_since_epoch().count()),
          .largest_ns = static_cast<std::uint64_t>(largest.time_since_epoch().count())};
}

time_search time_table::find(const std::shared_ptr<const segment>& in, record_time time, std::uint64_t end,
                             format::depth how_deep, walker& at) {
  const std::scoped_lock lock{guard_};
  prepare(*in);
  place here = last_before(time);
  at = walker{in, here.offset, here.sequence};
  observation seen;
  for (at.step_over_holes(); at.sequence() < end; at.step_over_holes()) {
    at.step(how_deep, seen);
    if (seen.what == sight::end) return time_search::older;
    if (seen.what != sight::frame) return time_search::stopped;
    const bool is_hit = seen.frame.is_record() && time_of(seen.frame) >= time;
    if (seen.frame.is_record()) here.latest_before = std::max(here.latest_before, time_of(seen.frame));
    here.offset = at.offset();
    here.sequence = at.sequence();
    reach(here);
    if (is_hit) return time_search::found;
  }
  return time_search::older;
}

/// The end may have come nearer since it was last asked: then what lies behind that is forgotten.
void time_table::prepare(const segment& in) {
  if (places_.empty()) {
    places_.push_back({record_time::min(), format::segment_header_bytes, in.facts().first_frame});
    reached_ = places_.front();
  }
  const std::uint64_t end = in.end_sequence();
  if (reached_.sequence <= end) return;
  while (places_.size() > 1 && places_.back().sequence > end) places_.pop_back();
  reached_ = places_.back();
}

/// All records before it are older, and unless it is the last one, not all before the next are.
const time_table::place& time_table::last_before(record_time time) const noexcept {
  if (reached_.latest_before < time) return reached_;
  // The first is the earliest time there is; who looks for that finds the first record behind it.
  const auto later = std::partition_point(std::next(places_.begin()), places_.end(),
                                          [time](const place& p) { return p.latest_before < time; });
  return *std::prev(later);
}

void time_table::reach(const place& p) {
  if (p.offset <= reached_.offset) return;
  if (p.offset - places_.back().offset >= stride_bytes) places_.push_back(p);
  reached_ = p;
}

}  // namespace varve::core
