// SPDX-License-Identifier: MIT
//
// segment_supply.hpp - makes segment files ahead of need, in a thread of its own. Layer writer/supply.
//
// It is a thread apart from the sealer, because a roll must not wait behind a sync of the disk.
//
// Invariants
//   I1  One roller takes at a time (the roll state sees to it), one thread prepares: an spsc_queue is enough.
//   I2  A segment is queued only when its identity and its directory entry are durable.
//   I3  Nothing is prepared while too many ended segments wait for the device: dirty memory, open descriptors and the work
//       of recovery stay bounded, and appends slow down to what the device takes.
//   I4  Room under `disk_bytes_max` is taken before a file is made, by one thread at a time (`room_`).
//
// Ordering
//   supply:A / supply:B   a segment is queued, or a failure recorded, then the taker is told (`outcome_`)
//   supply:C / supply:D   a file for which room was taken takes appends, then it is no longer looked for (`promised_`)
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include <boost/lockfree/spsc_queue.hpp>

#include <varve/retention.hpp>

#include "base/error.hpp"
#include "os/shared.hpp"
#include "store/segment_maker.hpp"
#include "writer/state/worker.hpp"
#include "writer/supply/prefaulter.hpp"

namespace varve::core {

class checkpointer;
class failure_latch;
class frontier;
class gate;
class retainer;
class segment_table;
class trimmer;

constexpr std::uint32_t prepared_segments_max = 64, spare_segments_max = 64;

class preparer {
 public:
  struct parts {
    const log_place& place;
    segment_table& table;
    core::frontier& frontier;
    const failure_latch& latch;
    const core::gate& gate;
    core::trimmer& trimmer;
    core::retainer& retainer;
    core::checkpointer& checkpointer;
  };
  /// May throw std::bad_alloc.
  explicit preparer(const parts& p) : with_(p) {}
  ~preparer() { stop(); }
  preparer(const preparer&) = delete;
  preparer& operator=(const preparer&) = delete;

  struct supply {
    std::uint32_t ahead = 0;           // segments that are kept ready
    std::uint32_t spares = 0;          // files that are kept to be used again, at most
    std::uint64_t warm_bytes = 0;      // of the segments, ahead of the appends; 0: as it sees fit
    std::uint64_t disk_bytes_max = 0;  // of all segment files; 0: no limit
    when_full full = when_full::refuse;
  };
  /// The next file gets the number after `highest`; appends begin in `active`, if there is one, at `offset`. May throw
  /// std::system_error if there can be no thread.
  void start(segment_recipe recipe, const supply& wanted, std::uint64_t highest, const std::shared_ptr<segment>& active,
             std::uint64_t offset);
  /// Ends the thread, and removes what was prepared, and what was kept to be used again.
  void stop() noexcept;
  /// In a forked child, where the thread does not exist.
  void forget_thread() noexcept { worker_.forget(); }

  /// Takes a prepared segment, waiting while one is being made. Called by one roller at a time. Those with a number of
  /// `above` or less are not used: a segment of its own size has overtaken them.
  ///
  /// Errors  errno of the attempt that was made for this call.
  [[nodiscard]] os::result<std::unique_ptr<control_block>> take(std::uint64_t above) noexcept;
  /// Has those that a segment has overtaken made anew ahead of the next take(). By the roller.
  void discard_overtaken(std::uint64_t above) noexcept;

  // ---- Files that others make.
  [[nodiscard]] std::uint64_t next_number() noexcept {
    return highest_.fetch_add(1, std::memory_order_relaxed, "supply:number") + 1;  // relaxed: it hands out numbers only
  }
  enum class room : std::uint8_t { there, soon, none };
  /// Takes room for `bytes` more, of a file that has `held` already. `soon`: look again after await_change().
  [[nodiscard]] room take_room(std::uint64_t bytes, std::uint64_t held) noexcept;
  /// The same if nothing has to go for it.
  [[nodiscard]] bool take_free_room(std::uint64_t bytes, std::uint64_t held) noexcept;
  /// As after either of them: what somebody has is about to be part of the log.
  void promise_room() noexcept {
    promised_.fetch_add(1, std::memory_order_relaxed, "supply:promise");  // relaxed: it only keeps others from giving up
  }
  /// What it was taken for is part of the log, or was given up; or an entry has it, which may be held for long.
  void room_is_used() noexcept { promised_.fetch_add(~std::uint32_t{0}, std::memory_order_release, "supply:C"); }
  /// Waits for a moment, or until something has changed that room depends on.
  void await_change() noexcept;

