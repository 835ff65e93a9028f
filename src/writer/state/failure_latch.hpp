// SPDX-License-Identifier: MIT
//
// failure_latch.hpp - the first failure to make something durable, kept for ever. Layer writer/state.
//
// After a failed msync the kernel marks the pages clean, and the next one returns 0 for data that is not on disk. So a retry
// is never an answer: nobody may be told of success after the first failure.
//
// Ordering
//   latch:A / latch:B   the error is written, then the flag says that it is there; then the gate says `failed`, and whoever
//                       waits is woken
#pragma once

#include <mutex>
#include <optional>

#include <varve/error.hpp>

#include "chain/wake_page.hpp"
#include "os/shared.hpp"
#include "writer/state/events.hpp"
#include "writer/state/gate.hpp"

namespace varve::core {

class failure_latch {
 public:
  failure_latch(core::gate& gate, wake_page& wake, core::events& events) noexcept
      : gate_(&gate), wake_(&wake), events_(&events) {}

  /// Keeps `e` if it is the first, and lets everybody know.
  void set(const error& e) noexcept {
    {
      const std::scoped_lock lock{guard_};
      if (first_) return;
      first_ = e;
      is_set_.store(1, std::memory_order_release, "latch:A");
    }
    gate_->set(gate::position::failed);
    wake_->wake_all();
    events_->end();
  }
  [[nodiscard]] bool is_set() const noexcept { return is_set_.load(std::memory_order_acquire, "latch:B") != 0; }
  [[nodiscard]] std::optional<error> get() const noexcept { return is_set() ? first_ : std::nullopt; }

 private:
  core::gate* gate_;
  wake_page* wake_;
  core::events* events_;
  std::mutex guard_;  // between setters
  std::optional<error> first_;
  shared::word<std::uint32_t> is_set_{0};
};

}  // namespace varve::core
