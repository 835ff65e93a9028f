// SPDX-License-Identifier: MIT
//
// live_file.hpp - varve.live: what may be stale or lost, in one place that outlives the writer. Layer store.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "format/live.hpp"
#include "os/file.hpp"
#include "os/memory.hpp"
#include "store/log_place.hpp"

namespace varve::core {

class live_file {
 public:
  /// For a process that opens the log for writing, while it finds out what there is: changes nothing. Holds the lock for
  /// life of the file that is there; an object without a file if there is none.
  [[nodiscard]] static result<live_file> open_for_recovery(const log_place& place);
  /// Goes on from there to writing: makes the file if it is missing, and gives it the blocks that it lacks.
  [[nodiscard]] result<void> begin_writing(const log_place& place, std::uint32_t permissions);
  /// Both at once.
  [[nodiscard]] static result<live_file> open_for_writing(const log_place& place, std::uint32_t permissions);
  /// For views. An object without a file if there is none: it may be lost.
  [[nodiscard]] static result<live_file> open_for_reading(const log_place& place);

  /// False if a store to a page of it may want a block that a full disk does not have, which is SIGBUS. So for a copy that
  /// somebody has made sparse, until a writer has opened it.
  [[nodiscard]] bool is_allocated() const noexcept;

  /// The highest mark of this epoch; none if there is none.
  [[nodiscard]] std::optional<format::mark> best_mark(std::uint64_t epoch) const noexcept;
  /// The highest sequence of a mark that speaks of a later epoch, or of a later state, than these; none if no mark does.
  [[nodiscard]] std::optional<std::uint64_t> later_mark(std::uint64_t epoch, std::uint64_t generation) const noexcept;
  /// Those that can be read, of whatever epoch: for a log whose state is lost.
  [[nodiscard]] std::vector<format::mark> all_marks() const;
  /// Called by one thread at a time.
  void store_mark(const format::mark& m) noexcept;
  /// Forgets the marks of epochs that are yet to come, durably: a copy that was made while the log was opened anew may hold
  /// a varve.live that is younger than its varve.state.
  /// Likewise those of later states: whoever opens the log all the same was told to go on with an older one.
  [[nodiscard]] os::result<void> forget_marks_after(std::uint64_t epoch, std::uint64_t generation) noexcept;
  /// Makes the stored marks durable.
  [[nodiscard]] os::result<void> sync_mark() const noexcept { return os::sync_range(map_, 0, 2 * format::sector_bytes); }
  /// So that a sync of the marks writes them once more, after one that failed.
  void touch_mark_page() noexcept;

  /// True if both are objects of one file, mapped alike.
  [[nodiscard]] bool is_same_file(const live_file& other) const noexcept;

  /// True while a process has the log open for writing, or is opening it.
  [[nodiscard]] os::result<bool> has_owner() const noexcept;
  /// True while a writer lives that has recovered the log.
  [[nodiscard]] os::result<bool> has_appender() const noexcept;
  /// The log is recovered: from here on views follow the stamps. Until then they see what recovery will leave. False if
  /// somebody holds that lock, who cannot be.
  [[nodiscard]] os::result<bool> begin_appending(std::uint64_t epoch, std::uint32_t process) noexcept;
  void store_published(std::uint64_t sequence, std::uint64_t epoch) noexcept;
  /// The same writer goes on in a new epoch, which the state says already: the log was truncated.
  void begin_epoch(std::uint64_t epoch, std::uint64_t published) noexcept;
  /// Records went, at either end: views look what the state says now.
  void bump_turn() noexcept;
  /// The word that bump_turn() changes; stays as long as this object. None without a file.
  [[nodiscard]] const std::uint64_t* turn_place() const noexcept;
  [[nodiscard]] std::uint64_t turn() const noexcept;
  /// The writer ends: gives the lock back, also if a forked child still has the descriptor.
  void release() noexcept {
    if (file_.is_open()) os::unlock_for_life(file_);
    file_.close();
  }
  /// What the writer of this epoch had published when it last said so; 0 if unknown. True as long as the cache lives in
  /// which it was stored; after a power loss it may be anything.
  [[nodiscard]] std::uint64_t published_in(std::uint64_t epoch) const noexcept;
  /// The epoch of the writer that stored its words last; 0 if unknown.
  [[nodiscard]] std::uint64_t writer_epoch() const noexcept;
  /// The writer's process id; 0 if unknown.
  [[nodiscard]] std::uint64_t writer_process() const noexcept;

 private:
  [[nodiscard]] result<void> lock(const log_place& place);
  [[nodiscard]] os::result<void> map_again(const log_place& place, os::access mode);
  [[nodiscard]] os::result<void> copy_short();
  [[nodiscard]] format::writer_words& words() const noexcept;
  [[nodiscard]] std::pair<std::optional<format::mark>, bool> look_at_marks(std::uint64_t epoch) const noexcept;

  os::file file_;
  os::mapping map_;
  bool is_short_ = false;  // map_ is a copy of what is left of the file
  unsigned next_slot_ = 0;
};

}  // namespace varve::core
