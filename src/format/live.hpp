// SPDX-License-Identifier: MIT
//
// live.hpp - varve.live: what may be stale or lost. Layer format; pure.
//
// Page 0 belongs to the writer; page 1, the wake page, is mapped alone by those who wait; page 2 is kept for statistics.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/sector.hpp"

namespace varve::format {

/// One of two slots of the durable mark, in different sectors. Stored after the msync that it reports and never synced by
/// itself, so that on disk it can only be too low. Believed only in the epoch of varve.state.
struct mark {
  static constexpr std::uint64_t magic = magic_of("VARVMARK");

  sector_head head{};
  std::uint64_t epoch = 0;
  std::uint64_t segment = 0;     // number of the segment in which the durable prefix ends
  std::uint64_t offset = 0;      // where it ends there
  std::uint64_t sequence = 0;    // the last durable sequence
  std::uint64_t generation = 0;  // of the state at that time: a state of an older one is stale
  std::array<std::byte, 504 - 56> reserved{};
  std::uint64_t checksum = 0;
};
static_assert(offsetof(mark, epoch) == 16);
static_assert(offsetof(mark, segment) == 24);
static_assert(offsetof(mark, offset) == 32);
static_assert(offsetof(mark, sequence) == 40);
static_assert(offsetof(mark, generation) == 48);

/// True if the fields of a valid sector make sense.
[[nodiscard]] constexpr bool is_sane(const mark& m) noexcept {
  return m.sequence <= sequence_max && is_frame_boundary(m.offset, segment_bytes_max);
}

/// Words of the writer, without a checksum: each is believed only while the writer of this epoch lives.
struct writer_words {
  std::uint64_t epoch;
  std::uint64_t published;
  std::uint64_t process;
  std::uint64_t published_check;  // check_of(published, epoch): after its writer's death it tells the two belong together
};
static_assert(sizeof(writer_words) == 32);

/// Not a checksum: it shows that `published` was stored in this epoch, and not by a thread that a truncation overtook.
[[nodiscard]] constexpr std::uint64_t check_of(std::uint64_t published, std::uint64_t epoch) noexcept {
  return published ^ ~(epoch << 32);
}

/// The wake page: where followers announce what they wait for.
struct wake_words {
  std::uint64_t awaited;  // sequence of the first unpublished frame that somebody waits for; 0: nobody
  std::uint32_t futex;
  std::uint32_t fenced;  // 1: the writer is registered for membarrier; 2: it fences itself
};
static_assert(offsetof(wake_words, futex) == 8 && offsetof(wake_words, fenced) == 12);

}  // namespace varve::format
