// SPDX-License-Identifier: MIT
#include "format/frame.hpp"

#include <cstring>

namespace varve::format {
namespace {

constexpr frame_kind kind_in(std::uint64_t third) noexcept { return static_cast<frame_kind>(third >> 32 & 0xff); }
constexpr std::uint8_t flags_in(std::uint64_t third) noexcept { return static_cast<std::uint8_t>(third >> 40); }
constexpr std::uint16_t type_in(std::uint64_t third) noexcept { return static_cast<std::uint16_t>(third >> 48); }
constexpr std::uint64_t length_in(std::uint64_t third) noexcept { return third & 0xffff'ffff; }

std::uint64_t word_at(std::span<const std::byte> room, std::uint64_t at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, room.data() + at, sizeof word);
  return word;
}

/// Are the bytes from `end` up to the next word's begin zero? There is at least a word before `end`.
bool is_padded(std::span<const std::byte> room, std::uint64_t end) noexcept {
  const std::uint64_t used = end % frame_alignment;
  return used == 0 || word_at(room, end - used) >> (8 * used) == 0;
}

frame_fault read_filler(std::uint64_t room_bytes, std::uint64_t third, frame& f) noexcept {
  if (flags_in(third) != 0) return frame_fault::flags;
  const std::uint64_t length = length_in(third), extent = frame_header_bytes + length;
  if (length % frame_alignment != 0 || extent > room_bytes) return frame_fault::extent;
  f = {.extent = extent, .kind = kind_in(third), .flags = 0, .type = type_in(third), .payload = {}};
  return frame_fault::none;
}

}  // namespace

frame_header filler(frame_kind kind, std::uint64_t stamp, std::uint64_t offset, std::uint64_t extent) noexcept {
  frame_header header{.stamp = stamp, .length = static_cast<std::uint32_t>(extent - frame_header_bytes), .kind = kind};
  header.checksum = frame_checksum(checksum::none, header, offset, {});
  return header;
}

frame_fault read_frame(std::span<const std::byte> room, std::uint64_t offset, std::uint64_t stamp, checksum kind,
                       depth how_deep, frame& f) noexcept {
  if (room.size() < frame_header_bytes) return frame_fault::extent;
  const std::uint64_t stored = word_at(room, offsetof(frame_header, checksum));
  const std::uint64_t third = word_at(room, offsetof(frame_header, length));
  const auto kind_of = kind_in(third);
  const std::uint8_t flags = flags_in(third);
  if (kind_of < frame_kind::record || kind_of > frame_kind::gone) return frame_fault::kind;
  if ((flags & frame_flags::reserved) != 0) return frame_fault::flags;
  if (!has_body(kind_of)) [[unlikely]] {
    if (const auto fault = read_filler(room.size(), third, f); fault != frame_fault::none) return fault;
    if (how_deep == depth::everything && stored != mix(stamp, offset, third)) return frame_fault::checksum;
    return frame_fault::none;
  }

  const std::uint64_t payload = frame_header_bytes + 8 * (std::uint64_t{flags} >> frame_flags::extension_shift);
  const std::uint64_t payload_end = payload + length_in(third);  // at most 2^32 + 144: cannot wrap
  const std::uint64_t padded_end = core::round_up(payload_end, frame_alignment);
  std::uint64_t body_end = payload_end, extent = padded_end;
  if ((flags & frame_flags::is_short) != 0) [[unlikely]] {
    body_end = padded_end + sizeof extent;
    if (body_end > room.size()) return frame_fault::extent;
    extent = word_at(room, padded_end);
    if (extent < body_end || extent % frame_alignment != 0) return frame_fault::extent;
  }
  if (extent > room.size()) return frame_fault::extent;
  if (how_deep == depth::everything) {
    if (!is_padded(room, payload_end)) return frame_fault::padding;
    const auto body = room.subspan(frame_header_bytes, body_end - frame_header_bytes);
    if (stored != (core::sum(kind, body) ^ mix(stamp, offset, third))) return frame_fault::checksum;
  }
  f.extent = extent;
  f.kind = kind_of;
  f.flags = flags;
  f.type = type_in(third);
  f.payload = room.subspan(payload, length_in(third));
  return frame_fault::none;
}

}  // namespace varve::format
