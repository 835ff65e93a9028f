// SPDX-License-Identifier: MIT
#include "segment/walker.hpp"

#include <algorithm>

namespace varve::core {
namespace {

// How many slots of an index may be wrong before it is left alone. Arbitrary; a stale slot agrees by chance once in 64.
constexpr unsigned hints_max = 16;

}  // namespace

approach walker::near(std::shared_ptr<const core::segment> s, std::uint64_t target, std::uint64_t published) noexcept {
  approach found{.at = walker{std::move(s)}};
  walker& at = found.at;
  const core::segment& in = *at.segment_;
  const std::uint64_t base = in.facts().first_frame, salt = in.facts().salt;
  if (target <= base || published < base) return found;
  auto hint = in.index().find(target - base, salt);
  // Records of one size, which are frequent, stand where one would expect them.
  if (const auto offset = hint ? in.index().guess(*hint, target - base, published - base, salt) : std::nullopt; offset) {
    if (const auto seen = at.check(*offset, target)) {
      found.target = seen;
      return found;
    }
  }
  for (unsigned tries = 0; hint && tries < hints_max; ++tries) {
    if (at.check(hint->place.offset, base + hint->place.sequence_less_base)) return found;
    hint = in.index().before(*hint, target - base, salt);
  }
  return found;
}

/// Moves to where a frame is said to be, if it is there. It is read in full: a place that is wrong may hold anything.
std::optional<format::frame> walker::check(std::uint64_t offset, std::uint64_t sequence) noexcept {
  if (!format::is_frame_boundary(offset, segment_->facts().capacity)) return std::nullopt;
  const auto seen = look(*segment_, offset, sequence, format::depth::everything);
  if (seen.what != sight::frame) return std::nullopt;
  offset_ = offset;
  sequence_ = sequence;
  return seen.frame;
}

observation walker::step_and_note(format::depth how_deep) noexcept {
  step_over_holes();
  const std::uint64_t begin = offset_;
  const auto seen = step(how_deep);
  if (seen.what == sight::frame) segment_->note(begin, offset_, sequence_);
  return seen;
}

void walker::step_over_those_here() noexcept {
  const auto& holes = segment_->holes();
  auto at = std::ranges::lower_bound(holes, sequence_, {}, &hole::first);
  for (; at != holes.end() && at->first == sequence_; ++at) {
    sequence_ = at->end;
    offset_ = at->resume;
  }
}

}  // namespace varve::core
