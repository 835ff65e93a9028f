// SPDX-License-Identifier: MIT
//
// mark_keeper.hpp - brings the durable mark to the disk soon after it moved. Layer writer/durable.
//
// Storing the mark makes it no more durable than the kernel likes: what a power loss leaves of it may be half a minute old,
// and what rots above it passes for a torn end. A thread that is there anyway syncs the mark alone, an interval after it
// moved, or once so many bytes were synced; nothing while it stands still, and no data.
//
// Invariants
//   I1  The mark that is stored is on the disk an interval later, or failure() says why not.
//   I2  On the disk it is a lower bound, whatever fails here: nothing that was promised depends on it.
//
// Ordering
//   mark:A / mark:B   the mark is stored, then counted; the thread takes the count, then syncs. Both change one word, so one
//                     comes first: the sync has that mark, or the count is there for the next one.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/error.hpp"
#include "os/shared.hpp"
#include "os/waiting.hpp"
#include "store/live_file.hpp"
#include "writer/state/worker.hpp"

namespace varve::core {

class mark_keeper {
 public:
  struct parts {
    const error_subject* path;
    live_file& live;
    worker& thread;
  };
  /// `interval`  0: never.
  mark_keeper(const parts& p, std::chrono::milliseconds interval) noexcept : with_(p), interval_(interval) {}

  /// By who stores the mark: it has moved, and so many bytes, at least 1, were synced for that.
  void note(std::uint64_t bytes) noexcept {
    if (interval_.count() == 0) return;
    // mark:A  acq_rel. Pairs with mark:B.
    const std::uint64_t before = behind_.fetch_add(bytes, std::memory_order_acq_rel, "mark:A");
    if (before == 0 || (before < bytes_max && before + bytes >= bytes_max)) with_.thread.wake();
  }

  // ---- By the thread.

  /// When the mark is to be synced, by what is known now.
  [[nodiscard]] os::deadline due() noexcept;
  void sync() noexcept;

  // ---- Any thread.

  /// Why the last sync of the mark failed; nothing once one has succeeded.
  [[nodiscard]] std::optional<error> failure() const noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed, "mark:count"); }

 private:
  static constexpr std::uint64_t bytes_max = std::uint64_t{64} << 20;

  parts with_;
  const std::chrono::milliseconds interval_;
  shared::word<std::uint64_t> behind_{0};  // bytes that were synced since the mark was; 0: it stands still
  shared::word<std::uint64_t> count_{0};   // a figure for people

  // Touched by the thread only.
  std::optional<os::deadline> moved_;  // when it saw that the mark had moved; nothing: it stands still

  mutable std::mutex guard_;
  std::optional<error> failure_;  // guarded by guard_
};

}  // namespace varve::core
