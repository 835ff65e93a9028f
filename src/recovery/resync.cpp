// SPDX-License-Identifier: MIT
#include "recovery/resync.hpp"

#include <algorithm>

#include "segment/frame_search.hpp"
#include "segment/walker.hpp"

namespace varve::core {

remains look_behind(const segment& s, std::uint64_t offset, std::uint64_t sequence, format::depth how_deep,
                    std::uint64_t bytes_max) noexcept {
  const std::uint64_t end = std::min(s.end_offset(), s.facts().capacity);
  const bool looks_at_all = end <= offset || end - offset <= bytes_max;
  const std::uint64_t limit = looks_at_all ? end : offset + bytes_max;
  std::uint64_t from = offset + format::frame_header_bytes;
  while (const auto found = next_stamp(s, {offset, sequence}, from, limit)) {
    const auto seen = look(s, found->offset, found->sequence, how_deep);
    if (seen.what == sight::frame) return {behind::frame, found->offset, found->sequence};
    if (seen.what == sight::broken) return {behind::broken, found->offset, found->sequence};
    from = found->offset + format::frame_alignment;
  }
  if (s.end_sequence() == none_yet || !looks_at_all) return {};
  const bool fits = end >= offset && s.end_sequence() > sequence &&
                    s.end_sequence() - sequence <= (end - offset) / format::frame_header_bytes;
  if (fits) return {behind::boundary, end, s.end_sequence()};
  return {behind::misfit};
}

}  // namespace varve::core
