// SPDX-License-Identifier: MIT
//
// checkpointer.hpp - has the user's function save what was appended, in a thread of its own, and remembers how far it has
// come. Layer writer/retire.
//
// Without such a function there is no thread, and nothing is held. Handing out records is for the layer above.
//
// Invariants
//   I1  What is handed out is durable before: no position can pass what a power loss leaves.
//   I2  A position becomes durable only after the function has said yes, and only if nothing was truncated since it was
//       called: the same sequences may be other records by then.
//
// Ordering
//   outcome:A / outcome:B   what an attempt came to is noted, then whoever waits is told (`outcome_`)
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/error.hpp"
#include "chain/frontier.hpp"
#include "os/shared.hpp"
#include "store/log_place.hpp"
#include "writer/append/appender.hpp"
#include "writer/durable/syncer.hpp"
#include "writer/state/failure_latch.hpp"
#include "writer/state/log_state.hpp"
#include "writer/state/worker.hpp"

namespace varve::core {

class sealer;

class checkpointer {
 public:
  struct parts {
    const log_place& place;
    log_state& state;
    core::frontier& frontier;
    core::syncer& syncer;
    core::appender& appender;
    const failure_latch& latch;
    core::sealer& sealer;
  };
  /// Hands the records [first, last] to the user's function. False: it said no.
  using saving = std::function<result<bool>(std::uint64_t first, std::uint64_t last)>;

  /// `after_bytes`  0: only when somebody asks.
  checkpointer(const parts& p, bool saves, std::uint64_t after_bytes) noexcept
      : with_(p), saves_(saves), after_bytes_(after_bytes) {}
  ~checkpointer() { stop(); }
  checkpointer(const checkpointer&) = delete;
  checkpointer& operator=(const checkpointer&) = delete;

  /// `behind`: so many bytes of an earlier opening stand behind the last checkpoint. May throw std::system_error if there
  /// can be no thread.
  void start(saving save, std::uint64_t behind);
  /// Waits for the function, if it is being called.
  void stop() noexcept;
  void forget_thread() noexcept { worker_.forget(); }

  [[nodiscard]] bool saves() const noexcept { return saves_; }
  [[nodiscard]] bool is_this_thread() const noexcept { return worker_.is_this_thread(); }
  /// Up to where segments may go as far as checkpoints are concerned; nothing: all may.
  [[nodiscard]] std::optional<std::uint64_t> limit() const noexcept;

  /// The log has grown, or rolled: begins a checkpoint if one is due.
  void look() noexcept {
    if (saves_ && is_due() && resting_.load(std::memory_order_relaxed, "checkpoint:resting") == 0) worker_.wake();
  }
  /// There is no room for another segment: likewise, however little was appended.
  void press() noexcept;
  /// Has everything saved that is published, and waits for it.
  ///
  /// Errors  cancelled: the function said no. What kept it from being called: damaged, sync_failed, io, out_of_memory.
  ///         closed.
  [[nodiscard]] result<std::uint64_t> checkpoint() noexcept;

 private:
  void run() noexcept;
  void rest(std::uint32_t served) noexcept;
  void tell_outcome() noexcept;
  [[nodiscard]] bool is_due() const noexcept;
  [[nodiscard]] result<bool> save_once() noexcept;
  void answer(std::uint32_t request, const result<bool>& outcome) noexcept;

  parts with_;
  const bool saves_;
  const std::uint64_t after_bytes_;
  saving save_;
  shared::word<std::uint64_t> saved_position_{
      0};  // of the last checkpoint, in bytes as the appender counts; may be "below 0"
  shared::word<std::uint32_t> pressed_{0};
  shared::word<std::uint32_t> resting_{0};    // after a refusal, for a while
  shared::word<std::uint32_t> requested_{0};  // counts calls of checkpoint()
  shared::word<std::uint32_t> outcome_{0};    // bumped to wake those who wait
  worker worker_;

  std::mutex guard_;
  std::uint32_t answered_ = 0;    // guarded by guard_: the last request that an attempt answers
  std::optional<error> refusal_;  // likewise: what that came to, if it failed
};

}  // namespace varve::core
