// SPDX-License-Identifier: MIT
//
// meta.hpp - varve.meta: what a log is, written once, in two copies. Layer format; pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/sector.hpp"

namespace varve::format {

/// What a directory is for.
enum class directory_kind : std::uint8_t {
  log = 0,        // it has one writer, and its state leads
  archive = 1,    // copies of segments, which an archiver adds: the segments lead
  assembled = 2,  // segments that were brought together, of which nobody has made a log yet: likewise
  replica = 3,    // grows by what another log sends: likewise
};

struct meta {
  static constexpr std::uint64_t magic = magic_of("VARVMETA");

  sector_head head{};
  uuid log{};
  feature_bits features{};
  std::uint8_t checksum_kind = 0;
  std::uint8_t frame_alignment_log2 = 0;
  std::uint8_t times = 0;  // 1: each record carries the time of its append
  directory_kind kind = directory_kind::log;
  std::uint64_t segment_bytes = 0;
  std::uint32_t index_stride_bytes = 0;
  std::uint32_t reserved_2 = 0;
  std::uint64_t created_ns = 0;
  std::array<std::byte, 504 - 72> reserved_3{};
  std::uint64_t checksum = 0;
};
static_assert(offsetof(meta, log) == 16);
static_assert(offsetof(meta, features) == 32);
static_assert(offsetof(meta, checksum_kind) == 44);
static_assert(offsetof(meta, frame_alignment_log2) == 45);
static_assert(offsetof(meta, times) == 46);
static_assert(offsetof(meta, kind) == 47);
static_assert(offsetof(meta, segment_bytes) == 48);
static_assert(offsetof(meta, index_stride_bytes) == 56);
static_assert(offsetof(meta, created_ns) == 64);

/// True if the fields of a valid sector make sense: what was written by a program other than varve may not.
[[nodiscard]] constexpr bool is_sane(const meta& m) noexcept {
  return m.segment_bytes >= segment_bytes_min && m.segment_bytes <= segment_bytes_max &&
         m.segment_bytes % segment_bytes_unit == 0 && m.frame_alignment_log2 == frame_alignment_log2 &&
         is_checksum_kind(m.checksum_kind) && is_index_stride(m.index_stride_bytes) && m.times <= 1 &&
         m.kind <= directory_kind::replica;
}

}  // namespace varve::format
