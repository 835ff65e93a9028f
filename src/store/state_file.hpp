// SPDX-License-Identifier: MIT
//
// state_file.hpp - varve.state: what must never be stale. Layer store.
//
// Invariants
//   I1  The slot that counts is durable before the other one is touched, and before what it says takes effect.
#pragma once

#include "base/error.hpp"
#include "format/state.hpp"
#include "os/file.hpp"
#include "store/log_place.hpp"

namespace varve::core {

class state_file {
 public:
  /// Makes both slots of a new, empty log.
  [[nodiscard]] static result<void> create(const log_place& place, std::uint32_t permissions);
  /// Errors  damaged if the file is missing or neither slot is valid; newer_format.
  [[nodiscard]] static result<state_file> open(const log_place& place, os::access mode);

  [[nodiscard]] const format::state& current() const noexcept { return current_; }
  [[nodiscard]] bool both_slots_valid() const noexcept { return both_valid_; }
  /// True if this file is not the one that was written: a copy of the log.
  [[nodiscard]] bool is_copy() const noexcept { return copy_; }
  /// Looks at the file again, and whether it says what it said.
  [[nodiscard]] bool is_unchanged() const noexcept;
  /// True if nothing was truncated, and nobody opened the log, since it was read.
  [[nodiscard]] bool is_of_same_epoch() const noexcept;

  /// Makes the slot that was read durable: it may stand only in the cache.
  [[nodiscard]] result<void> reaffirm(const log_place& place);
  /// Makes `next` what counts; generation and the file's own marks are filled in.
  [[nodiscard]] result<void> write(const log_place& place, format::state next);

 private:
  [[nodiscard]] result<void> store(const log_place& place, unsigned slot, const format::state& s);

  os::file file_;
  format::state current_;
  unsigned slot_ = 0;
  std::uint64_t inode_ = 0, birth_ns_ = 0;
  bool both_valid_ = false, copy_ = false;
};

}  // namespace varve::core
