// SPDX-License-Identifier: MIT
//
// frame.cpp - fuzz target: the bytes of one frame. read_frame never reads outside, and accepts what docs/format.md calls
// valid, no more and no less.
//
// Input: offset (8 bytes), stamp (8), checksum kind (1), then the room.
#include <algorithm>

#include "reference_frame.hpp"

namespace varve::fuzz {
namespace {

constexpr std::size_t header_bytes = 17;

checksum kind_of(std::uint8_t choice) { return static_cast<checksum>(1 + choice % 5); }

void judge(format::frame_fault fault, const format::frame& f, std::span<const std::byte> room,
           const std::optional<reference_frame>& expected) {
  check((fault == format::frame_fault::none) == expected.has_value(), "the reference says otherwise");
  if (!expected) return;
  check(f.extent == expected->extent && f.extent >= format::frame_header_bytes && f.extent <= room.size(), "extent");
  check(f.extent % format::frame_alignment == 0, "alignment");
  check(static_cast<std::uint64_t>(f.kind) == expected->kind && f.flags == (f.is_record() ? expected->flags : 0), "flags");
  check(f.type == expected->type, "type");
  if (!f.is_record()) return check(f.payload.empty(), "a filler with a payload");
  check(f.payload.size() == expected->length, "length");
  check(f.payload.data() == room.data() + expected->payload_at, "the payload's place");
  check(expected->payload_at + f.payload.size() <= f.extent, "a payload that leaves its frame");
}

}  // namespace

void run(std::span<const std::byte> input) {
  taker from{input};
  const auto offset = from.take<std::uint64_t>();
  const auto stamp = from.take<std::uint64_t>();
  const checksum kind = kind_of(from.take<std::uint8_t>());
  // A copy of its own on the heap: AddressSanitizer sees one byte too far.
  const byte_vector room(from.rest().begin(), from.rest().end());
  auto expected = shape_of(room);
  format::frame f;
  judge(format::read_frame(room, offset, stamp, kind, format::depth::shape, f), f, room, expected);
  if (expected && !is_whole(*expected, room, offset, stamp, kind)) expected.reset();
  judge(format::read_frame(room, offset, stamp, kind, format::depth::everything, f), f, room, expected);
}

void repair(byte_vector& input, std::uint64_t seed) {
  if (input.size() < header_bytes + format::frame_header_bytes) return;
  const auto room = std::span{input}.subspan(header_bytes);
  if (seed % 4 == 1) store<std::uint32_t>(room, 16, static_cast<std::uint32_t>(room.size() - 24));  // up to the end
  if (seed % 4 == 2) room[20] = std::byte{static_cast<std::uint8_t>(1 + seed / 4 % 4)};
  const auto f = shape_of(room);
  if (!f) return;
  const std::uint64_t end = f->payload_at + f->length;
  if (f->has_body && seed % 5 != 0)
    for (std::uint64_t at = end; at < (end + 7) / 8 * 8; ++at) room[at] = std::byte{0};
  const auto offset = load<std::uint64_t>(input, 0), stamp = load<std::uint64_t>(input, 8);
  store(room, 8, checksum_of(*f, room, offset, stamp, kind_of(std::to_integer<std::uint8_t>(input[16]))));
}

}  // namespace varve::fuzz
