// SPDX-License-Identifier: MIT
//
// deadly_point.hpp - lets this process die, or one of its threads stop, at a named point of the library.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>

#include "crash/life.hpp"
#include "crash/oracle.hpp"
#include "os/point.hpp"
#include "support/child_process.hpp"

namespace varve::testing {

class deadly_point {
 public:
  /// Only in a process that is going to die: the hook stays.
  static void install(const life& l, oracle& o) noexcept {
    life_ = &l;
    oracle_ = &o;
    if (l.armed_from_the_start) arm();
    on_point.store(&reached, std::memory_order_release);
  }
  static void arm() noexcept { left_.store(life_->hit, std::memory_order_relaxed); }
  [[nodiscard]] static bool is_reached() noexcept { return is_reached_.load(std::memory_order_acquire); }

 private:
  static void reached(const char* name) noexcept {
    if (std::strcmp(name, "roll.ended") == 0) oracle_->rolls.fetch_add(1, std::memory_order_relaxed);
    if (std::strcmp(name, "recycle.renamed") == 0) oracle_->recycled.fetch_add(1, std::memory_order_relaxed);
    if (life_->at_point == at_point::nothing || std::strcmp(name, life_->point) != 0) return;
    if (left_.fetch_sub(1, std::memory_order_relaxed) != 1) return;
    is_reached_.store(true, std::memory_order_release);
    switch (life_->at_point) {
      case at_point::nothing: return;
      case at_point::die: break;
      case at_point::linger: linger(); break;
      case at_point::stall:
        for (;;) ::pause();
    }
    die_here();
  }

  /// Until the other writers have appended more, or cannot since they wait for this one.
  static void linger() noexcept {
    constexpr std::uint64_t enough = 50;
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{3};
    const std::uint64_t before = oracle_->returned_in_all();
    while (oracle_->returned_in_all() < before + enough && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
  }

  inline static const life* life_ = nullptr;
  inline static oracle* oracle_ = nullptr;
  inline static std::atomic<bool> is_reached_{false};
  inline static std::atomic<std::int64_t> left_{0};  // occurrences until it happens; counts below zero once it did
};

}  // namespace varve::testing
