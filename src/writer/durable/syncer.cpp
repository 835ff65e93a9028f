// SPDX-License-Identifier: MIT
#include "writer/durable/syncer.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "writer/append/appender.hpp"

namespace varve::core {
namespace {

// Long ranges are synced in steps, so that one msync does not hold the device for all of a large segment.
constexpr std::uint64_t step_bytes = std::uint64_t{8} << 20;
// How often to look again before sleeping: an append takes less than a microsecond, if its thread is not put to sleep.
constexpr unsigned yields_max = 100;
// How long a leader waits for others at most, and no longer than a quarter of what a sync takes. Arbitrary: threads that
// were woken together have appended again after some ten microseconds, or do something else.
constexpr std::chrono::microseconds companions_wait_max{200};
// Arbitrary: how late somebody who only waits may learn of a failure.
constexpr std::chrono::milliseconds look_again{100};

}  // namespace

void syncer::place(walker start, std::uint64_t durable, std::uint64_t epoch) noexcept {
  at_ = std::move(start);
  epoch_ = epoch;
  durable_.raise(durable, std::memory_order_release, "durable:B");
  durable_position_.store(at_.offset(), std::memory_order_relaxed, "durable:position");
  with_.events.durable_moved(durable);
}

result<void> syncer::sync_published(std::uint64_t target, os::deadline until, std::chrono::microseconds window) noexcept {
  if (const auto failed = with_.latch.get()) return std::unexpected(*failed);
  if (target <= durable()) return {};
  if (auto done = wait_published(target, until, true); !done) return done;
  const auto lead_from = window.count() == 0 ? os::deadline::min() : std::chrono::steady_clock::now() + window;
  return share(target, until, lead_from, [this] {
    await_companions();
    const auto begin = std::chrono::steady_clock::now();
    sync_up_to(with_.frontier.advance());
    sync_took_ = std::chrono::steady_clock::now() - begin;
  });
}

/// Truncated since it was claimed: it was durable before, or nobody was told that it is.
bool syncer::is_gone(std::uint64_t target) const noexcept { return target >= with_.appender.next_sequence(); }

bool syncer::is_settled(std::uint64_t target) const noexcept { return durable() >= target || is_gone(target); }

syncer::leadership::leadership(syncer& of) noexcept : of_(&of) {
  std::unique_lock lock{of.guard_};
  of.moved_->wait(lock, [&] { return !of.leading_; });
  of.leading_ = true;
}

syncer::leadership::~leadership() {
  const std::scoped_lock lock{of_->guard_};
  ++of_->round_;
  of_->leading_ = false;
  of_->moved_->notify_all();
}

void syncer::move_back(walker end, std::uint64_t durable, std::uint64_t epoch, std::uint64_t position) noexcept {
  at_ = std::move(end);
  epoch_ = epoch;
  // May wrap: the next step adds the bytes of the segment at `at_` again.
  earlier_bytes_ = position - (at_.segment() ? at_.offset() : 0);
  durable_.store(durable, std::memory_order_release, "durable:B");
  durable_position_.store(position, std::memory_order_relaxed, "durable:position");
  if (at_.segment()) leave_if_ended();
  with_.events.durable_moved(durable);
}

result<bool> syncer::wait_durable(std::uint64_t target, os::deadline until) noexcept {
  std::unique_lock lock{guard_};
  while (!is_settled(target)) {
    if (const auto failed = with_.latch.get()) return std::unexpected(*failed);
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) return false;
    wait_moved(lock, std::min(until, now + look_again));  // a failure to seal wakes nobody here
  }
  return true;
}

result<void> syncer::sync_segment(const std::shared_ptr<const segment>& s) noexcept {
  const walker goal{s, s->end_offset(), s->end_sequence()};
  auto done = share(goal.sequence() - 1, os::deadline::max(), os::deadline::min(), [&] { sync_up_to(goal); });
  const std::scoped_lock lock{guard_};
  if (!leading_ && at_.segment() == s) leave_if_ended();
  return done;
}

/// By the leader, or with the lock while there is none. A segment that is held is not used again, and takes space when it
/// goes.
void syncer::leave_if_ended() noexcept {
  if (at_.sequence() != at_.segment()->end_sequence()) return;
  earlier_bytes_ += at_.segment()->end_offset();
  at_ = walker{};
}

void syncer::wait_until_quiet(std::uint64_t target) noexcept {
  static_cast<void>(wait_published(target, os::deadline::max(), false));  // finishing an append needs no device
  std::unique_lock lock{guard_};
  moved_->wait(lock, [this] { return !leading_; });
}

result<void> syncer::wait_published(std::uint64_t target, os::deadline until, bool unless_failed) noexcept {
  // Another thread is in the middle of a copy: it is over in a moment, or that thread was put to sleep.
  for (unsigned tries = 0;; ++tries) {
    with_.frontier.advance();
    if (with_.frontier.published() >= target || is_gone(target)) return {};
    if (const auto failed = unless_failed ? with_.latch.get() : std::nullopt) return std::unexpected(*failed);
    if (std::chrono::steady_clock::now() >= until) return fail({.code = errc::timed_out, .subject = with_.path});
    if (tries < yields_max) {
      std::this_thread::yield();
      continue;
    }
    const std::uint64_t published = with_.frontier.published();
    const auto looked = [&] {
      with_.frontier.advance();
      // Lower: what is announced is not what comes next.
      return with_.frontier.published() >= target || with_.frontier.published() < published;
    };
    with_.wake.await(published + 1, looked, until);
  }
}

