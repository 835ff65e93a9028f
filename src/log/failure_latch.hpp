// SPDX-License-Identifier: MIT
//
// failure_latch.hpp - the first failure to make something durable, kept for ever. Layer log.
//
// After a failed msync the kernel marks the pages clean, and the next one returns 0 for data that is not on disk. So a retry
// is never an answer: nobody may be told of success after the first failure.
//
// Ordering
//   latch:A / latch:B   the error is written, then the flag says that it is there
#pragma once

#include <mutex>
#include <optional>

#include <varve/error.hpp>

#include "os/shared.hpp"

namespace varve::core {

class failure_latch {
 public:
  /// Keeps `e` if it is the first.
  void set(const error& e) noexcept {
    const std::scoped_lock lock{guard_};
    if (first_) return;
    first_ = e;
    is_set_.store(1, std::memory_order_release, "latch:A");
  }
  [[nodiscard]] bool is_set() const noexcept { return is_set_.load(std::memory_order_acquire, "latch:B") != 0; }
  [[nodiscard]] std::optional<error> get() const noexcept { return is_set() ? first_ : std::nullopt; }

 private:
  std::mutex guard_;  // between setters
  std::optional<error> first_;
  shared::word<std::uint32_t> is_set_{0};
};

}  // namespace varve::core
