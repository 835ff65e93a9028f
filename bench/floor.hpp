// SPDX-License-Identifier: MIT
//
// floor.hpp - the least that an append to a mapped log can be: one fetch_add, a copy, a checksum, a header and a stamp, into
// pages that are there already. No rolls, no errors, no limits, nobody who reads. varve is measured against it in one run.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

#if defined(__x86_64__)
// Of xxh_x86dispatch.h, which cannot be included beside XXH_INLINE_ALL. Picks the widest vectors this processor has.
extern "C" XXH64_hash_t XXH3_64bits_dispatch(const void* input, size_t length);
#endif

namespace bench {

struct floor_header {
  std::uint64_t stamp, checksum;
  std::uint32_t length;
  std::uint8_t kind, flags;
  std::uint16_t type;
};
static_assert(sizeof(floor_header) == 24);

[[nodiscard]] constexpr std::uint64_t floor_extent(std::uint64_t payload_bytes) noexcept {
  return (sizeof(floor_header) + payload_bytes + 7) / 8 * 8;
}

[[nodiscard]] inline std::uint64_t floor_sum(std::string_view payload) noexcept {
#if defined(__x86_64__)
  constexpr std::size_t without_vectors_max = 240;  // up to there XXH3 uses none, and the call is what costs
  if (payload.size() > without_vectors_max) return XXH3_64bits_dispatch(payload.data(), payload.size());
#endif
  return XXH3_64bits(payload.data(), payload.size());
}

/// A mapping that takes frames from its first byte on.
class floor_segment {
 public:
  floor_segment() = default;
  explicit floor_segment(std::span<char> map) noexcept : map_{map} {}

  struct claim {
    std::uint64_t offset, sequence;
  };
  /// One fetch_add for both. An offset from which the frames do not fit means that the segment is full.
  [[nodiscard]] claim take(std::uint64_t bytes, std::uint64_t frames) noexcept {
    // relaxed: it hands out disjoint ranges.
    const std::uint64_t old = word_.fetch_add(frames << bytes_bits | bytes / 8, std::memory_order_relaxed);
    return {(old & ((std::uint64_t{1} << bytes_bits) - 1)) * 8, old >> bytes_bits};
  }
  [[nodiscard]] bool fits(claim at, std::uint64_t bytes) const noexcept { return at.offset + bytes <= map_.size(); }

  /// Everything but the stamp.
  void fill(claim at, std::string_view payload) noexcept {
    char* const frame = map_.data() + at.offset;
    std::memcpy(frame + sizeof(floor_header), payload.data(), payload.size());
    const floor_header header{.stamp = 0,
                              .checksum = checksum(at, payload),
                              .length = static_cast<std::uint32_t>(payload.size()),
                              .kind = 1,
                              .flags = 0,
                              .type = 0};
    std::memcpy(frame + sizeof header.stamp, reinterpret_cast<const char*>(&header) + sizeof header.stamp,
                sizeof header - sizeof header.stamp);
  }

  void stamp(claim at) noexcept { stamp_at(at).store(stamp_of(at), std::memory_order_release); }

  /// Is the frame of a record of this size there, whole?
  [[nodiscard]] bool has(claim at, std::uint64_t payload_bytes) const noexcept {
    floor_header header;
    std::memcpy(&header, map_.data() + at.offset, sizeof header);
    const std::string_view payload{map_.data() + at.offset + sizeof header, payload_bytes};
    return header.stamp == stamp_of(at) && header.length == payload_bytes && header.checksum == checksum(at, payload);
  }

 private:
  static constexpr unsigned bytes_bits = 36;
  static constexpr std::uint64_t salt = 0x9d5c0f6be3a84721;

  static std::uint64_t stamp_of(claim at) noexcept { return at.sequence ^ salt; }
  static std::uint64_t checksum(claim at, std::string_view payload) noexcept {
    constexpr std::uint64_t odd_1 = 0x9e3779b97f4a7c15, odd_2 = 0xbf58476d1ce4e5b9;
    return floor_sum(payload) ^ (stamp_of(at) + at.offset * odd_1) * odd_2;
  }
  [[nodiscard]] std::atomic_ref<std::uint64_t> stamp_at(claim at) const noexcept {
    return std::atomic_ref{*reinterpret_cast<std::uint64_t*>(map_.data() + at.offset)};
  }

  std::span<char> map_;
  alignas(128) std::atomic<std::uint64_t> word_{0};  // alone on its line
};

}  // namespace bench
