// SPDX-License-Identifier: MIT
//
// resync.hpp - searches behind a place without a finished frame for what belongs to the log all the same. Layer recovery;
// for recovery, and for views that tell what holds up publication.
#pragma once

#include <cstdint>

#include "format/frame.hpp"
#include "recovery/recovery_table.hpp"
#include "segment/segment.hpp"

namespace varve::core {

struct remains {
  core::behind what = core::behind::nothing;
  std::uint64_t offset = 0, sequence = 0;  // where the log goes on, for frame and boundary
};

/// Looks behind `offset`, where `sequence` should stand, for what belongs to the log. A frame there ends the hole only if
/// there is room for the claims between: 24 bytes each at least.
///
/// bytes_max  how far it looks; what lies further is as nothing.
[[nodiscard]] remains look_behind(const segment& s, std::uint64_t offset, std::uint64_t sequence, format::depth how_deep,
                                  std::uint64_t bytes_max = none_yet) noexcept;

}  // namespace varve::core
