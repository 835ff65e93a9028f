// SPDX-License-Identifier: MIT
#include "writer/durable/periodic_syncer.hpp"

#include <algorithm>

#include "os/waiting.hpp"

namespace varve::core {
namespace {

// Milliseconds: how often to look whether a claim that holds up everything has been finished. Arbitrary.
constexpr std::uint32_t look_again = 5;

}  // namespace

void periodic_syncer::start() {
  thread_ = std::make_unique<std::thread>([this] { run(); });
}

void periodic_syncer::stop() noexcept {
  if (!thread_) return;
  stopping_.store(1, std::memory_order_relaxed, "armed:stop");  // relaxed: ordered by the next line
  // armed:A  acq_rel. Pairs with armed:B, an exchange as well: of two, one is the later, and the thread goes round again.
  armed_.exchange(0, std::memory_order_acq_rel, "armed:A");
  os::wake_all(armed_.futex());
  thread_->join();
  thread_.reset();
}

/// Only ever for earlier: who asks for later is served before that.
void periodic_syncer::arm(std::uint32_t milliseconds) noexcept {
  std::uint32_t now = armed_.load(std::memory_order_relaxed, "armed:look");  // relaxed: the compare-exchange decides
  while (milliseconds < now)
    // armed:A  release. Pairs with armed:B.
    if (armed_.compare_exchange(now, milliseconds, std::memory_order_release, "armed:A"))
      return os::wake_all(armed_.futex());
}

void periodic_syncer::run() noexcept {
  for (;;) {
    // armed:B  acquire. Pairs with armed:A.
    std::uint32_t armed = armed_.load(std::memory_order_acquire, "armed:B");
    if (armed == idle) {
      os::wait_on(armed_.futex(), idle, os::deadline::max());
      continue;
    }
    const auto began = std::chrono::steady_clock::now();
    const auto due = [&] { return began + std::chrono::milliseconds{armed}; };
    while (std::chrono::steady_clock::now() < due()) {
      os::wait_on(armed_.futex(), armed, due());
      armed = armed_.load(std::memory_order_acquire, "armed:B");
    }
    // armed:B  acq_rel. Pairs with armed:A; fenced by the next line but one.
    armed_.exchange(idle, std::memory_order_acq_rel, "armed:B");
    if (stopping_.load(std::memory_order_relaxed, "armed:stop") != 0) return;  // relaxed: ordered by armed:B
    const bool fenced = os::fence_registered();
    const std::uint64_t before = with_.syncer.durable();
    sync_what_is_published();
    const bool moved = with_.syncer.durable() != before;
    // What is claimed and not finished yet is synced the next time; a device that fails is not asked again.
    const bool all_done = with_.syncer.durable() + 1 >= with_.appender.next_sequence();
    stuck_.store(moved || all_done ? 0U : 1U, std::memory_order_relaxed, "armed:stuck");
    if (!with_.syncer.has_failed() && (!fenced || !all_done)) arm(std::max(armed, moved ? 1U : look_again));
  }
}

/// Never behind an unfinished claim, which somebody may hold for long.
void periodic_syncer::sync_what_is_published() noexcept {
  with_.frontier.advance();
  // A failure is latched: failure() and later appends tell it.
  static_cast<void>(with_.syncer.sync_published(with_.frontier.published(), os::deadline::max()));
}

}  // namespace varve::core
