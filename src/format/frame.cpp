// SPDX-License-Identifier: MIT
#include "format/frame.hpp"

#include <algorithm>
#include <cstring>

namespace varve::format {
namespace {

bool all_zero(std::span<const std::byte> bytes) noexcept {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

/// Where the parts of a frame with a body stand, relative to its start.
struct body_layout {
  std::uint64_t payload, payload_end, padded_end, body_end;
};

body_layout lay_out(const frame_header& header) noexcept {
  const std::uint64_t words = header.flags >> frame_flags::extension_shift;
  const std::uint64_t payload = frame_header_bytes + 8 * words;
  const std::uint64_t payload_end = payload + header.length;  // at most 2^32 + 144: cannot wrap
  const std::uint64_t padded_end = core::round_up(payload_end, frame_alignment);
  const bool is_short = (header.flags & frame_flags::is_short) != 0;
  return {payload, payload_end, padded_end, is_short ? padded_end + 8 : payload_end};
}

void set_third_word(frame_header& header, std::uint64_t word) noexcept {
  header.length = static_cast<std::uint32_t>(word);
  header.kind = static_cast<frame_kind>(word >> 32 & 0xff);
  header.flags = static_cast<std::uint8_t>(word >> 40);
  header.type = static_cast<std::uint16_t>(word >> 48);
}

frame_fault read_filler(const frame_header& header, std::uint64_t room_bytes, frame& f) noexcept {
  if (header.flags != 0) return frame_fault::flags;
  const std::uint64_t extent = frame_header_bytes + header.length;
  if (header.length % frame_alignment != 0 || extent > room_bytes) return frame_fault::extent;
  f = {.extent = extent, .kind = header.kind, .flags = 0, .type = header.type, .payload = {}};
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
  std::uint64_t third = 0;
  frame_header header{.stamp = stamp};
  std::memcpy(&header.checksum, room.data() + offsetof(frame_header, checksum), sizeof header.checksum);
  std::memcpy(&third, room.data() + offsetof(frame_header, length), sizeof third);
  set_third_word(header, third);
  if (header.kind < frame_kind::record || header.kind > frame_kind::lost) return frame_fault::kind;
  if ((header.flags & frame_flags::reserved) != 0) return frame_fault::flags;
  if (!has_body(header.kind)) {
    if (const auto fault = read_filler(header, room.size(), f); fault != frame_fault::none) return fault;
    if (how_deep == depth::everything && header.checksum != frame_checksum(kind, header, offset, {}))
      return frame_fault::checksum;
    return frame_fault::none;
  }

  const auto at = lay_out(header);
  std::uint64_t extent = at.padded_end;
  if ((header.flags & frame_flags::is_short) != 0) {
    if (at.body_end > room.size()) return frame_fault::extent;
    std::memcpy(&extent, room.data() + at.padded_end, sizeof extent);
    if (extent < at.body_end || extent % frame_alignment != 0) return frame_fault::extent;
  }
  if (extent > room.size()) return frame_fault::extent;
  if (how_deep == depth::everything) {
    if (!all_zero(room.subspan(at.payload_end, at.padded_end - at.payload_end))) return frame_fault::padding;
    const auto body = room.subspan(frame_header_bytes, at.body_end - frame_header_bytes);
    if (header.checksum != frame_checksum(kind, header, offset, body)) return frame_fault::checksum;
  }
  f.extent = extent;
  f.kind = header.kind;
  f.flags = header.flags;
  f.type = header.type;
  f.payload = room.subspan(at.payload, header.length);
  return frame_fault::none;
}

}  // namespace varve::format
