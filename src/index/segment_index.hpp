// SPDX-License-Identifier: MIT
//
// segment_index.hpp - the sparse index of one segment: where a walk to a sequence best begins. Layer index.
//
// One word per stride of the segment, stored by the one writer whose frame crosses that boundary: no contention, no order.
// Nothing that it says is believed before the frame has been looked at, so it may be stale, damaged, or not there; then a
// walk is longer, and mends it on the way.
//
// Ordering
//   index:slot, index:mean   relaxed: hints by themselves; what stands at a place is read with scan:A
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "format/file_name.hpp"
#include "format/index.hpp"
#include "os/file.hpp"
#include "os/memory.hpp"
#include "os/shared.hpp"

namespace varve::core {

/// What an index belongs to.
struct index_identity {
  format::uuid log{};
  std::uint64_t number = 0;    // of the segment
  std::uint64_t capacity = 0;  // of the segment
  std::uint32_t stride_bytes = 0;
};

class segment_index {
 public:
  /// Finds nothing and notes nothing.
  segment_index() noexcept = default;
  segment_index(segment_index&& other) noexcept
      : map_(std::move(other.map_)),
        slots_(std::exchange(other.slots_, nullptr)),
        count_(std::exchange(other.count_, 0)),
        capacity_(other.capacity_),
        stride_log2_(std::exchange(other.stride_log2_, nobody_crosses)) {}

  /// A new and empty one, in its file. If no file can be had it is kept in memory, and lost with it.
  [[nodiscard]] static segment_index create(const os::file& directory, const index_identity& id,
                                            std::uint32_t permissions) noexcept;
  /// A copy of what the file says now, in memory, where a walk may mend it. Empty if the file is missing or of something
  /// else.
  [[nodiscard]] static segment_index load(const os::file& directory, const index_identity& id) noexcept;
  /// Takes over what another one of the same segment says.
  void copy_from(const segment_index& other) noexcept;

  /// The frame [begin, end) is finished, and `next` would stand behind it. Any thread. A store if a boundary was crossed.
  void note(std::uint64_t begin, std::uint64_t end, std::uint64_t next_less_base, std::uint64_t salt) const noexcept {
    if (begin >> stride_log2_ == end >> stride_log2_) return;
    store(begin, end, next_less_base, salt);
  }

  /// Brings in the pages of the slots that frames in [begin, begin + bytes) of the segment store. If it fails, they do.
  void populate_for_writing(std::uint64_t begin, std::uint64_t bytes) const noexcept;

  /// A place to begin at on the way to a sequence.
  struct hint {
    std::uint64_t slot;
    format::index_slot place;
  };
  /// The last slot that names no sequence above `target_less_base`.
  [[nodiscard]] std::optional<hint> find(std::uint64_t target_less_base, std::uint64_t salt) const noexcept;
  /// About where `target_less_base` stands, if the frames between this hint and the next are of one size. Only where all of
  /// these are at or below `published_less_base`: whoever looks there must not meet a writer at work.
  [[nodiscard]] std::optional<std::uint64_t> guess(const hint& h, std::uint64_t target_less_base,
                                                   std::uint64_t published_less_base, std::uint64_t salt) const noexcept;
  /// The one before, if that was no good.
  [[nodiscard]] std::optional<hint> before(const hint& h, std::uint64_t target_less_base, std::uint64_t salt) const noexcept;

 private:
  segment_index(os::mapping map, std::uint64_t first_slot_at, const index_identity& id) noexcept;

  [[nodiscard]] static segment_index in_memory(const index_identity& id) noexcept;
  [[nodiscard]] std::optional<hint> search(std::uint64_t high, std::uint64_t probe, std::uint64_t target_less_base,
                                           std::uint64_t salt) const noexcept;
  void store(std::uint64_t begin, std::uint64_t end, std::uint64_t next_less_base, std::uint64_t salt) const noexcept;
  /// The last slot in [low, high) that says something, and what.
  [[nodiscard]] std::optional<hint> last_in(std::uint64_t low, std::uint64_t high, std::uint64_t salt) const noexcept;

  [[nodiscard]] std::optional<format::index_slot> place_at(std::uint64_t slot, std::uint64_t salt) const noexcept {
    return format::decode_slot(shared::load(slots_[slot], std::memory_order_relaxed, "index:slot"), salt);
  }

  /// A walk from there to the target takes no more steps than one stride may hold frames: not worth a longer search.
  [[nodiscard]] bool is_near(const format::index_slot& place, std::uint64_t target_less_base) const noexcept {
    return target_less_base - place.sequence_less_base <= (std::uint64_t{1} << stride_log2_) / format::frame_header_bytes;
  }

  os::mapping map_;
  std::uint64_t* slots_ = nullptr;
  std::uint64_t count_ = 0;
  std::uint64_t capacity_ = 0;
  static constexpr unsigned nobody_crosses = 63;
  unsigned stride_log2_ = nobody_crosses;
  mutable shared::word<std::uint32_t> frame_bytes_{0};  // a float, their mean: where a search begins
};

/// True if the index file of this segment is there and is its own.
[[nodiscard]] bool has_index(const os::file& directory, const index_identity& id) noexcept;
/// Removes the index of a segment that is removed. What cannot be removed is of no use to anybody, and does no harm.
void remove_index(const os::file& directory, std::uint64_t number) noexcept;

}  // namespace varve::core
