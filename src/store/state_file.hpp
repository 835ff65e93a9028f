// SPDX-License-Identifier: MIT
//
// state_file.hpp - varve.state: what must never be stale. Layer store.
//
// Invariants
//   I1  The slot that counts is durable, in both copies, before the other one is touched, and before what it says takes
//       effect.
//   I2  The copies of a slot stand in blocks that are not neighbours: whichever one is lost, stale or spoiled, the newest
//       state is still there.
#pragma once

#include <optional>

#include "base/error.hpp"
#include "format/state.hpp"
#include "os/file.hpp"
#include "store/log_place.hpp"

namespace varve::core {

class state_file {
 public:
  /// Makes the file of a log that is to begin with `first`, in both slots. Its generation goes on from the one given.
  [[nodiscard]] static result<void> create(const log_place& place, std::uint32_t permissions, format::state first);
  /// Makes `lost` what counts, in a file that takes the place of the one that is there, if any, at once and durably. The
  /// file does not say that it is its own, so that the log is opened as a copy of itself.
  [[nodiscard]] static result<void> replace(const log_place& place, std::uint32_t permissions, const format::state& lost);
  /// Not in any file: for a survey of what a log would be with that state, which replace() may then write.
  [[nodiscard]] static state_file proposed(const format::state& s) noexcept;
  /// Errors  incomplete if the file is missing; damaged if no copy of either slot is valid; newer_format.
  [[nodiscard]] static result<state_file> open(const log_place& place, os::access mode);

  [[nodiscard]] const format::state& current() const noexcept { return current_; }
  /// True if a copy of each slot is valid. If not, something newer than current() may have been there: two blocks were
  /// spoiled, or both copies were torn as they were written.
  [[nodiscard]] bool both_slots_known() const noexcept { return both_known_; }
  /// True if this file is not the one that was written: a copy of the log.
  [[nodiscard]] bool is_copy() const noexcept { return copy_; }
  /// Looks at the file again, and whether it says what it said.
  [[nodiscard]] bool is_unchanged() const noexcept;
  /// True if nothing was truncated, and nobody opened the log, since it was read.
  [[nodiscard]] bool is_of_same_epoch() const noexcept;

  /// Makes the slot that was read durable, in both copies: it may stand only in the cache.
  [[nodiscard]] result<void> reaffirm(const log_place& place);
  /// Makes `next` what counts; the next generation, and the file's own marks, are filled in.
  [[nodiscard]] result<void> write(const log_place& place, format::state next);

 private:
  [[nodiscard]] result<void> store(const log_place& place, unsigned slot, const format::state& s);
  [[nodiscard]] std::optional<format::state> look_again() const noexcept;

  os::file file_;
  format::state current_;
  unsigned slot_ = 0, copies_ = 2;
  std::uint64_t inode_ = 0, birth_ns_ = 0;
  bool both_known_ = false, copy_ = false;
};

}  // namespace varve::core