  /// The file of segment `dropped` may be used again, see recycle_segment(). Called by one thread at a time.
  ///
  /// Returns  false if there are enough of them: remove it.
  [[nodiscard]] bool offer(std::uint64_t dropped) noexcept;

  /// To be called where warmer::is_due().
  void appends_reached(std::uint64_t number, std::uint64_t offset) noexcept {
    warmer_.appends_reached(number, offset);
    nudge();
  }
  /// Something has changed that preparation waited for.
  void nudge() noexcept { worker_.wake(); }
  [[nodiscard]] std::uint64_t warm_bytes() const noexcept { return warmer_.bytes(); }
  [[nodiscard]] std::uint64_t ready_count() const noexcept { return queue_.read_available(); }
  [[nodiscard]] std::uint64_t spare_count() const noexcept { return spares_.read_available(); }
  /// How many segments were made of files that had been dropped.
  [[nodiscard]] std::uint64_t recycled() const noexcept { return recycled_.load(std::memory_order_relaxed, "supply:count"); }

 private:
  void run() noexcept;
  [[nodiscard]] os::result<bool> prepare_one() noexcept;
  [[nodiscard]] os::result<std::unique_ptr<control_block>> make_new();
  [[nodiscard]] os::result<std::unique_ptr<control_block>> make_of(std::uint64_t dropped);
  [[nodiscard]] bool is_backlogged() const noexcept;
  [[nodiscard]] room take_room_for_next() noexcept;
  template <class Look>
  [[nodiscard]] room find_room(Look look) noexcept;
  [[nodiscard]] bool is_about_to_come(bool is_promised) noexcept;
  [[nodiscard]] bool could_fit(std::uint64_t bytes) const noexcept;
  [[nodiscard]] bool count_if_it_fits(std::uint64_t bytes) noexcept;
  void remove_unused(std::uint64_t number, std::uint64_t bytes) noexcept;
  [[nodiscard]] bool take_spare(std::uint64_t& dropped) noexcept;
  [[nodiscard]] bool drop_spare() noexcept;
  void discard(std::unique_ptr<control_block> block) noexcept;

  parts with_;
  segment_recipe recipe_;
  supply wanted_;
  warmer warmer_;
  shared::word<std::uint64_t> highest_{0};                           // of all numbers in use
  std::mutex room_;                                                  // whoever takes room
  bool is_over_ = false;                                             // guarded by room_: nobody takes any more
  std::optional<std::chrono::steady_clock::time_point> held_since_;  // likewise: since when all that might go is held
  shared::word<std::uint32_t> promised_{0};                          // how often room was taken that is not used yet
  bool has_room_ = false;  // touched by the thread only: room is taken for the next file
  std::mutex spares_out_;  // whoever takes a spare file
  boost::lockfree::spsc_queue<control_block*, boost::lockfree::capacity<prepared_segments_max>> queue_;
  boost::lockfree::spsc_queue<std::uint64_t, boost::lockfree::capacity<spare_segments_max>> spares_;
  shared::word<std::uint64_t> recycled_{0};

  shared::word<std::uint32_t> requested_{0};  // counts calls of take()
  shared::word<std::uint32_t> outcome_{0};    // bumped to wake the taker
  shared::word<std::uint64_t> failure_{0};    // the request that a failed attempt answers, above errno in the low half
  worker worker_;
};

}  // namespace varve::core
