// SPDX-License-Identifier: MIT
//
// trimmer.hpp - drops the oldest records: the trim point first, durably, then the segments that end before it. Layer
// writer/retire.
//
// Invariants
//   I1  No segment is dropped before a trim point at or behind its end is durable in varve.state.
//   I2  The trim point is never more than the durable mark plus one, so what a power loss leaves always reaches it.
//   I3  A segment that somebody in this process reads is unlinked, and stays as it is for him. Any other is offered to be
//       used again; then whoever reads it in another process has pinned it, and it is unlinked after all.
//   I4  What is unlinked counts as space until nobody reads it any more.
//
// Ordering
//   first:A / first:B   the trim point is durable, then `first` is raised; then the turn changes (see record_source.hpp)
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "chain/segment_table.hpp"
#include "chain/wake_page.hpp"
#include "os/shared.hpp"
#include "store/live_file.hpp"
#include "store/log_place.hpp"
#include "writer/state/log_state.hpp"

namespace varve::core {

class archivist;
class preparer;

class trimmer {
 public:
  struct parts {
    const log_place& place;
    log_state& state;
    live_file& live;
    segment_table& table;
    core::preparer& preparer;
    const core::archivist& archivist;
    wake_page& wake;
    shared::word<std::uint64_t>& turn;
  };
  explicit trimmer(const parts& p) noexcept : with_(p) {}

  /// Where an opened log begins, or one that was reset. Only there it may go down.
  void place(std::uint64_t first) noexcept { first_.store(first, std::memory_order_release, "first:B"); }
  [[nodiscard]] std::uint64_t first() const noexcept { return first_.load(std::memory_order_acquire, "first:A"); }

  /// Everything before `target` goes, all of which is durable, and archived if somebody does. One call at a time.
  [[nodiscard]] result<void> trim_before(std::uint64_t target) noexcept;
  /// Drops the segments that end before first(): they may have been sealed since.
  [[nodiscard]] result<void> drop() noexcept;

  // ---- Space.

  /// So many bytes of files are there, or will be, besides those that were counted.
  void count_files(std::uint64_t bytes) noexcept { files_.fetch_add(bytes, std::memory_order_relaxed, "space:files"); }
  void uncount_files(std::uint64_t bytes) noexcept { count_files(std::uint64_t{0} - bytes); }
  /// Of all segment files, and of what somebody reads that was unlinked.
  [[nodiscard]] std::uint64_t disk_bytes() noexcept;
  /// Is something that was unlinked still mapped in this process?
  [[nodiscard]] bool has_readers() noexcept;
  /// Removes a file that is no part of the log, or not any more, and was counted with so many bytes. `readers`: who in this
  /// process has it mapped still.
  [[nodiscard]] os::result<void> remove_file(std::uint64_t number, std::uint64_t bytes,
                                             std::weak_ptr<segment> readers = {}) noexcept;
  /// Offers a file of the log's size that never became part of it to be used again, or removes it.
  void discard_file(std::uint64_t number) noexcept;

 private:
  struct leftover {
    std::weak_ptr<segment> readers{};  // of this process
    os::file file{};                   // while somebody else may read it
    std::uint64_t bytes = 0;
  };
  struct doomed {
    std::uint64_t number = 0, bytes = 0;
  };
  void keep_count(leftover l) noexcept;
  /// With counting_: those that nobody reads any more.
  void forget_released() noexcept;
  [[nodiscard]] result<void> drop_next(const doomed& next, std::weak_ptr<segment> readers) noexcept;

  parts with_;
  shared::word<std::uint64_t> first_{1};
  shared::word<std::uint64_t> files_{0};  // bytes

  std::mutex dropping_;
  std::optional<doomed> stuck_;  // guarded by dropping_: a segment that could not be removed

  std::mutex counting_;
  std::vector<leftover> leftovers_;  // guarded by counting_
};

}  // namespace varve::core
