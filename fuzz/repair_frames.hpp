// SPDX-License-Identifier: MIT
//
// repair_frames.hpp - makes the frames of a segment valid again after a mutation, as far as their lengths allow.
#pragma once

#include "reference_frame.hpp"
#include "support/dice.hpp"

namespace varve::fuzz {

struct frame_rules {
  std::uint64_t base = 1, salt = 0;
  checksum sum = checksum::xxh3;
};

/// Goes from frame to frame of a segment file, and stamps and sums each; a few it leaves alone, or takes the stamp from.
inline void repair_frames(std::span<std::byte> file, const frame_rules& rules, testing::dice& random) {
  std::uint64_t sequence = rules.base;
  // At most so many: lengths of nothing in a large file would take for ever.
  unsigned left = 4096;
  for (std::size_t at = format::segment_header_bytes; at + format::frame_header_bytes <= file.size() && left > 0; --left) {
    const auto room = file.subspan(at, (file.size() - at) / 8 * 8);
    if (load<std::uint64_t>(room, 16) == 0) {  // nothing, a hole, or the end: go on at the next stamp that may be one
      const std::uint64_t there = load<std::uint64_t>(room, 0) ^ rules.salt;
      if (there > sequence && there - sequence < 4096) sequence = there;
      at += 8;
      continue;
    }
    auto f = shape_of(room);
    if (!f) {
      at += 8;
      continue;
    }
    const auto what = random.below(64);
    const std::uint64_t stamp = sequence ^ rules.salt;
    if (what != 0) store(room, 0, what == 1 ? std::uint64_t{0} : stamp);
    if (what == 2) store(room, 21, static_cast<std::uint8_t>(f->flags ^ random.below(4)));  // of a batch, or not
    const std::uint64_t end = f->payload_at + f->length;
    if (f->has_body && what != 3)
      for (std::uint64_t pad = end; pad < (end + 7) / 8 * 8; ++pad) room[pad] = std::byte{0};
    if (what != 4) store(room, 8, checksum_of(*f, room, at, stamp, rules.sum));
    at += f->extent;
    ++sequence;
  }
}

}  // namespace varve::fuzz
