// SPDX-License-Identifier: MIT
#include "writer/retire/archive_feed.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

#include "format/file_name.hpp"
#include "os/waiting.hpp"
#include "writer/retire/sealer.hpp"
#include "writer/supply/segment_supply.hpp"

namespace varve::core {
namespace {

// How long after a refusal the same segment is handed out again, if nothing happens before.
constexpr std::chrono::seconds try_again{1};
constexpr int nothing = -2;
// Arbitrary: how often it is looked whether a truncation is done, which takes some syncs.
constexpr std::chrono::microseconds while_truncated{200};
// Arbitrary: how late somebody who waits may learn of a failure to seal.
constexpr std::chrono::milliseconds look_again{100};

}  // namespace

void archivist::start() {
  if (archives()) worker_.start([this] { run(); });
}

void archivist::stop() noexcept {
  if (worker_.stop()) tell_outcome();
}

void archivist::tell_outcome() noexcept {
  outcome_.fetch_add(1, std::memory_order_release, "outcome:A");
  os::wake_all(outcome_.futex());
}

std::optional<std::uint64_t> archivist::limit() const noexcept {
  return archives() ? std::optional{with_.state.archived()} : std::nullopt;
}

bool archivist::lets_go(std::uint64_t target) const noexcept {
  if (!archives()) return true;
  const std::uint64_t end = with_.table.last_end_up_to(target);
  return end == 0 || end - 1 <= with_.state.archived();
}

result<void> archivist::archive_before(std::uint64_t target) noexcept {
  if (lets_go(target)) return {};
  if (is_this_thread()) return fail({.code = errc::would_block_itself, .subject = with_.place.path});
  // Each request allows one more attempt after a refusal.
  const std::uint32_t mine = requested_.fetch_add(1, std::memory_order_relaxed, "archive:request") + 1;
  worker_.wake();  // releases the request
  for (;;) {
    // outcome:B  acquire. Pairs with outcome:A.
    const std::uint32_t seen = outcome_.load(std::memory_order_acquire, "outcome:B");
    if (lets_go(target)) return {};
    if (const auto failed = with_.latch.get()) return std::unexpected(*failed);  // nothing is sealed any more
    // relaxed, both: ordered by outcome:B.
    const std::uint64_t refused = refused_.load(std::memory_order_relaxed, "archive:refused");
    if (refused != 0 && static_cast<std::int32_t>(static_cast<std::uint32_t>(refused >> 32) - mine) >= 0) {
      const auto number = static_cast<int>(refused & 0xffffffff);
      if (number != 0) return with_.place.fail_call({number});
      return fail({.code = errc::cancelled, .subject = with_.place.path});
    }
    if (worker_.is_stopping()) return fail({.code = errc::closed, .subject = with_.place.path});  // ordered by outcome:B
    os::wait_on(outcome_.futex(), seen, std::chrono::steady_clock::now() + look_again);
  }
}

void archivist::run() noexcept {
  for (;;) {
    const std::uint32_t work = worker_.look();  // what is loaded relaxed below is ordered by it
    if (worker_.is_stopping()) return;
    const std::uint32_t request = requested_.load(std::memory_order_relaxed, "archive:request");
    const std::uint32_t epoch = with_.state.settled_epoch();  // before the table is looked at: see I1
    if (epoch == 0 && !with_.latch.is_set()) {
      os::nap(while_truncated);
      continue;
    }
    const int failed = epoch == 0 ? nothing : archive_next(epoch);
    if (failed == nothing) {
      worker_.sleep(work);
      continue;
    }
    // relaxed: released by the next line.
    if (failed >= 0)
      refused_.store(std::uint64_t{request} << 32 | static_cast<std::uint32_t>(failed), std::memory_order_relaxed,
                     "archive:refused");
    tell_outcome();
    if (failed >= 0) {
      worker_.sleep(work, std::chrono::steady_clock::now() + try_again);
      continue;
    }
    with_.sealer.nudge();    // rules may let it go now
    with_.preparer.nudge();  // and the cap
  }
}

/// -1: done, or to be looked at anew. 0: the hook said no. `nothing`: there is no segment. Otherwise errno.
int archivist::archive_next(std::uint32_t epoch) noexcept {
  try {
    const auto next = with_.table.oldest_sealed_behind(with_.state.archived());
    if (next.empty()) return nothing;
    const std::uint64_t last = next.back().end - 1;
    if (safe_ != last || safe_epoch_ != epoch) {
      VARVE_POINT("archive.before_hook");
      for (const auto& s : next)
        if (!hooks_.sealed(public_form(s))) return 0;
      safe_ = last;
      safe_epoch_ = epoch;
    }
    VARVE_POINT("archive.before_state");
    const auto done = with_.state.change(with_.place, [&](format::state& now) {
      if (now.epoch != epoch || now.archived >= last) return false;
      now.archived = last;
      return true;
    });
    return done ? -1 : std::max(done.error().os_errno(), 1);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
}

void archivist::tell_drop(const ended_segment& s) const noexcept {
  if (!hears_of_drops()) return;
  try {
    hooks_.dropping(public_form(s));
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): see the header
  }
}

sealed_segment archivist::public_form(const ended_segment& s) const {
  sealed_segment shown{.number = s.number,
                       .directory = with_.place.path->text,
                       .path = {},
                       .sequences = {{s.base}, {s.end}},
                       .used_bytes = s.end_offset};
  shown.path = shown.directory / format::name_of(format::file_kind::segment, s.number).c_str();
  return shown;
}

}  // namespace varve::core
