// SPDX-License-Identifier: MIT
//
// Ordering
//   publish:A / scan:A   payload and header of a frame are written, then its stamp (claim.hpp)
#include "recovery/resync.hpp"

#include <algorithm>

#include "segment/walker.hpp"

namespace varve::core {

remains look_behind(const segment& s, std::uint64_t offset, std::uint64_t sequence, format::depth how_deep,
                    std::uint64_t bytes_max) noexcept {
  const std::uint64_t end = std::min(s.end_offset(), s.facts().capacity);
  const bool looks_at_all = end <= offset || end - offset <= bytes_max;
  const std::uint64_t limit = looks_at_all ? end : offset + bytes_max;
  const auto fits = [&](std::uint64_t at, std::uint64_t then) {
    return then > sequence && then - sequence <= (at - offset) / format::frame_header_bytes;
  };
  for (std::uint64_t at = offset + format::frame_header_bytes; at < limit && limit - at >= format::frame_header_bytes;
       at += format::frame_alignment) {
    const auto& place = shared::place_at<std::uint64_t>(s.bytes().data() + at);
    const std::uint64_t there = shared::load(place, std::memory_order_acquire, "scan:A") ^ s.facts().salt;
    if (!fits(at, there) || there >= s.end_sequence()) continue;
    const auto seen = look(s, at, there, how_deep);
    if (seen.what == sight::frame) return {behind::frame, at, there};
    if (seen.what == sight::broken) return {behind::broken, at, there};
  }
  if (s.end_sequence() == none_yet || !looks_at_all) return {};
  if (end >= offset && fits(end, s.end_sequence())) return {behind::boundary, end, s.end_sequence()};
  return {behind::misfit};
}

}  // namespace varve::core
