// SPDX-License-Identifier: MIT
//
// oracle.hpp - what a child says about its appends while it lives, in memory that it shares with its parent: the bytes stay
// when the child is killed, just as those of the log must.
//
// Fields
//   started, returned   by that writer: raised before a call of append, and after it returned. So records from `returned` up
//                       to `started` are those of one call that was under way.
//   notes               by that writer: the hash before `started` covers it, the sequence before `returned` does
//   trim_target         by the one thread that trims, before the call
//   trimmed             by it, after the call has returned; so the first sequence is one of these two
//   others              by any thread of the child
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>

#include "support/shared_memory.hpp"

namespace varve::testing {

struct oracle {
  static constexpr std::uint32_t writers_max = 8;
  static constexpr std::uint64_t records_max = std::uint64_t{1} << 16;  // of each writer; more than a life comes to

  struct note {
    std::atomic<std::uint64_t> sequence, hash;
  };
  struct alignas(128) writer {
    std::atomic<std::uint64_t> started, returned;
    note notes[records_max];
  };

  std::atomic<std::uint32_t> is_opening, is_open, is_closed, has_complaint;
  std::atomic<std::uint64_t> synced;  // the highest sequence that is durable, as sync() or an immediate append has said
  std::atomic<std::uint64_t> trim_target, trimmed;
  std::atomic<std::uint64_t> recycled;  // segments out of dropped files
  std::atomic<std::uint64_t> rolls;
  std::atomic<std::uint64_t> recovered_stepped_over;  // of an open that came to its end
  char complaint[1024];                               // the first thing that went wrong in the child
  writer writers[writers_max];

  /// Keeps the first complaint.
  template <class... Values>
  void complain(const char* format, Values... values) noexcept {
    if (has_complaint.exchange(1, std::memory_order_acq_rel) != 0) return;
    static_cast<void>(std::snprintf(complaint, sizeof complaint, format, values...));
    has_complaint.store(2, std::memory_order_release);  // now it can be read
  }
  void raise_synced(std::uint64_t sequence) noexcept {
    std::uint64_t seen = synced.load(std::memory_order_relaxed);
    while (seen < sequence && !synced.compare_exchange_weak(seen, sequence, std::memory_order_release)) {
    }
  }
  [[nodiscard]] std::uint64_t returned_in_all() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& w : writers) sum += w.returned.load(std::memory_order_relaxed);
    return sum;
  }
};

}  // namespace varve::testing
