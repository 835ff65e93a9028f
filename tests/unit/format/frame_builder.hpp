// SPDX-License-Identifier: MIT
//
// frame_builder.hpp - frames for tests, made byte by byte as docs/format.md says. Shares with src/format only the sums and
// mix, so that a layout that changes on one side shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/checksum.hpp"
#include "format/frame.hpp"

namespace varve::testing {

using byte_vector = std::vector<std::byte>;

inline void put(std::span<std::byte> bytes, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<std::byte>(value >> 8 * i & 0xff);
}

inline std::uint64_t get(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
  return value;
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr checksum all_checksums[] = {checksum::xxh3, checksum::crc32c, checksum::crc32, checksum::crc64, checksum::none};

/// What goes into a frame, and where it stands.
struct frame_parts {
  std::uint64_t sequence = 1000;
  std::uint64_t salt = 0x9c3f5a7e12d4b680;
  std::uint64_t offset = 4096;
  checksum sum = checksum::xxh3;
  unsigned kind = 1;
  unsigned flags = 0;  // without the number of extension words and without `short`, which follow from the next lines
  unsigned type = 0;
  std::vector<std::uint64_t> extension{};
  std::string_view payload{};
  std::uint64_t extent = 0;  // 0: as much as it needs; more, for a record: a short frame

  [[nodiscard]] std::uint64_t stamp() const { return sequence ^ salt; }
};

/// Makes the checksum match whatever `bytes` hold, so that a test sees the rule it means and not the checksum.
inline void refresh_checksum(std::span<std::byte> bytes, const frame_parts& parts) {
  const std::uint64_t length = get(bytes, 16, 4), kind = get(bytes, 20, 1), flags = get(bytes, 21, 1);
  std::uint64_t body_end = 24 + 8 * (flags >> 4) + length;
  if ((flags & 4) != 0) body_end = (body_end + 7) / 8 * 8 + 8;
  std::uint64_t of_body = 0;
  if ((kind == 1 || kind == 2) && body_end <= bytes.size()) of_body = core::sum(parts.sum, bytes.subspan(24, body_end - 24));
  put(bytes, 8, of_body ^ format::mix(get(bytes, 0, 8), parts.offset, get(bytes, 16, 8)), 8);
}

/// The frame, its extent long. What a short frame ignores is filled with 0xee.
inline byte_vector build(const frame_parts& parts) {
  const bool is_filler = parts.kind >= 3 && parts.kind <= 5;
  const std::size_t payload_at = 24 + 8 * parts.extension.size();
  const std::size_t padded_end = (payload_at + parts.payload.size() + 7) / 8 * 8;
  const bool is_short = !is_filler && parts.extent != 0;
  byte_vector bytes(parts.extent != 0 ? parts.extent : padded_end, is_filler ? std::byte{0x00} : std::byte{0xee});
  put(bytes, 0, parts.stamp(), 8);
  put(bytes, 16, is_filler ? bytes.size() - 24 : parts.payload.size(), 4);
  put(bytes, 20, parts.kind, 1);
  put(bytes, 21, parts.flags | (is_short ? 4U : 0U) | static_cast<unsigned>(parts.extension.size()) << 4, 1);
  put(bytes, 22, parts.type, 2);
  if (!is_filler) {
    for (std::size_t i = 0; i < parts.extension.size(); ++i) put(bytes, 24 + 8 * i, parts.extension[i], 8);
    for (std::size_t i = 0; i < parts.payload.size(); ++i) bytes[payload_at + i] = static_cast<std::byte>(parts.payload[i]);
    for (std::size_t at = payload_at + parts.payload.size(); at < padded_end; ++at) bytes[at] = std::byte{0};
    if (is_short) put(bytes, padded_end, parts.extent, 8);
  }
  refresh_checksum(bytes, parts);
  return bytes;
}

inline auto parse(std::span<const std::byte> room, const frame_parts& parts,
                  format::depth how_deep = format::depth::everything) {
  return format::parse_frame(room, parts.offset, parts.stamp(), parts.sum, how_deep);
}

}  // namespace varve::testing
