// SPDX-License-Identifier: MIT
//
// archive_feed.hpp - hands sealed segments to the archive hook, oldest first, in a thread of its own, and remembers how far
// it has come. Layer writer/retire.
//
// Without a hook there is no thread, and nothing is held.
//
// Invariants
//   I1  A position becomes durable only after the hook has said that the segment is safe, and only if nothing was truncated
//       since it was handed out: the same sequences may be other records by then.
//   I2  While there is a hook, no trim point is written behind a segment that ends before it and is not archived.
//
// Ordering
//   outcome:A / outcome:B   what an attempt came to is noted, then whoever waits is told (`outcome_`)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <varve/archive.hpp>

#include "base/error.hpp"
#include "chain/segment_table.hpp"
#include "os/shared.hpp"
#include "store/log_place.hpp"
#include "writer/state/failure_latch.hpp"
#include "writer/state/log_state.hpp"
#include "writer/state/worker.hpp"

namespace varve::core {

class preparer;
class sealer;

class archivist {
 public:
  struct parts {
    const log_place& place;
    log_state& state;
    segment_table& table;
    const failure_latch& latch;
    core::preparer& preparer;
    core::sealer& sealer;
  };
  archivist(const parts& p, archive_hooks hooks) : with_(p), hooks_(std::move(hooks)) {}
  ~archivist() { stop(); }
  archivist(const archivist&) = delete;
  archivist& operator=(const archivist&) = delete;

  /// May throw std::system_error if there can be no thread.
  void start();
  /// Waits for the hook, if it is being called.
  void stop() noexcept;
  void forget_thread() noexcept { worker_.forget(); }
  /// A segment was sealed.
  void nudge() noexcept {
    if (archives()) worker_.wake();
  }

  [[nodiscard]] bool archives() const noexcept { return static_cast<bool>(hooks_.sealed); }
  [[nodiscard]] bool is_this_thread() const noexcept { return worker_.is_this_thread(); }
  /// Up to where segments may go as far as the archive is concerned; nothing: all may.
  [[nodiscard]] std::optional<std::uint64_t> limit() const noexcept;
  /// True if everything that ends at or before `target` may go.
  [[nodiscard]] bool lets_go(std::uint64_t target) const noexcept;
  /// Waits until that is so; what ends there is sealed sooner or later.
  ///
  /// Errors  cancelled: the hook said no. io, out_of_memory, sync_failed, closed. would_block_itself: by the hook.
  [[nodiscard]] result<void> archive_before(std::uint64_t target) noexcept;

  [[nodiscard]] bool hears_of_drops() const noexcept { return static_cast<bool>(hooks_.dropping); }
  /// A segment goes; its file is still there. Not told if there is no memory for it.
  void tell_drop(const ended_segment& s) const noexcept;

 private:
  void run() noexcept;
  void tell_outcome() noexcept;
  [[nodiscard]] int archive_next(std::uint32_t epoch) noexcept;
  [[nodiscard]] sealed_segment public_form(const ended_segment& s) const;

  parts with_;
  const archive_hooks hooks_;
  shared::word<std::uint32_t> requested_{0};  // counts calls of archive_before()
  shared::word<std::uint32_t> outcome_{0};    // bumped to wake those who wait
  shared::word<std::uint64_t> refused_{0};    // the request that a failed attempt answers, above errno; 0: the hook said no
  worker worker_;

  // Touched by the thread only: what is safe, though varve.state could not be told.
  std::uint64_t safe_ = 0;
  std::uint32_t safe_epoch_ = 0;
};

}  // namespace varve::core
