// SPDX-License-Identifier: MIT
#include "segment/walker.hpp"

#include <algorithm>

namespace varve::core {

observation look(const segment& s, std::uint64_t offset, std::uint64_t sequence, format::depth how_deep) noexcept {
  if (sequence >= s.end_sequence()) return {.what = sight::end};
  const std::uint64_t limit = std::min(s.end_offset(), s.facts().capacity);
  if (offset > limit || limit - offset < format::frame_header_bytes) return {.what = sight::nothing};
  const auto room = s.bytes().subspan(offset, limit - offset);
  const auto& stamp_place = shared::place_at<std::uint64_t>(room.data());
  // scan:A  acquire. Pairs with publish:A: if it reads the stamp, every byte of the frame is read as written.
  const std::uint64_t stamp = shared::load(stamp_place, std::memory_order_acquire, "scan:A");
  if (stamp != format::stamp_of(sequence, s.facts().salt)) return {.what = sight::nothing};
  const auto frame = format::parse_frame(room, offset, stamp, s.facts().checksum, how_deep);
  if (!frame) return {.what = sight::broken};
  return {.what = sight::frame, .frame = *frame};
}

observation walker::step(format::depth how_deep) noexcept {
  step_over_holes();
  const auto seen = look(*segment_, offset_, sequence_, how_deep);
  if (seen.what == sight::frame) {
    offset_ += seen.frame.extent;
    ++sequence_;
  }
  return seen;
}

void walker::step_over_holes() noexcept {
  const auto& holes = segment_->holes();
  if (holes.empty()) return;
  auto at = std::ranges::lower_bound(holes, sequence_, {}, &hole::first);
  for (; at != holes.end() && at->first == sequence_; ++at) {
    sequence_ = at->end;
    offset_ = at->resume;
  }
}

}  // namespace varve::core
