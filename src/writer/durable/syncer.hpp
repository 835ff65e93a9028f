// SPDX-License-Identifier: MIT
//
// syncer.hpp - makes the published prefix durable, and moves the durable mark. Layer writer/durable.
//
// The first who waits leads: it syncs in its own thread for all that wait, since two context switches cost as much as the
// sync. Segments are synced oldest first; the mark moves after each.
//
// Invariants
//   I1  The durable mark is stored after msync of everything up to it has returned, and never stands inside a batch.
//   I2  After the first failure nothing more is synced, and nobody is told of success.
//   I3  Who waits for a sequence that a truncation takes along is told of success: it was durable before it went.
//
// Ordering
//   durable:A / durable:B   msync has returned, then the mark is raised; or a truncation is durable, then it is lowered
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/error.hpp"
#include "chain/frontier.hpp"
#include "chain/segment_table.hpp"
#include "chain/wake_page.hpp"
#include "os/shared.hpp"
#include "os/waiting.hpp"
#include "store/live_file.hpp"
#include "writer/durable/mark_keeper.hpp"
#include "writer/state/events.hpp"
#include "writer/state/failure_latch.hpp"
#include "writer/state/log_state.hpp"

namespace varve::core {

class appender;

class syncer {
 public:
  struct parts {
    const error_subject* path;
    segment_table& table;
    core::frontier& frontier;
    live_file& live;
    failure_latch& latch;
    core::events& events;
    wake_page& wake;
    const core::appender& appender;
    const log_state& state;
    mark_keeper& marks;
  };
  /// May throw std::bad_alloc.
  explicit syncer(const parts& p) : with_(p) {}

  /// Everything before `start` is durable; `durable` is the last sequence before it.
  void place(walker start, std::uint64_t durable, std::uint64_t epoch) noexcept;

  /// Makes everything up to `target` durable, which has been claimed, and as much as is published by then. Who finds nobody
  /// at it lets `window` pass before it leads.
  [[nodiscard]] result<void> sync_published(std::uint64_t target, os::deadline until,
                                            std::chrono::microseconds window = {}) noexcept;
  /// Waits until somebody else has made `target` durable. False: not by then.
  [[nodiscard]] result<bool> wait_durable(std::uint64_t target, os::deadline until) noexcept;
  /// Makes everything up to the end of `s` durable, which is published, and no more: the pages of the active segment are
  /// left alone, since the first store to a page after its msync takes a fault.
  [[nodiscard]] result<void> sync_segment(const std::shared_ptr<const segment>& s) noexcept;

  /// Waits until everything up to `target` is finished, and nobody leads.
  void wait_until_quiet(std::uint64_t target) noexcept;

  /// While it lives nobody syncs. For a truncation.
  class leadership {
   public:
    explicit leadership(syncer& of) noexcept;
    ~leadership();
    leadership(const leadership&) = delete;
    leadership& operator=(const leadership&) = delete;

   private:
    syncer* of_;
  };
  /// By who has the lead, when all is durable: the log was truncated, and ends at `end`, or has no segment; `durable` is the
  /// last sequence. It goes on in another segment, in a new epoch, at `position`.
  void move_back(walker end, std::uint64_t durable, std::uint64_t epoch, std::uint64_t position) noexcept;

  [[nodiscard]] std::uint64_t durable() const noexcept { return durable_.load(std::memory_order_acquire, "durable:A"); }
  /// How many bytes of segments, since this opening, the durable prefix takes: for who counts what is not durable yet.
  [[nodiscard]] std::uint64_t durable_position() const noexcept {
    return durable_position_.load(std::memory_order_relaxed, "durable:position");  // relaxed: a hint by itself
  }
  /// In a forked child: the threads that wait are the parent's, and destroying what they wait for would wait for them.
  void forget_waiters() noexcept { static_cast<void>(moved_.release()); }
  [[nodiscard]] bool has_failed() const noexcept { return with_.latch.is_set(); }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed, "sync:count"); }

 private:
  [[nodiscard]] bool is_settled(std::uint64_t target) const noexcept;
  [[nodiscard]] bool is_gone(std::uint64_t target) const noexcept;
  [[nodiscard]] result<void> wait_published(std::uint64_t target, os::deadline until, bool unless_failed) noexcept;
  template <class Lead>
  [[nodiscard]] result<void> share(std::uint64_t target, os::deadline until, os::deadline lead_from, Lead lead) noexcept;
  void await_companions() noexcept;
  void wait_moved(std::unique_lock<std::mutex>& lock, os::deadline until) noexcept;
  void sync_up_to(const walker& goal) noexcept;
  [[nodiscard]] bool store_mark(const segment& s, const walker& to, std::uint64_t bytes) noexcept;
  void leave_if_ended() noexcept;
  [[nodiscard]] bool sync_part(const segment& s, std::uint64_t from, std::uint64_t to) noexcept;
  [[nodiscard]] bool sync_mark(const segment& s, std::uint64_t offset, std::uint64_t last) noexcept;
  void latch(int number, const segment& s, std::uint64_t offset, std::uint64_t last) noexcept;

  parts with_;
  std::mutex guard_;
  std::unique_ptr<std::condition_variable> moved_ = std::make_unique<std::condition_variable>();
  // Guarded by guard_. A round ends when a leader is done.
  bool leading_ = false;
  std::uint64_t round_ = 0;
  unsigned joined_ = 0;      // how many wait in this round
  unsigned companions_ = 0;  // how many did in the last one

  // Touched by the leader only.
  walker at_;                                        // where the durable prefix ends
  std::chrono::steady_clock::duration sync_took_{};  // the last time
  std::uint64_t epoch_ = 0;
  shared::word<std::uint64_t> durable_{0};
  shared::word<std::uint64_t> durable_position_{0};
  std::uint64_t earlier_bytes_ = 0;  // of the segments before the one at `at_`; touched by the leader only
  shared::word<std::uint64_t> count_{0};
};

}  // namespace varve::core
