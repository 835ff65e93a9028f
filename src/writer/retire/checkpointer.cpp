// SPDX-License-Identifier: MIT
#include "writer/retire/checkpointer.hpp"

#include <algorithm>

#include "os/waiting.hpp"
#include "writer/retire/sealer.hpp"

namespace varve::core {
namespace {

// How long after a refusal the function is called again, if nobody asks before.
constexpr std::chrono::seconds try_again{1};
// Arbitrary: how often it is looked whether a truncation is done, which takes some syncs.
constexpr std::chrono::microseconds while_truncated{200};

}  // namespace

void checkpointer::start(saving save, std::uint64_t behind) {
  if (!saves_) return;
  save_ = std::move(save);
  // relaxed, here and below: whether a checkpoint is due is a hint, that a later look mends.
  saved_position_.store(with_.appender.position() - behind, std::memory_order_relaxed, "checkpoint:position");
  worker_.start([this] { run(); });
  look();
}

void checkpointer::stop() noexcept {
  if (worker_.stop()) tell_outcome();
}

void checkpointer::tell_outcome() noexcept {
  outcome_.fetch_add(1, std::memory_order_release, "outcome:A");
  os::wake_all(outcome_.futex());
}

std::optional<std::uint64_t> checkpointer::limit() const noexcept {
  return saves_ ? std::optional{with_.state.checkpoint()} : std::nullopt;
}

bool checkpointer::is_due() const noexcept {
  const std::uint64_t saved = saved_position_.load(std::memory_order_relaxed, "checkpoint:position");
  return after_bytes_ != 0 && with_.appender.position() - saved >= after_bytes_;
}

void checkpointer::press() noexcept {
  if (!saves_ || after_bytes_ == 0 || resting_.load(std::memory_order_relaxed, "checkpoint:resting") != 0) return;
  pressed_.store(1, std::memory_order_relaxed, "checkpoint:pressed");  // relaxed: released by the next line
  worker_.wake();
}

result<std::uint64_t> checkpointer::checkpoint() noexcept {
  with_.frontier.advance();
  if (with_.frontier.published() <= with_.state.checkpoint()) return with_.state.checkpoint();
  const std::uint32_t mine = requested_.fetch_add(1, std::memory_order_relaxed, "checkpoint:request") + 1;
  worker_.wake();  // releases the request
  for (;;) {
    // outcome:B  acquire. Pairs with outcome:A.
    const std::uint32_t seen = outcome_.load(std::memory_order_acquire, "outcome:B");
    {
      const std::scoped_lock lock{guard_};
      if (static_cast<std::int32_t>(answered_ - mine) >= 0) {
        if (refusal_) return std::unexpected(*refusal_);
        return with_.state.checkpoint();
      }
    }
    if (worker_.is_stopping()) return fail({.code = errc::closed, .subject = with_.place.path});  // ordered by outcome:B
    os::wait_on(outcome_.futex(), seen, os::deadline::max());
  }
}

void checkpointer::run() noexcept {
  for (std::uint32_t served = 0;;) {
    const std::uint32_t work = worker_.look();  // what is loaded relaxed below is ordered by it
    if (worker_.is_stopping()) return;
    const std::uint32_t request = requested_.load(std::memory_order_relaxed, "checkpoint:request");
    const bool pressed = pressed_.exchange(0, std::memory_order_relaxed, "checkpoint:pressed") != 0;
    const bool wanted = (pressed || is_due()) && !with_.latch.is_set();
    if (request == served && !wanted) {
      worker_.sleep(work);
      continue;
    }
    const auto moved = save_once();
    answer(request, moved);
    served = request;
    if (moved && *moved) {
      with_.sealer.nudge();  // what lies before it may go
    } else if (!moved || is_due()) {
      rest(served);  // refused; or what makes it due is not published yet
    }
  }
}

/// Until somebody asks, or for a while.
void checkpointer::rest(std::uint32_t served) noexcept {
  const auto until = std::chrono::steady_clock::now() + try_again;
  resting_.store(1, std::memory_order_relaxed, "checkpoint:resting");
  for (;;) {
    const std::uint32_t work = worker_.look();
    if (worker_.is_stopping() || requested_.load(std::memory_order_relaxed, "checkpoint:request") != served) break;
    if (std::chrono::steady_clock::now() >= until) break;
    worker_.sleep(work, until);
  }
  resting_.store(0, std::memory_order_relaxed, "checkpoint:resting");
}

void checkpointer::answer(std::uint32_t request, const result<bool>& outcome) noexcept {
  {
    const std::scoped_lock lock{guard_};
    answered_ = request;
    refusal_ = outcome ? std::nullopt : std::optional{outcome.error()};
  }
  tell_outcome();
}

/// True if the position has moved; false if there was nothing to save.
result<bool> checkpointer::save_once() noexcept {
  while (!worker_.is_stopping()) {
    if (const auto failed = with_.latch.get()) return std::unexpected(*failed);
    const std::uint32_t epoch = with_.state.settled_epoch();  // before anything else is looked at: see I2
    if (epoch == 0) {
      os::nap(while_truncated);
      continue;
    }
    const std::uint64_t position = with_.appender.position(), before = with_.state.checkpoint();
    with_.frontier.advance();
    const std::uint64_t last = with_.frontier.published();
    if (last <= before) return false;
    if (auto done = with_.syncer.sync_published(last, os::deadline::max()); !done) return std::unexpected(done.error());
    VARVE_POINT("checkpoint.before_save");
    const auto saved = save_(before + 1, last);
    VARVE_POINT("checkpoint.before_state");
    bool counts = false;
    if (saved && *saved) {
      const auto noted = with_.state.change(with_.place, [&](format::state& now) {
        counts = now.epoch == epoch;
        now.checkpoint = std::max(now.checkpoint, last);
        return counts;
      });
      if (!noted) return std::unexpected(noted.error());
    }
    if (!counts && with_.state.epoch() != epoch) continue;  // truncated meanwhile: these were other records
    if (!saved) return saved;
    if (!*saved) return fail({.code = errc::cancelled, .subject = with_.place.path});
    saved_position_.store(position, std::memory_order_relaxed, "checkpoint:position");
    return true;
  }
  return fail({.code = errc::closed, .subject = with_.place.path});
}

}  // namespace varve::core