/// With the lock. Whoever leads says when it is done.
void syncer::wait_moved(std::unique_lock<std::mutex>& lock, os::deadline until) noexcept {
  if (until == os::deadline::max()) {
    moved_->wait(lock);
  } else {
    moved_->wait_until(lock, until);
  }
}

/// By the leader. Those who waited in the last round were just woken, and may be about to append again: a sync that begins
/// without them covers half of them, and so does the next one.
void syncer::await_companions() noexcept {
  const auto until =
      std::chrono::steady_clock::now() + std::min<std::chrono::steady_clock::duration>(sync_took_ / 4, companions_wait_max);
  for (std::unique_lock lock{guard_}; joined_ < companions_ && std::chrono::steady_clock::now() < until;) {
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
  }
}

/// One leads, the others wait for it. `lead_from`: not earlier, if nobody else has done it by then.
template <class Lead>
result<void> syncer::share(std::uint64_t target, os::deadline until, os::deadline lead_from, Lead lead) noexcept {
  std::unique_lock lock{guard_};
  for (std::uint64_t joined_round = none_yet;;) {
    if (const auto failed = with_.latch.get()) return std::unexpected(*failed);
    if (is_settled(target)) return {};
    const auto now = until == os::deadline::max() && lead_from == os::deadline::min() ? os::deadline::min()
                                                                                      : std::chrono::steady_clock::now();
    if (now >= until) return fail({.code = errc::timed_out, .subject = with_.path});
    if (!leading_ && now >= lead_from) {
      leading_ = true;
      lock.unlock();
      lead();
      lock.lock();
      if (at_.segment()) leave_if_ended();
      companions_ = std::exchange(joined_, 0U);
      ++round_;
      leading_ = false;
      moved_->notify_all();
    } else {
      if (std::exchange(joined_round, round_) != round_) ++joined_;
      wait_moved(lock, leading_ ? until : std::min(until, lead_from));
    }
  }
}

void syncer::sync_up_to(const walker& goal) noexcept {
  count_.fetch_add(1, std::memory_order_relaxed, "sync:count");  // relaxed: a figure for people
  while (durable() + 1 < goal.sequence()) {
    if (at_.segment()) leave_if_ended();
    if (!at_.segment()) {
      const auto next = with_.table.holding(durable() + 1);
      if (!next || !*next) return;  // cannot be: what is published is mapped until it is sealed
      at_ = walker{*next};
    }
    const segment& s = *at_.segment();
    const bool ends_here = &s == goal.segment().get();
    const std::uint64_t offset = ends_here ? goal.offset() : s.end_offset();
    const std::uint64_t sequence = ends_here ? goal.sequence() : s.end_sequence();
    const std::uint64_t bytes = offset - at_.offset();
    if (!sync_part(s, at_.offset(), offset)) return;
    VARVE_POINT("sync.before_mark");
    at_ = walker{at_.segment(), offset, sequence};
    if (!store_mark(s, at_, bytes)) return;
    durable_.raise(sequence - 1, std::memory_order_release, "durable:B");
    durable_position_.store(earlier_bytes_ + offset, std::memory_order_relaxed, "durable:position");
    with_.events.durable_moved(durable());
  }
}

/// By the leader: everything before `to` is durable, of which `bytes` were not.
bool syncer::store_mark(const segment& s, const walker& to, std::uint64_t bytes) noexcept {
  const std::uint64_t last = to.sequence() - 1;
  with_.live.store_mark({.epoch = epoch_,
                         .segment = s.facts().number,
                         .offset = to.offset(),
                         .sequence = last,
                         .generation = with_.state.generation()});
  if (s.facts().checksum == checksum::none) return sync_mark(s, to.offset(), last);
  with_.marks.note(std::max(bytes, std::uint64_t{1}));
  return true;
}

/// Without checksums a power loss cuts everything above the mark, since nothing says which payloads are whole. So there, and
/// only there, a record is not durable before the mark is.
bool syncer::sync_mark(const segment& s, std::uint64_t offset, std::uint64_t last) noexcept {
  const auto done = with_.live.sync_mark();
  if (!done) latch(done.error().number, s, offset, last);
  return done.has_value();
}

bool syncer::sync_part(const segment& s, std::uint64_t from, std::uint64_t to) noexcept {
  // The table hands out const segments to readers; the leader is the one who may clear the mark on the header.
  const bool header = const_cast<segment&>(s).take_header_dirty();
  if (header) {
    if (const auto done = os::sync_range(s.map(), 0, format::segment_header_bytes); !done) {
      latch(done.error().number, s, 0, durable() + 1);
      return false;
    }
  }
  while (from < to) {
    const std::uint64_t step = std::min(to - from, step_bytes);
    if (const auto done = os::sync_range(s.map(), from, step); !done) {
      latch(done.error().number, s, from, with_.frontier.published());
      return false;
    }
    from += step;
  }
  return true;
}

void syncer::latch(int number, const segment& s, std::uint64_t offset, std::uint64_t last) noexcept {
  with_.latch.set(error_access::make({.code = errc::sync_failed,
                                      .subject = with_.path,
                                      .os_errno = number,
                                      .segment = s.facts().number,
                                      .offset = offset,
                                      .first_sequence = durable() + 1,
                                      .last_sequence = last}));
}

}  // namespace varve::core
