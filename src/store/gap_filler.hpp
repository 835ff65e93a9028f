// SPDX-License-Identifier: MIT
//
// gap_filler.hpp - what is written where writers died, or where damage is given up. Layer store.
#pragma once

#include <cstdint>

#include "os/file.hpp"
#include "segment/segment.hpp"

namespace varve::core {

/// Turns a hole of a segment file into lost frames, or into gone ones: one per sequence, all but the last without room.
/// Stamps are cleared first and stored last to first, so that whoever dies here, too, leaves no stamp with an invalid
/// frame, and a hole that begins where it began.
[[nodiscard]] os::result<void> write_lost_frames(const os::file& file, const hole& h, std::uint64_t salt) noexcept;

}  // namespace varve::core
