// SPDX-License-Identifier: MIT
//
// control_block.hpp - what the appenders of one segment share. Layer segment.
//
// Fields
//   claims   any appender, by fetch_add or compare-exchange; says who has which bytes and sequences
//   roll     open -> rolling by the one appender whose claim crosses the end, then -> rolled or -> failed by it;
//            failed -> rolling by an appender that takes the roll over; -> stopped by close(); -> held, and then rolled or
//            failed, by a truncation
//   crossing written by whoever crosses, before it leaves open; read by who takes over, truncates or closes
//   others   written before the block is published, then never
//
// Invariants
//   I1  A block is never reset: a segment file that is put to use again gets a new one, and so does a segment whose claims
//       were held and go on.
//   I2  A block lives until the log object dies, so a late appender always finds it. (256 bytes for each segment begun by
//       this opening of the log, and for each truncation that came to nothing.)
//   I3  The segment is mapped until it is sealed. By then every claim from it is published; who claims behind its end
//       looks at `claims`, `roll` and `capacity` alone.
//   I4  An appender adds only while roll is open, and never twice to one block. Claims of more than add_bytes_max are made
//       by compare-exchange. So the word passes the capacity by at most threads * add_bytes_max.
#pragma once

#include <cstdint>
#include <memory>

#include "format/frame.hpp"
#include "os/shared.hpp"
#include "segment/segment.hpp"

namespace varve::core {

/// Not std::hardware_destructive_interference_size, which may differ between compilers. Two lines of 64 bytes, since
/// processors fetch them in pairs.
constexpr std::size_t cache_line_bytes = 128;

/// The claim word: bytes/8 in the low 36 bits, frames in the high 28. One fetch_add gives offset and sequence both, so the
/// order of the bytes and the order of the sequences cannot differ.
struct claim_word {
  static constexpr unsigned place_bits = 36;
  static constexpr std::uint64_t place_mask = (std::uint64_t{1} << place_bits) - 1;

  [[nodiscard]] static constexpr std::uint64_t of(std::uint64_t offset, std::uint64_t frames) noexcept {
    return frames << place_bits | offset / format::frame_alignment;
  }
  [[nodiscard]] static constexpr std::uint64_t offset(std::uint64_t word) noexcept {
    return (word & place_mask) * format::frame_alignment;
  }
  [[nodiscard]] static constexpr std::uint64_t frames(std::uint64_t word) noexcept { return word >> place_bits; }
};
/// Larger claims are made by compare-exchange.
constexpr std::uint64_t add_bytes_max = 64 * 1024;
// A segment of 4 GiB takes 2^29 units and fewer than 2^28 - 2^26 frames. What is left is room for overshoot: 2^26 frames
// are the overshoot of 24,000 threads that claim 64 KiB of empty records each.
static_assert(format::segment_bytes_max / format::frame_header_bytes < (std::uint64_t{1} << 28) - (std::uint64_t{1} << 26));
static_assert(format::segment_bytes_max / format::frame_alignment < std::uint64_t{1} << (claim_word::place_bits - 6));

/// The state of a roll, with errno above the low byte if it failed.
enum class roll_state : std::uint32_t { open, rolling, rolled, failed, stopped, held };
[[nodiscard]] constexpr roll_state state_of(std::uint32_t word) noexcept { return static_cast<roll_state>(word & 0xff); }
[[nodiscard]] constexpr int errno_of(std::uint32_t word) noexcept { return static_cast<int>(word >> 8); }
[[nodiscard]] constexpr std::uint32_t roll_word(roll_state state, int number = 0) noexcept {
  return static_cast<std::uint32_t>(state) | static_cast<std::uint32_t>(number) << 8;
}

struct control_block {
  explicit control_block(std::shared_ptr<core::segment> s) noexcept
      : capacity(s ? s->facts().capacity : 0), segment(s.get()), prepared(std::move(s)) {}
  control_block(const control_block&) = delete;
  control_block& operator=(const control_block&) = delete;

  alignas(cache_line_bytes) shared::word<std::uint64_t> claims;
  alignas(cache_line_bytes) shared::word<std::uint32_t> roll;
  std::uint64_t crossing = 0;               // the claim word at which the segment ended
  std::uint64_t base = 0;                   // sequence of the first frame
  std::uint64_t position = 0;               // bytes of the segments before it that this opening appended to
  std::uint64_t capacity;                   // of the segment
  core::segment* segment;                   // none only in a block that takes no claims: there was no space at open, or the
                                            // log was truncated and has not gone on yet
  std::shared_ptr<core::segment> prepared;  // owns it until the table does
};

}  // namespace varve::core
