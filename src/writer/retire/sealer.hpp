// SPDX-License-Identifier: MIT
//
// sealer.hpp - syncs and seals ended segments, in a thread of its own, under every policy. Layer writer/retire.
#pragma once

#include <memory>
#include <mutex>

#include "base/error.hpp"
#include "chain/frontier.hpp"
#include "chain/segment_table.hpp"
#include "writer/durable/syncer.hpp"
#include "writer/retire/retention_worker.hpp"
#include "writer/retire/trimmer.hpp"
#include "writer/state/failure_latch.hpp"
#include "writer/state/worker.hpp"
#include "writer/supply/segment_supply.hpp"

namespace varve::core {

class archivist;

class sealer {
 public:
  struct parts {
    const log_place& place;
    segment_table& table;
    core::frontier& frontier;
    core::syncer& syncer;
    core::preparer& preparer;
    core::trimmer& trimmer;
    core::retainer& retainer;
    core::archivist& archivist;
    failure_latch& latch;
  };
  explicit sealer(const parts& p) noexcept : with_(p) {}
  ~sealer() { stop(); }
  sealer(const sealer&) = delete;
  sealer& operator=(const sealer&) = delete;

  /// May throw std::system_error if there can be no thread.
  void start() {
    worker_.start([this] { run(); });
  }
  void stop() noexcept { worker_.stop(); }
  void forget_thread() noexcept { worker_.forget(); }
  /// A segment has ended, or may go.
  void nudge() noexcept { worker_.wake(); }

  /// Seals what has ended and is published, in the caller's thread, who has called stop() or keep_out(). A failure is
  /// latched.
  void seal_all() noexcept;
  /// While it is held nothing is sealed. For a truncation.
  [[nodiscard]] std::unique_lock<std::mutex> keep_out() noexcept { return std::unique_lock{sealing_}; }

 private:
  enum class sealed : std::uint8_t { one, nothing, not_yet };

  void run() noexcept;
  [[nodiscard]] sealed seal_next() noexcept;
  [[nodiscard]] bool seal_one(std::shared_ptr<segment> s) noexcept;

  parts with_;
  std::mutex sealing_;  // from when a segment is chosen until it is sealed
  worker worker_;
};

}  // namespace varve::core
