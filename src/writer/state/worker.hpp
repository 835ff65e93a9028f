// SPDX-License-Identifier: MIT
//
// worker.hpp - a thread of the log's own, that sleeps until there may be something to do. Layer writer/state.
//
// Some call functions of the log's user. Such a function may use the log; but what waits for that very thread would wait for
// ever: is_this_thread() tells.
//
// Ordering
//   work:A / work:B   what there is to do is noted, or that it is to stop, then the thread is woken (`work_`)
#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include "os/shared.hpp"
#include "os/waiting.hpp"

namespace varve::core {

class worker {
 public:
  /// `run` is to return soon after is_stopping(). May throw std::system_error if there can be no thread.
  template <class Run>
  void start(Run run) {
    thread_ = std::make_unique<std::thread>([this, run = std::move(run)] {
      current = this;
      run();
    });
  }
  /// Waits until `run` has returned. False if there is no thread.
  bool stop() noexcept;
  /// In a forked child, where the thread does not exist.
  void forget() noexcept { static_cast<void>(thread_.release()); }

  void wake() noexcept;
  [[nodiscard]] bool is_this_thread() const noexcept { return current == this; }
  [[nodiscard]] bool is_stopping() const noexcept {
    // relaxed: in the thread ordered by work:B, elsewhere a hint
    return stopping_.load(std::memory_order_relaxed, "work:stop") != 0;
  }

  // ---- By the thread; sleep() also by others who wait for what wakes it.

  /// To be called before anything is looked at: whatever was noted before a wake() that this sees is seen then, and any
  /// later one ends sleep(). Who has looked before may miss one, and must not sleep for long.
  [[nodiscard]] std::uint32_t look() const noexcept { return work_.load(std::memory_order_acquire, "work:B"); }
  void sleep(std::uint32_t since, os::deadline until = os::deadline::max()) noexcept {
    os::wait_on(work_.futex(), since, until);
  }

 private:
  static inline thread_local const worker* current = nullptr;  // each thread sees its own: there is nothing to order

  shared::word<std::uint32_t> work_{0};
  shared::word<std::uint32_t> stopping_{0};
  std::unique_ptr<std::thread> thread_;
};

}  // namespace varve::core
