// SPDX-License-Identifier: MIT
//
// frame.hpp - a record's bytes in a segment. Layer format; pure.
//
//      offset  size  field
//           0     8  stamp     sequence XOR salt; stored last: this store publishes the frame
//           8     8  checksum  sum of the body XOR mix(stamp, file offset, bytes 16..23)
//          16     4  length    payload bytes; 0 is legal
//          20     1  kind      0 is invalid
//          21     1  flags
//          22     2  type      the user's own tag
//          24        extension words, payload, zero padding to 8
//
// A frame is valid if and only if
//   1  its stamp is the expected sequence XOR the segment's salt;
//   2  its kind is known, flag bit 3 is 0, and a skip or lost frame has no other flag and a length that fills it;
//   3  its extent fits what is left of the segment;
//   4  its padding is zero (skip and lost frames have none);
//   5  its checksum matches.
// The body is one run of bytes: extension words and payload; of a short frame also the padding and the word that holds its
// real extent. A skip or lost frame has no body, whatever stands there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "base/bits.hpp"
#include "base/checksum.hpp"
#include "format/layout.hpp"

namespace varve::format {

enum class frame_kind : std::uint8_t {
  record = 1,
  chunk = 2,  // of an entry of several chunks
  skip = 3,   // a claim that was abandoned
  lost = 4,   // a claim whose writer died
  gone = 5,   // was damaged, and given up by a recovery that was told to
};

namespace frame_flags {
constexpr std::uint8_t goes_on = 1;                    // the next frame belongs to the same batch
constexpr std::uint8_t begins_inside = 2;              // the frame before belongs to the same batch
constexpr std::uint8_t is_short = 4;                   // less was published than claimed
constexpr std::uint8_t reserved = 8;                   // 0
constexpr unsigned extension_shift = 4;                // bits 4 to 7: number of extension words
constexpr std::uint8_t timed = 1U << extension_shift;  // one of them: the time
}  // namespace frame_flags

struct frame_header {
  std::uint64_t stamp = 0;
  std::uint64_t checksum = 0;
  std::uint32_t length = 0;
  frame_kind kind = frame_kind::record;
  std::uint8_t flags = 0;
  std::uint16_t type = 0;
};
static_assert(sizeof(frame_header) == frame_header_bytes);
static_assert(offsetof(frame_header, checksum) == 8);
static_assert(offsetof(frame_header, length) == 16);
static_assert(offsetof(frame_header, kind) == 20);
static_assert(offsetof(frame_header, flags) == 21);
static_assert(offsetof(frame_header, type) == 22);

/// The extension words of a record that carries its time.
constexpr std::uint64_t time_bytes = 8;

/// Space for a record with so many bytes of extension words.
[[nodiscard]] constexpr std::uint64_t frame_bytes(std::uint64_t payload_bytes, std::uint64_t extension_bytes = 0) noexcept {
  return frame_header_bytes + extension_bytes + core::round_up(payload_bytes, frame_alignment);
}

/// The largest payload of a segment of this size.
[[nodiscard]] constexpr std::uint64_t payload_bytes_max(std::uint64_t capacity, std::uint64_t extension_bytes = 0) noexcept {
  return capacity - segment_header_bytes - frame_header_bytes - extension_bytes;
}
static_assert(payload_bytes_max(segment_bytes_max) <= UINT32_MAX, "a length has 32 bits");

[[nodiscard]] constexpr std::uint64_t stamp_of(std::uint64_t sequence, std::uint64_t salt) noexcept {
  return sequence ^ salt;
}

/// Binds a frame's sum to its stamp, its place and its own header. For any two of the three words held fixed it is a
/// bijection of the third, so no damage confined to one word goes unseen. The offset comes last because its upper half is
/// zero: the word that comes last is multiplied only twice, and its highest bits would not reach every bit of the result.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t stamp, std::uint64_t offset, std::uint64_t word) noexcept {
  constexpr std::uint64_t key = 0x9e3779b97f4a7c15, odd_1 = 0xbf58476d1ce4e5b9, odd_2 = 0x94d049bb133111eb;
  std::uint64_t h = (stamp ^ key) * odd_1;
  h = ((h ^ h >> 32) ^ word) * odd_2;
  h = ((h ^ h >> 29) ^ offset) * odd_1;
  h = (h ^ h >> 32) * odd_2;
  return h ^ h >> 29;
}

/// Bytes 16 to 23 of a frame, as a word. Put together, not loaded: a load of eight bytes behind stores of one, two and four
/// waits until these have left the processor, which takes as long as the rest of a small append.
[[nodiscard]] constexpr std::uint64_t third_word(const frame_header& header) noexcept {
  return header.length | std::uint64_t{static_cast<std::uint8_t>(header.kind)} << 32 | std::uint64_t{header.flags} << 40 |
         std::uint64_t{header.type} << 48;
}

[[nodiscard]] constexpr bool has_body(frame_kind kind) noexcept {
  return kind == frame_kind::record || kind == frame_kind::chunk;
}

/// The checksum that `header` must carry at `offset` of the segment file. `body` is ignored for skip and lost frames.
[[nodiscard]] inline std::uint64_t frame_checksum(checksum kind, const frame_header& header, std::uint64_t offset,
                                                  std::span<const std::byte> body) noexcept {
  const std::uint64_t of_body = has_body(header.kind) ? core::sum(kind, body) : 0;
  return of_body ^ mix(header.stamp, offset, third_word(header));
}

/// The header of a skip or lost frame that fills `extent` bytes at `offset`.
[[nodiscard]] frame_header filler(frame_kind kind, std::uint64_t stamp, std::uint64_t offset, std::uint64_t extent) noexcept;

enum class frame_fault : std::uint8_t { none, kind, flags, extent, padding, checksum };

struct frame {
  std::uint64_t extent = 0;  // bytes of the segment that it takes
  frame_kind kind = frame_kind::record;
  std::uint8_t flags = 0;
  std::uint16_t type = 0;
  std::span<const std::byte> payload;  // empty for skip and lost frames

  [[nodiscard]] bool is_record() const noexcept { return has_body(kind); }
  [[nodiscard]] bool goes_on() const noexcept { return (flags & frame_flags::goes_on) != 0; }
  [[nodiscard]] bool begins_inside() const noexcept { return (flags & frame_flags::begins_inside) != 0; }
};

enum class depth : std::uint8_t { shape, everything };  // rules 2 and 3, or 2 to 5

/// Checks rules 2 to 5 on the frame at `offset` of the segment file. `room` is all that it may take: from there to the end
/// of the segment. The caller has loaded the stamp and checked rule 1. Each byte of the header is read once, so bytes that
/// change meanwhile can be refused or misread, but never lead outside of `room`.
///
/// f  filled in place if there is no fault: who scans a log does this for every frame, and a copy costs as much.
[[nodiscard]] frame_fault read_frame(std::span<const std::byte> room, std::uint64_t offset, std::uint64_t stamp,
                                     checksum kind, depth how_deep, frame& f) noexcept;

[[nodiscard]] inline std::expected<frame, frame_fault> parse_frame(std::span<const std::byte> room, std::uint64_t offset,
                                                                   std::uint64_t stamp, checksum kind,
                                                                   depth how_deep) noexcept {
  frame f;
  const auto fault = read_frame(room, offset, stamp, kind, how_deep, f);
  if (fault != frame_fault::none) return std::unexpected(fault);
  return f;
}

}  // namespace varve::format
