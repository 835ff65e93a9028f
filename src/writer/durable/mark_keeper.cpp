// SPDX-License-Identifier: MIT
#include "writer/durable/mark_keeper.hpp"

#include <algorithm>

namespace varve::core {

os::deadline mark_keeper::due() noexcept {
  // relaxed: what it decides is looked at again by sync(), and whoever counts wakes the thread.
  const std::uint64_t behind = behind_.load(std::memory_order_relaxed, "mark:look");
  if (behind == 0) return os::deadline::max();
  if (!moved_) moved_ = std::chrono::steady_clock::now();
  return behind >= bytes_max ? *moved_ : *moved_ + interval_;
}

void mark_keeper::sync() noexcept {
  // mark:B  acq_rel. Pairs with mark:A.
  const std::uint64_t behind = behind_.exchange(0, std::memory_order_acq_rel, "mark:B");
  moved_.reset();
  const auto done = with_.live.sync_mark();
  count_.fetch_add(1, std::memory_order_relaxed, "mark:count");  // relaxed: a figure for people
  const std::scoped_lock lock{guard_};
  failure_ = done ? std::nullopt : std::optional{fail_call(done.error().number, with_.path).error()};
  if (done) return;
  // Again after another interval. The kernel takes the page for clean now, and would do nothing.
  with_.live.touch_mark_page();
  behind_.fetch_add(std::clamp<std::uint64_t>(behind, 1, bytes_max - 1), std::memory_order_acq_rel, "mark:A");
}

std::optional<error> mark_keeper::failure() const noexcept {
  const std::scoped_lock lock{guard_};
  return failure_;
}

}  // namespace varve::core
