// SPDX-License-Identifier: MIT
//
// sector.hpp - what every structure of 512 bytes has in common. Layer format; pure.
//
//      offset  size  field
//           0     8  magic     says which structure this is
//           8     4  version   of the structure; 1
//          12     4  reserved  0
//          16   488  fields
//         504     8  checksum  XXH3-64 of bytes 0 to 503
//
// A sector is valid if and only if its magic is the expected one, its checksum matches, its version is ours or an earlier
// one (0 never was one), and its reserved word is 0. Zeroed bytes are not valid, nor is a mixture of two versions of it.
// Reserved bytes among the fields are written as 0 and not looked at: a compatible feature may use them.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <type_traits>

#include "base/checksum.hpp"
#include "format/layout.hpp"

namespace varve::format {

using sector = std::array<std::byte, sector_bytes>;

enum class sector_fault : std::uint8_t {
  absent,  // never written, torn, damaged, or another structure
  newer,   // whole, but of a version that we do not know, or with something where this version has nothing
};

/// First member of every structure.
struct sector_head {
  std::uint64_t magic = 0;
  std::uint32_t version = format::version;
  std::uint32_t reserved = 0;
};

/// A magic from eight letters, in the order in which they stand in the file.
consteval std::uint64_t magic_of(const char (&letters)[9]) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(letters[i]);
  return value;
}

/// `S` begins with `sector_head head`, ends with `std::uint64_t checksum`, and names its `static constexpr magic`.
template <class S>
concept sector_structure = sizeof(S) == sector_bytes && std::is_trivially_copyable_v<S> &&
                           std::has_unique_object_representations_v<S> &&  // no bytes between the fields
                           requires(S s) {
                             { s.head } -> std::same_as<sector_head&>;
                             { s.checksum } -> std::same_as<std::uint64_t&>;
                             { S::magic } -> std::convertible_to<std::uint64_t>;
                           };

template <sector_structure S>
[[nodiscard]] sector encode(S fields) noexcept {
  static_assert(offsetof(S, head) == 0 && offsetof(S, checksum) == sector_bytes - 8);
  fields.head = {.magic = S::magic};
  fields.checksum = 0;
  auto bytes = std::bit_cast<sector>(fields);
  const std::uint64_t sum = core::sum_of_structure(std::span{bytes}.first(offsetof(S, checksum)));
  std::memcpy(bytes.data() + offsetof(S, checksum), &sum, sizeof sum);
  return bytes;
}

template <sector_structure S>
[[nodiscard]] std::expected<S, sector_fault> decode(const sector& bytes) noexcept {
  const S fields = std::bit_cast<S>(bytes);
  if (fields.head.magic != S::magic) return std::unexpected(sector_fault::absent);
  if (fields.checksum != core::sum_of_structure(std::span{bytes}.first(offsetof(S, checksum))))
    return std::unexpected(sector_fault::absent);
  if (fields.head.version == 0) return std::unexpected(sector_fault::absent);
  if (fields.head.version > version || fields.head.reserved != 0) return std::unexpected(sector_fault::newer);
  return fields;
}

/// What a newer version may have added. An unknown compatible feature can be ignored; an unknown read-only compatible one
/// allows reading; an unknown incompatible one allows nothing.
struct feature_bits {
  std::uint32_t compatible = 0, read_only_compatible = 0, incompatible = 0;
};
constexpr feature_bits known_features{};

[[nodiscard]] constexpr bool may_read(const feature_bits& f) noexcept {
  return (f.incompatible & ~known_features.incompatible) == 0;
}
[[nodiscard]] constexpr bool may_write(const feature_bits& f) noexcept {
  return may_read(f) && (f.read_only_compatible & ~known_features.read_only_compatible) == 0;
}

using uuid = std::array<std::byte, 16>;

/// True for the number of a checksum that this version knows.
[[nodiscard]] constexpr bool is_checksum_kind(std::uint8_t number) noexcept {
  return number >= static_cast<std::uint8_t>(checksum::xxh3) && number <= static_cast<std::uint8_t>(checksum::none);
}

[[nodiscard]] constexpr bool is_index_stride(std::uint32_t bytes) noexcept {
  return std::has_single_bit(bytes) && bytes >= index_stride_min && bytes <= index_stride_max;
}

/// True if a frame can begin, or the frames end, at this offset of a segment with this capacity.
[[nodiscard]] constexpr bool is_frame_boundary(std::uint64_t offset, std::uint64_t capacity) noexcept {
  return offset >= segment_header_bytes && offset <= capacity && offset % frame_alignment == 0;
}

}  // namespace varve::format
