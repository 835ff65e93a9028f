// SPDX-License-Identifier: MIT
//
// frame_search.hpp - finds the next frame of a segment after a place where none is valid. Layer segment; for recovery, for
// salvage, and for readers that pass damage.
//
// A stamp is the sequence XOR the salt, so every 8 bytes may be one. A frame is of this use of the file only if its sequence
// leaves room for those that are missed: 24 bytes each at least.
#pragma once

#include <cstdint>
#include <optional>

#include "segment/segment.hpp"

namespace varve::core {

struct frame_place {
  std::uint64_t offset = 0, sequence = 0;
};

/// The first place from `from` on, before `limit`, with a stamp that can follow the frame that should stand at `origin`.
/// Whether a frame stands there, nobody has looked.
[[nodiscard]] std::optional<frame_place> next_stamp(const segment& s, frame_place origin, std::uint64_t from,
                                                    std::uint64_t limit) noexcept;

/// The first valid frame after `origin`, checked in full, of a sequence below `below`. Passes damaged ones. None if there is
/// none up to the end of the segment. Gone frames are damage like what they stand for.
[[nodiscard]] std::optional<frame_place> find_frame(const segment& s, frame_place origin,
                                                    std::uint64_t below = none_yet) noexcept;

}  // namespace varve::core
