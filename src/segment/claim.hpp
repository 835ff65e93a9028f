// SPDX-License-Identifier: MIT
//
// claim.hpp - claim space in a segment, fill it, publish it: the hot path. Layer segment.
//
// State of a frame = its stamp: equal to (sequence XOR salt)  finished, never changes again
//                               anything else                 unfinished: zero or leftovers
//
// Ordering pairs (labels stand at the lines)
//   publish:A / scan:A   payload and header are written, then the stamp is stored    (scan:A in walker.cpp)
//   claim:A   / itself   hands out disjoint ranges; nothing is ordered by it
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "segment/control_block.hpp"

namespace varve::core {

using bytes_view = std::span<const std::byte>;

/// Space for one frame or a batch of them.
struct claimed_space {
  std::uint64_t offset = 0;
  std::uint64_t sequence = 0;
};

enum class claim_outcome : std::uint8_t {
  here,     // the space is ours
  crossed,  // it did not fit, and we are the one who must roll; block.crossing says where the segment ends
  beyond,   // somebody else rolls
};

/// Claims `bytes` (a multiple of 8) for `frames` frames. The caller has seen block.roll open, and has not claimed from this
/// block before.
[[nodiscard]] claim_outcome try_claim(control_block& block, std::uint64_t bytes, std::uint64_t frames,
                                      claimed_space& space) noexcept;

/// Ends the block where it stands: nothing can be claimed from it afterwards. False if it has been crossed already.
[[nodiscard]] bool stop_claims(control_block& block) noexcept;

/// Sequences given out by this block so far, counted from its base.
[[nodiscard]] std::uint64_t frames_claimed(const control_block& block) noexcept;

/// Bytes of the segment that are taken so far, its header included.
[[nodiscard]] std::uint64_t bytes_claimed(const control_block& block) noexcept;

/// Copies one record, in pieces, into its frame at `offset`, and fills the header but for the stamp. Returns its extent.
std::uint64_t fill(segment& s, std::uint64_t offset, std::uint64_t sequence, std::uint16_t type, std::uint8_t flags,
                   std::span<const bytes_view> pieces) noexcept;

/// A frame that its claimer fills in place.
struct frame_space {
  std::uint64_t offset = 0, extent = 0;  // bytes of the segment
  std::uint64_t sequence = 0;
};

/// Fills the header, but for the stamp, of a frame whose first `length` bytes of payload stand there already. Less than was
/// claimed makes it a short frame.
void fill_in_place(segment& s, const frame_space& at, std::uint64_t length, std::uint16_t type) noexcept;

/// The same for a claim that is given up: whatever stands in its payload, it will be no record.
void fill_as_skip(segment& s, const frame_space& at) noexcept;

/// Stores the stamp of the frame at `offset`, which takes `extent` bytes: it is finished, and everybody may read it.
void publish(segment& s, std::uint64_t offset, std::uint64_t extent, std::uint64_t sequence) noexcept;

}  // namespace varve::core
