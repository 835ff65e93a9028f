// SPDX-License-Identifier: MIT
//
// log_state.hpp - varve.state of a log that is open for writing: what several threads change. Layer writer/state.
//
// Invariants
//   I1  A change is made of what was there just before it: of two at the same time none is lost.
//   I2  Nobody learns of a position or an epoch before it is durable.
//   I3  What failed is undone, durably, or the error says that it may have happened. Until the next change that succeeds
//       the log goes by what was durable before.
//   I4  Nothing is stored under a generation that a failed write may have left with other contents: by that views tell
//       whether they know the state.
//
// Ordering
//   state:A / state:B   the state is durable, then what it says is told
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "base/error.hpp"
#include "os/shared.hpp"
#include "store/log_place.hpp"
#include "store/state_file.hpp"

namespace varve::core {

class log_state {
 public:
  void take(state_file file) noexcept {
    file_.emplace(std::move(file));
    tell();
  }
  /// While the log is being opened, and nobody else is there.
  [[nodiscard]] const state_file& file() const noexcept { return *file_; }
  /// Makes the slot that was read durable.
  [[nodiscard]] result<void> reaffirm(const log_place& place) { return file_->reaffirm(place); }

  /// Makes durable what `edit(format::state&)` makes of it, one call at a time. `edit` returns false to leave it as it is.
  ///
  /// Errors  of the system calls. Nothing has changed then, unless error::may_have_happened(). Views may have seen it for a
  ///         moment, also what was undone.
  template <class Edit>
  [[nodiscard]] result<void> change(const log_place& place, Edit edit) {
    const std::scoped_lock lock{changing_};
    auto next = file_->current();
    if (!edit(next)) return {};
    if (auto done = store(place, next); !done) return done;
    tell();
    return {};
  }

  // ---- What it says. Any thread, without a lock: also in a forked child.
  /// The last sequence that was saved elsewhere, and that of the last segment that was archived; first - 1 at least.
  [[nodiscard]] std::uint64_t checkpoint() const noexcept {
    return checkpoint_.load(std::memory_order_acquire, "state:A");  // pairs with state:B
  }
  [[nodiscard]] std::uint64_t archived() const noexcept {
    return archived_.load(std::memory_order_acquire, "state:A");  // pairs with state:B
  }
  /// Of the newest state that is durable: what is written elsewhere, and says it, was written later.
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire, "state:A");  // pairs with state:B
  }
  /// Counts what makes sequences be given out again.
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire, "state:A"); }
  /// The same; 0 from when a truncation is decided until it is done. Meanwhile the marks and the table still speak of what
  /// goes, beside an epoch that is new: who saves something by them would save that.
  [[nodiscard]] std::uint32_t settled_epoch() const noexcept {
    return settled_epoch_.load(std::memory_order_acquire, "state:A");  // pairs with state:B
  }

 private:
  // Both with changing_.
  [[nodiscard]] result<void> store(const log_place& place, const format::state& next);
  [[nodiscard]] result<void> write(const log_place& place, const format::state& s);
  void tell() noexcept {
    const auto& now = file_->current();
    // The epoch first: who sees a position that a truncation has lowered sees that it was one.
    epoch_.store(now.epoch, std::memory_order_release, "state:B");
    generation_.store(now.generation, std::memory_order_release, "state:B");
    settled_epoch_.store(now.truncate_intent == 0 ? now.epoch : 0, std::memory_order_release, "state:B");
    checkpoint_.store(now.checkpoint, std::memory_order_release, "state:B");
    archived_.store(now.archived, std::memory_order_release, "state:B");
  }

  std::mutex changing_;
  std::optional<state_file> file_;  // changed with changing_, once the log is open
  std::uint64_t burnt_ = 0;         // likewise: the highest generation that a failed write may have left
  shared::word<std::uint64_t> checkpoint_{0}, archived_{0}, generation_{0};
  shared::word<std::uint32_t> epoch_{0}, settled_epoch_{0};
};

}  // namespace varve::core
