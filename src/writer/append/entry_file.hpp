// SPDX-License-Identifier: MIT
//
// entry_file.hpp - the chunks of an entry that no segment of the log's size holds, in the file of a segment of its own.
// Layer writer/append.
//
// Where a frame stands follows from the sizes of those before it, and what it holds but for its header does not depend on
// when it is appended. So each is written to its last place at once, with a header that has a length only: kind 0 is none,
// a stamp of 0 never matches. publish() lets the appends go on behind them, and fills in the headers where they stand: the
// sequences and the salt are not known before.
//
// What is small is written some at a time. So an entry of any size takes memory for `tail_` only, and none for each chunk.
//
// Invariants
//   I1  Frames that were accepted stand in the file or in the tail, and there is room in the file for all of them: what was
//       accepted cannot want for space.
//   I2  Bytes of the file behind those frames may be anything: a chunk that could not be written leaves what it left. They
//       are as those of a file that is used again.
//   I3  The file is touched only with own_segments::work. Between two calls it may be gone: the log was closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <varve/options.hpp>

#include "base/error.hpp"
#include "store/log_place.hpp"
#include "writer/append/appender.hpp"
#include "writer/state/gate.hpp"
#include "writer/supply/oversize_segments.hpp"

namespace varve::core {

class entry_file {
 public:
  struct parts {
    const log_place& place;
    const core::gate& gate;
    core::appender& appender;
    own_segments& own;
  };
  /// May throw std::bad_alloc.
  explicit entry_file(const parts& p);
  /// Removes the file if it did not become part of the log.
  ~entry_file();
  entry_file(const entry_file&) = delete;
  entry_file& operator=(const entry_file&) = delete;

  /// Has room for frames of `bytes` in all, so that no chunk up to there can be refused for space.
  ///
  /// Errors  no_space, io, out_of_memory; closed, and as append().
  [[nodiscard]] result<void> reserve(std::uint64_t bytes) noexcept;
  /// Adds a chunk. Errors: likewise, and nothing was added.
  [[nodiscard]] result<void> write(bytes_view payload) noexcept;
  /// Makes the chunks records.
  [[nodiscard]] result<appended> publish(const append_options& options) noexcept;
  /// It cannot be published any more: a sync has failed.
  [[nodiscard]] bool is_lost() const noexcept { return is_lost_; }

 private:
  template <class Body>
  [[nodiscard]] result<void> with_room(std::uint64_t bytes, Body body) noexcept;
  template <class Body>
  [[nodiscard]] result<void> with_file(std::uint64_t least, std::uint64_t bytes, Body body) noexcept;
  [[nodiscard]] os::result<void> write_behind_tail(bytes_view payload) noexcept;
  [[nodiscard]] os::result<void> write_large(bytes_view payload) const noexcept;
  void put_into_tail(bytes_view payload) noexcept;
  [[nodiscard]] os::result<void> write_tail() noexcept;
  [[nodiscard]] std::optional<error> claim(const append_options& options, appender::open_frame& all) noexcept;
  [[nodiscard]] os::result<void> complete() noexcept;
  void finish(const appender::open_frame& all) const noexcept;
  [[nodiscard]] std::uint64_t extent_of(std::uint64_t length) const noexcept {
    return format::frame_bytes(length, extension_bytes_);
  }

  parts with_;
  const std::uint64_t extension_bytes_, tail_bytes_max_;
  own_file file_;
  std::uint64_t size_ = 0;  // of the file, when it was last worked at
  std::uint64_t bytes_ = 0, frames_ = 0;
  std::vector<std::byte> tail_;  // the last of the bytes, which are not in the file yet
  bool is_lost_ = false;
};

}  // namespace varve::core
