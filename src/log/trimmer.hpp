// SPDX-License-Identifier: MIT
//
// trimmer.hpp - drops the oldest records: the trim point first, durably, then the segments that end before it. Layer log.
//
// Invariants
//   I1  No segment is dropped before a trim point at or behind its end is durable in varve.state.
//   I2  The trim point is never more than the durable mark plus one, so what a power loss leaves always reaches it.
//   I3  A segment that somebody in this process reads is unlinked, and stays as it is for him. Any other is offered to be
//       used again; then whoever reads it in another process has pinned it, and it is unlinked after all.
//
// Ordering
//   first:A / first:B   the trim point is durable, then `first` is raised
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "base/error.hpp"
#include "log/live_file.hpp"
#include "log/log_place.hpp"
#include "log/preparer.hpp"
#include "log/segment_table.hpp"
#include "log/state_file.hpp"
#include "os/shared.hpp"

namespace varve::core {

class trimmer {
 public:
  struct parts {
    const log_place& place;
    std::optional<state_file>& state;
    live_file& live;
    segment_table& table;
    core::preparer& preparer;
  };
  explicit trimmer(const parts& p) noexcept : with_(p) {}

  /// Where an opened log begins.
  void place(std::uint64_t first) noexcept { first_.store(first, std::memory_order_release, "first:B"); }
  [[nodiscard]] std::uint64_t first() const noexcept { return first_.load(std::memory_order_acquire, "first:A"); }

  /// Everything before `target` goes, all of which is durable. One call at a time.
  [[nodiscard]] result<void> trim_before(std::uint64_t target) noexcept;
  /// Drops the segments that end before first(): they may have been sealed since.
  [[nodiscard]] result<void> drop() noexcept;

  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed, "trim:count"); }

 private:
  [[nodiscard]] result<void> remove(std::uint64_t number) noexcept;

  parts with_;
  shared::word<std::uint64_t> first_{1};
  shared::word<std::uint64_t> dropped_{0};
  std::mutex dropping_;
  std::uint64_t stuck_ = 0;  // guarded by dropping_: a segment that could not be removed
};

}  // namespace varve::core
