// SPDX-License-Identifier: MIT
//
// wake_page.hpp - how those who wait for a record learn that it is there, in whatever process they are. Layer chain.
//
// A waiter announces a sequence: always that of the first frame that is not published, which is the same for all who wait
// for anything. A publisher looks, behind its stamp, whether its own frame is announced; if so it takes the announcement
// away and wakes everybody. So publishing costs one load while nobody waits.
//
// Ordering pairs
//   awaited:A / awaited:B   the waiter announces and then looks at the stamp; the publisher stamps and then looks at the
//                           announcement. One of the two must see the other, which takes a full fence on both sides. The
//                           waiter asks the kernel for both of them (membarrier). Where that is refused to the writer it
//                           says so, and exchanges the word instead of loading it: two exchanges have an order.
//   wake:A / wake:B         what waiters wait for is stored, then the futex is bumped: who has loaded the old value before
//                           it looked does not fall asleep
//   fenced:A / fenced:B     the writer is registered, then it says so
//
// Source  eventcounts; a membarrier in place of the fence of the many: Linux's own user-space RCU.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "format/live.hpp"
#include "os/memory.hpp"
#include "os/shared.hpp"
#include "os/waiting.hpp"

namespace varve::core {

class wake_page {
 public:
  static constexpr std::chrono::milliseconds look_again{50};

  /// Announces nothing, and naps.
  wake_page() noexcept = default;
  /// Maps the page of varve.live. That must be writable, and nobody else's.
  [[nodiscard]] static os::result<wake_page> open(const os::file& directory) noexcept;

  // ---- The writer.

  /// Before the first claim. Wakes whoever waits for what an earlier writer left behind.
  void begin_publishing() noexcept;
  /// The frames [first, first + count) have just been stamped.
  void published(std::uint64_t first, std::uint64_t count) noexcept {
    const std::uint64_t awaited = look();
    if (awaited - first < count) wake_waiters_for(awaited);  // wraps, and is large, if nobody waits: 0
  }
  /// Something else has changed that waiters must look at.
  void wake_all() noexcept;

  // ---- Whoever waits.

  /// Waits until somebody says that `sequence` is there, or something else has happened, or `until`; may return early for
  /// no reason. `sequence` is the first that is not published, and `is_there()` looks anew whether it is now.
  ///
  /// at_most  how long it sleeps at a time: as late does it see that a writer has died, which nobody tells.
  template <class Look>
  void await(std::uint64_t sequence, Look is_there, os::deadline until,
             std::chrono::milliseconds at_most = look_again) noexcept;

 private:
  explicit wake_page(os::mapping map) noexcept : map_(std::move(map)) {}

  // Where a page may not be written, or the kernel does not fence for others.
  static constexpr std::chrono::milliseconds nap{1};

  [[nodiscard]] format::wake_words& words() const noexcept {
    return shared::place_at<format::wake_words>(map_.bytes().data());
  }
  [[nodiscard]] std::uint64_t look() noexcept {
    if (fences_itself_) return shared::fetch_add(words().awaited, std::uint64_t{0}, std::memory_order_acq_rel, "awaited:B");
    shared::keep_program_order();
    // awaited:B  relaxed. Pairs with awaited:A; the fence between the stamp and this load is made by the waiter.
    return shared::load(words().awaited, std::memory_order_relaxed, "awaited:B");
  }
  void wake_waiters_for(std::uint64_t awaited) noexcept;
  [[nodiscard]] bool announce(std::uint64_t sequence) noexcept;

  os::mapping map_;
  bool fences_itself_ = false;
};

template <class Look>
void wake_page::await(std::uint64_t sequence, Look is_there, os::deadline until,
                      std::chrono::milliseconds at_most) noexcept {
  const auto now = std::chrono::steady_clock::now();
  const auto left = [&](std::chrono::microseconds most) {
    return std::clamp(std::chrono::duration_cast<std::chrono::microseconds>(until - now), std::chrono::microseconds{0},
                      most);
  };
  if (!map_.is_mapped()) return os::nap(left(nap));
  // wake:B  acquire. Pairs with wake:A.
  const std::uint32_t seen = shared::load(words().futex, std::memory_order_acquire, "wake:B");
  const bool is_heard = announce(sequence);
  if (is_there()) return;
  if (!is_heard) return os::nap(left(nap));
  os::wait_on_shared(words().futex, seen, now + left(at_most));
}

}  // namespace varve::core
