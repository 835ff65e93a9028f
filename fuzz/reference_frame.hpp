// SPDX-License-Identifier: MIT
//
// reference_frame.hpp - a frame by docs/format.md, byte by byte and without a thought for speed: what read_frame must agree
// with. Shares with it only the sums and mix, which have vectors of their own.
#pragma once

#include <optional>

#include "format/frame.hpp"
#include "target.hpp"

namespace varve::fuzz {

struct reference_frame {
  std::uint64_t kind = 0, flags = 0, type = 0, length = 0;
  std::uint64_t payload_at = 0, body_end = 0, extent = 0;
  bool has_body = false;
};

inline std::uint64_t number_at(std::span<const std::byte> bytes, std::uint64_t at, unsigned size) {
  std::uint64_t value = 0;
  for (unsigned i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
  return value;
}

/// Rules 2 and 3: where the parts of the frame stand, if it has a shape that fits.
inline std::optional<reference_frame> shape_of(std::span<const std::byte> room) {
  if (room.size() < 24) return std::nullopt;
  reference_frame f{.kind = number_at(room, 20, 1),
                    .flags = number_at(room, 21, 1),
                    .type = number_at(room, 22, 2),
                    .length = number_at(room, 16, 4)};
  if (f.kind < 1 || f.kind > 4 || (f.flags & 8) != 0) return std::nullopt;
  f.has_body = f.kind <= 2;
  f.payload_at = 24;
  if (!f.has_body) {
    f.extent = f.body_end = 24 + f.length;
    if (f.flags != 0 || f.length % 8 != 0 || f.extent > room.size()) return std::nullopt;
    return f;
  }
  f.payload_at += 8 * (f.flags >> 4);
  const std::uint64_t padded_end = (f.payload_at + f.length + 7) / 8 * 8;
  f.body_end = f.payload_at + f.length;
  f.extent = padded_end;
  if ((f.flags & 4) != 0) {
    f.body_end = padded_end + 8;
    if (f.body_end > room.size()) return std::nullopt;
    f.extent = number_at(room, padded_end, 8);
    if (f.extent < f.body_end || f.extent % 8 != 0) return std::nullopt;
  }
  if (f.extent > room.size()) return std::nullopt;
  return f;
}

/// The checksum that a frame of this shape must carry.
inline std::uint64_t checksum_of(const reference_frame& f, std::span<const std::byte> room, std::uint64_t offset,
                                 std::uint64_t stamp, checksum kind) {
  const auto body = f.has_body ? room.subspan(24, f.body_end - 24) : room.first(0);
  return (f.has_body ? core::sum(kind, body) : 0) ^ format::mix(stamp, offset, number_at(room, 16, 8));
}

/// Rules 4 and 5.
inline bool is_whole(const reference_frame& f, std::span<const std::byte> room, std::uint64_t offset, std::uint64_t stamp,
                     checksum kind) {
  if (f.has_body) {
    const std::uint64_t end = f.payload_at + f.length;
    for (std::uint64_t at = end; at < (end + 7) / 8 * 8; ++at)
      if (room[at] != std::byte{0}) return false;
  }
  return number_at(room, 8, 8) == checksum_of(f, room, offset, stamp, kind);
}

}  // namespace varve::fuzz
