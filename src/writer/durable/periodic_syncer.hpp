// SPDX-License-Identifier: MIT
//
// periodic_syncer.hpp - syncs what periodic() appends leave behind, in a thread of its own. Layer writer/durable.
//
// An append arms it, if it is not armed for as early already; that is one load for all but the first after a sync.
//
// Under every policy the same thread syncs the durable mark soon after it moved (mark_keeper.hpp): it runs no functions of
// the user's, and waits for nothing but the device.
//
// Ordering pairs
//   armed:A / armed:B   an appender claims and then looks whether the thread is armed; the thread disarms and then looks at
//                       the claims. One of the two must see the other, which takes a full fence on both sides: the thread
//                       asks the kernel for both (membarrier). Where that is refused it stays armed, and looks once each
//                       interval.
#pragma once

#include <cstdint>
#include <limits>

#include <varve/durability.hpp>

#include "chain/frontier.hpp"
#include "os/shared.hpp"
#include "writer/append/appender.hpp"
#include "writer/durable/mark_keeper.hpp"
#include "writer/durable/syncer.hpp"
#include "writer/state/worker.hpp"

namespace varve::core {

class periodic_syncer {
 public:
  struct parts {
    core::appender& appender;
    core::frontier& frontier;
    core::syncer& syncer;
    mark_keeper& marks;
    worker& thread;  // of nobody else
  };
  explicit periodic_syncer(const parts& p) noexcept : with_(p) {}
  ~periodic_syncer() { stop(); }
  periodic_syncer(const periodic_syncer&) = delete;
  periodic_syncer& operator=(const periodic_syncer&) = delete;

  /// May throw std::system_error if there can be no thread.
  void start() {
    with_.thread.start([this] { run(); });
  }
  void stop() noexcept { with_.thread.stop(); }
  void forget_thread() noexcept { with_.thread.forget(); }

  /// A record was appended, and its frame ends at `position`. Any thread.
  void note(const durability& policy, const appended& last) noexcept {
    const bool full = exceeds(last.sequence, with_.syncer.durable(), policy.records()) ||
                      exceeds(last.position, with_.syncer.durable_position(), policy.bytes());
    // Not while a claim is held that keeps everything behind it from being synced: the thread would spin.
    const bool at_once = full && stuck_.load(std::memory_order_relaxed, "armed:stuck") == 0;  // relaxed: a hint
    const std::uint32_t due = at_once ? 0 : static_cast<std::uint32_t>(policy.interval().count());
    shared::keep_program_order();
    // armed:A  relaxed. Pairs with armed:B; the fence between the claim and this load is made by the thread.
    if (due < armed_.load(std::memory_order_relaxed, "armed:A")) arm(due);
  }

 private:
  /// True if `limit`, unless it is 0, lies between the two.
  [[nodiscard]] static bool exceeds(std::uint64_t last, std::uint64_t durable, std::uint64_t limit) noexcept {
    return limit != 0 && last > durable && last - durable >= limit;
  }

  static constexpr std::uint32_t idle = std::numeric_limits<std::uint32_t>::max();

  void arm(std::uint32_t milliseconds) noexcept;
  void run() noexcept;
  void sync_round() noexcept;
  void sync_what_is_published() noexcept;

  parts with_;
  shared::word<std::uint32_t> armed_{idle};  // milliseconds from when the thread sees it
  shared::word<std::uint32_t> stuck_{0};     // the last round could not move the mark
};

}  // namespace varve::core
