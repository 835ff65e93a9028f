// SPDX-License-Identifier: MIT
//
// segment_header.hpp - the four sectors at the start of a segment file, each written once per use of the file. Layer
// format; pure.
//
//         0  identity    which file this is; durable, with its directory entry, before the segment is queued
//       512  activation  makes it part of the log: without a valid one its frames say nothing
//      1024  end         where its frames end
//      1536  seal        everything up to here is durable
//      2048  reserved    zero, up to 4096
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "format/sector.hpp"

namespace varve::format {

struct identity {
  static constexpr std::uint64_t magic = magic_of("VARVSEGM");

  sector_head head{};
  uuid log{};
  feature_bits features{};
  std::uint8_t checksum_kind = 0;
  std::uint8_t frame_alignment_log2 = 0;
  std::uint8_t version_info_bytes = 0;
  std::uint8_t reserved_1 = 0;
  std::uint64_t number = 0;  // also the file's name
  std::uint64_t file_bytes = 0;
  std::uint64_t capacity = 0;  // frames fit in [segment_header_bytes, capacity)
  std::uint64_t created_ns = 0;
  std::uint32_t index_stride_bytes = 0;
  std::uint32_t reserved_2 = 0;
  std::array<char, 255> version_info{};
  std::array<std::byte, 504 - 343> reserved_3{};
  std::uint64_t checksum = 0;

  [[nodiscard]] std::string_view info() const noexcept { return {version_info.data(), version_info_bytes}; }
};
static_assert(offsetof(identity, log) == 16);
static_assert(offsetof(identity, features) == 32);
static_assert(offsetof(identity, checksum_kind) == 44);
static_assert(offsetof(identity, version_info_bytes) == 46);
static_assert(offsetof(identity, number) == 48);
static_assert(offsetof(identity, file_bytes) == 56);
static_assert(offsetof(identity, capacity) == 64);
static_assert(offsetof(identity, created_ns) == 72);
static_assert(offsetof(identity, index_stride_bytes) == 80);
static_assert(offsetof(identity, version_info) == 88);

/// True if the fields of a valid sector make sense: what was written by a program other than varve may not. The caller
/// compares the log, the number and the size with the meta, the name and the size of the file.
[[nodiscard]] constexpr bool is_sane(const identity& i) noexcept {
  return i.number != 0 && i.file_bytes >= segment_bytes_min && i.file_bytes <= segment_bytes_max &&
         i.file_bytes % segment_bytes_unit == 0 && is_frame_boundary(i.capacity, i.file_bytes) &&
         i.frame_alignment_log2 == frame_alignment_log2 && is_checksum_kind(i.checksum_kind) &&
         is_index_stride(i.index_stride_bytes);
}

struct activation {
  static constexpr std::uint64_t magic = magic_of("VARVACTV");

  sector_head head{};
  std::uint64_t base = 0;  // sequence of the first frame
  std::uint64_t salt = 0;  // drawn when the segment joins the log, never before
  std::uint64_t epoch = 0;
  std::uint64_t predecessor = 0;  // number and salt of the segment before; 0 for the first
  std::uint64_t predecessor_salt = 0;
  std::uint64_t time_ns = 0;
  std::uint64_t given_up = 0;    // sequences just before the base that were lost, and that the log does without
  std::uint64_t generation = 0;  // of the state at that time: a state of an older one is stale
  std::array<std::byte, 504 - 80> reserved{};
  std::uint64_t checksum = 0;
};
static_assert(offsetof(activation, base) == 16);
static_assert(offsetof(activation, salt) == 24);
static_assert(offsetof(activation, epoch) == 32);
static_assert(offsetof(activation, predecessor) == 40);
static_assert(offsetof(activation, predecessor_salt) == 48);
static_assert(offsetof(activation, time_ns) == 56);
static_assert(offsetof(activation, given_up) == 64);
static_assert(offsetof(activation, generation) == 72);

/// True if the fields of a valid sector make sense.
[[nodiscard]] constexpr bool is_sane(const activation& a) noexcept {
  const bool is_first = a.predecessor == 0;
  return a.base != 0 && a.base <= sequence_max && (a.salt & salt_top_bit) != 0 && a.epoch != 0 &&
         (is_first ? a.predecessor_salt == 0 : (a.predecessor_salt & salt_top_bit) != 0) && a.given_up < a.base;
}

enum class end_cause : std::uint32_t { roll = 1, truncate = 2, recovery = 3 };

struct end {
  static constexpr std::uint64_t magic = magic_of("VARVSEND");

  sector_head head{};
  std::uint64_t salt = 0;       // the activation's; another one is left over from an earlier use
  std::uint64_t offset = 0;     // stored last, with release; 0: none yet
  std::uint64_t last = 0;       // the last sequence
  std::uint64_t successor = 0;  // a hint: the chain is the activation's predecessor and salt
  end_cause cause = end_cause::roll;
  std::uint32_t reserved_1 = 0;
  std::array<std::byte, 504 - 56> reserved_2{};
  std::uint64_t checksum = 0;
};
static_assert(offsetof(end, salt) == 16);
static_assert(offsetof(end, offset) == 24);
static_assert(offsetof(end, last) == 32);
static_assert(offsetof(end, successor) == 40);
static_assert(offsetof(end, cause) == 48);

/// True if `e`, from a valid sector, is the end of this use of the file: not one left over from an earlier use, not one that
/// is still being stored, and one that a segment can have.
[[nodiscard]] constexpr bool belongs(const end& e, const activation& a, const identity& i) noexcept {
  const bool is_empty = e.last == a.base - 1 && e.offset == segment_header_bytes;
  return e.salt == a.salt && is_frame_boundary(e.offset, i.capacity) && e.last <= sequence_max &&
         (is_empty || (e.last >= a.base && e.last - a.base < (e.offset - segment_header_bytes) / frame_header_bytes)) &&
         e.cause >= end_cause::roll && e.cause <= end_cause::recovery;
}

/// True if the segment of activation `next` follows the segment `number`, which `a` activated and which ends with `last`.
[[nodiscard]] constexpr bool follows(const activation& next, std::uint64_t number, const activation& a,
                                     std::uint64_t last) noexcept {
  return next.base - next.given_up == last + 1 && next.predecessor == number && next.predecessor_salt == a.salt;
}

struct seal {
  static constexpr std::uint64_t magic = magic_of("VARVSEAL");

  sector_head head{};
  std::uint64_t salt = 0;    // the activation's
  std::uint64_t offset = 0;  // the end's
  std::uint64_t last = 0;
  std::uint64_t frames = 0;
  std::uint64_t time_first_ns = 0, time_last_ns = 0;  // the smallest and the largest of its records; 0: not known
  std::uint64_t digest = 0;                           // XXH3-64 of [4096, offset); 0: not computed
  std::array<std::byte, 32> hash_chain{};             // zero: none
  std::array<std::byte, 504 - 104> reserved{};
  std::uint64_t checksum = 0;
};
static_assert(offsetof(seal, salt) == 16);
static_assert(offsetof(seal, offset) == 24);
static_assert(offsetof(seal, last) == 32);
static_assert(offsetof(seal, frames) == 40);
static_assert(offsetof(seal, time_first_ns) == 48);
static_assert(offsetof(seal, digest) == 64);
static_assert(offsetof(seal, hash_chain) == 72);

/// True if `s`, from a valid sector, seals this use of the file at this end.
[[nodiscard]] constexpr bool belongs(const seal& s, const end& e) noexcept {
  return s.salt == e.salt && s.offset == e.offset && s.last == e.last;
}

}  // namespace varve::format
