// SPDX-License-Identifier: MIT
//
// Ordering
//   publish:A / scan:A   payload and header of a frame are written, then its stamp (claim.hpp)
#include "segment/frame_search.hpp"

#include <algorithm>
#include <cstring>

#include "segment/walker.hpp"

namespace varve::core {
namespace {

/// How many bytes the checksum of the frame there was summed over, at most.
std::uint64_t summed_bytes(const segment& s, std::uint64_t offset, std::uint64_t end) noexcept {
  std::uint32_t length = 0;
  std::memcpy(&length, s.bytes().data() + offset + offsetof(format::frame_header, length), sizeof length);
  return std::min<std::uint64_t>(length, end - offset);
}

}  // namespace

std::optional<frame_place> next_stamp(const segment& s, frame_place origin, std::uint64_t from,
                                      std::uint64_t limit) noexcept {
  for (std::uint64_t at = from; at < limit && limit - at >= format::frame_header_bytes; at += format::frame_alignment) {
    const auto& place = shared::place_at<std::uint64_t>(s.bytes().data() + at);
    // scan:A  acquire. Pairs with publish:A: if it reads the stamp, every byte of the frame is read as written.
    const std::uint64_t there = shared::load(place, std::memory_order_acquire, "scan:A") ^ s.facts().salt;
    if (there <= origin.sequence || there >= s.end_sequence()) continue;
    if (there - origin.sequence <= (at - origin.offset) / format::frame_header_bytes) return frame_place{at, there};
  }
  return std::nullopt;
}

std::optional<frame_place> find_frame(const segment& s, frame_place origin, std::uint64_t below) noexcept {
  const std::uint64_t end = std::min(s.end_offset(), s.facts().capacity);
  if (end <= origin.offset) return std::nullopt;
  // Frames that only seem to be there are summed as well. Who made up a file of such must not keep us busy for ever; real
  // damage stays far below this.
  std::uint64_t left_to_sum = 8 * (end - origin.offset) + (std::uint64_t{64} << 20);
  for (std::uint64_t from = origin.offset + format::frame_header_bytes;;) {
    const auto found = next_stamp(s, origin, from, end);
    if (!found) return std::nullopt;
    if (found->sequence < below) {
      const auto seen = look(s, found->offset, found->sequence, format::depth::everything);
      if (seen.what == sight::frame && seen.frame.kind != format::frame_kind::gone) return found;
      const std::uint64_t summed = summed_bytes(s, found->offset, end);
      if (summed > left_to_sum) return std::nullopt;
      left_to_sum -= summed;
    }
    from = found->offset + format::frame_alignment;
  }
}

}  // namespace varve::core
