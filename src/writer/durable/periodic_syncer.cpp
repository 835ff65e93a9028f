// SPDX-License-Identifier: MIT
#include "writer/durable/periodic_syncer.hpp"

#include <algorithm>

#include "os/waiting.hpp"

namespace varve::core {
namespace {

// Milliseconds: how often to look whether a claim that holds up everything has been finished. Arbitrary.
constexpr std::uint32_t look_again = 5;

}  // namespace

/// Only ever for earlier: who asks for later is served before that.
void periodic_syncer::arm(std::uint32_t milliseconds) noexcept {
  std::uint32_t now = armed_.load(std::memory_order_relaxed, "armed:look");  // relaxed: the compare-exchange decides
  while (milliseconds < now)
    // armed:A  release. Pairs with armed:B.
    if (armed_.compare_exchange(now, milliseconds, std::memory_order_release, "armed:A")) return with_.thread.wake();
}

void periodic_syncer::run() noexcept {
  auto began = os::deadline::max();  // when it was armed, as far as the thread has seen; max: it is not
  for (;;) {
    const std::uint32_t work = with_.thread.look();
    if (with_.thread.is_stopping()) return;
    // armed:B  acquire. Pairs with armed:A.
    const std::uint32_t armed = armed_.load(std::memory_order_acquire, "armed:B");
    const auto now = std::chrono::steady_clock::now();
    if (armed == idle) {
      began = os::deadline::max();
    } else if (began == os::deadline::max()) {
      began = now;
    }
    const auto due = armed == idle ? os::deadline::max() : began + std::chrono::milliseconds{armed};
    const auto mark_due = with_.marks.due();
    if (mark_due <= now) {  // first: it is rare, and the other may be due all the time
      with_.marks.sync();
    } else if (due <= now) {
      sync_round();
      began = os::deadline::max();
    } else {
      with_.thread.sleep(work, std::min(due, mark_due));
    }
  }
}

void periodic_syncer::sync_round() noexcept {
  // armed:B  acq_rel. Pairs with armed:A; fenced by the next line.
  const std::uint32_t armed = armed_.exchange(idle, std::memory_order_acq_rel, "armed:B");
  const bool fenced = os::fence_registered();
  const std::uint64_t before = with_.syncer.durable();
  sync_what_is_published();
  const bool moved = with_.syncer.durable() != before;
  // What is claimed and not finished yet is synced the next time; a device that fails is not asked again.
  const bool all_done = with_.syncer.durable() + 1 >= with_.appender.next_sequence();
  stuck_.store(moved || all_done ? 0U : 1U, std::memory_order_relaxed, "armed:stuck");
  if (!with_.syncer.has_failed() && (!fenced || !all_done)) arm(std::max(armed, moved ? 1U : look_again));
}

/// Never behind an unfinished claim, which somebody may hold for long.
void periodic_syncer::sync_what_is_published() noexcept {
  with_.frontier.advance();
  // A failure is latched: failure() and later appends tell it.
  static_cast<void>(with_.syncer.sync_published(with_.frontier.published(), os::deadline::max()));
}

}  // namespace varve::core
