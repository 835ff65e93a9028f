// SPDX-License-Identifier: MIT
//
// index.hpp - the sparse index of a segment: a header sector, then one slot of 64 bits per stride of the segment. Layer
// format; pure. The index is a hint; whatever it says is checked against the frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "format/sector.hpp"

namespace varve::format {

struct index_header {
  static constexpr std::uint64_t magic = magic_of("VARVINDX");

  sector_head head{};
  uuid log{};
  std::uint64_t number = 0;  // of the segment
  std::uint64_t slots = 0;
  std::uint32_t stride_bytes = 0;
  std::uint32_t reserved_1 = 0;
  std::array<std::byte, 504 - 56> reserved_2{};
  std::uint64_t checksum = 0;
};
static_assert(offsetof(index_header, log) == 16);
static_assert(offsetof(index_header, number) == 32);
static_assert(offsetof(index_header, slots) == 40);
static_assert(offsetof(index_header, stride_bytes) == 48);

/// Where a frame stands: bits 0 to 27 its sequence less the segment's base, 28 to 57 its offset in units of 8 bytes, 58 to
/// 63 the low bits of the segment's salt. A slot of 0 is empty.
struct index_slot {
  std::uint64_t sequence_less_base = 0;
  std::uint64_t offset = 0;
};
constexpr unsigned slot_sequence_bits = 28, slot_offset_bits = 30, slot_salt_bits = 6;
static_assert(slot_sequence_bits + slot_offset_bits + slot_salt_bits == 64);
static_assert((segment_bytes_max - 1) / frame_alignment < std::uint64_t{1} << slot_offset_bits);
static_assert(segment_bytes_max / frame_header_bytes < std::uint64_t{1} << slot_sequence_bits);

[[nodiscard]] constexpr std::uint64_t encode_slot(const index_slot& slot, std::uint64_t salt) noexcept {
  const std::uint64_t place = slot.offset / frame_alignment;
  return slot.sequence_less_base | place << slot_sequence_bits | salt << (slot_sequence_bits + slot_offset_bits);
}

/// nullopt for an empty slot and for one of another salt.
[[nodiscard]] constexpr std::optional<index_slot> decode_slot(std::uint64_t word, std::uint64_t salt) noexcept {
  if (word == 0 || (word ^ salt << (slot_sequence_bits + slot_offset_bits)) >> (slot_sequence_bits + slot_offset_bits) != 0)
    return std::nullopt;
  return index_slot{.sequence_less_base = word & ((std::uint64_t{1} << slot_sequence_bits) - 1),
                    .offset = (word >> slot_sequence_bits & ((std::uint64_t{1} << slot_offset_bits) - 1)) * frame_alignment};
}

/// How many slots the index of a segment has: slot k belongs to the boundary at offset k x stride of the segment file. Those
/// within the segment's header stay empty.
[[nodiscard]] constexpr std::uint64_t slots_of(std::uint64_t capacity, std::uint32_t stride_bytes) noexcept {
  return (capacity + stride_bytes - 1) / stride_bytes;
}

/// The slot that the writer of a frame in [begin, end) stores, naming the frame that begins at `end`: that of the last
/// boundary b with begin < b <= end. nullopt if there is none, or if no frame can follow.
[[nodiscard]] constexpr std::optional<std::uint64_t> slot_crossed(std::uint64_t begin, std::uint64_t end,
                                                                  std::uint64_t capacity,
                                                                  std::uint32_t stride_bytes) noexcept {
  const std::uint64_t slot = end / stride_bytes;
  if (slot == begin / stride_bytes || capacity - end < frame_header_bytes) return std::nullopt;
  return slot;
}

}  // namespace varve::format
