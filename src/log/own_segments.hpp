// SPDX-License-Identifier: MIT
//
// own_segments.hpp - files of segments that have a size of their own, made by those who need them: for records and batches
// that no segment of the log's size holds, and for entries. Layer log.
//
// Invariants
//   I1  end() waits for whoever has a file in the making, and nobody begins another one then. So once the directory is let
//       go nothing is done in it any more.
//   I2  What is made becomes part of the log, or is removed, by whoever made it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/error.hpp"
#include "log/log_place.hpp"
#include "log/segment_maker.hpp"

namespace varve::core {

class preparer;
class trimmer;

class own_segments {
 public:
  struct parts {
    const log_place& place;
    core::preparer& preparer;
    core::trimmer& trimmer;
  };
  explicit own_segments(const parts& p) noexcept : with_(p) {}

  void start(const segment_recipe& recipe) {
    recipe_ = recipe;
    recipe_.write_ahead = false;  // what stands in such a file is written, and synced, at once
    is_over_ = false;
  }
  /// Refuses everything from then on, and waits for what is in the making. Claims were stopped: nobody waits for a roll.
  void end() noexcept;

  /// The size of a file for so many bytes of frames.
  [[nodiscard]] static constexpr std::uint64_t file_bytes(std::uint64_t bytes) noexcept {
    return round_up(format::segment_header_bytes + bytes, format::segment_bytes_unit);
  }

  // ---- Room for the bytes was taken from the preparer; it is given back with what fails, or is given up.

  /// A segment that is ready to be begun; in the making until finish(), or until something of it fails.
  ///
  /// Errors  ECANCELED after end().
  [[nodiscard]] os::result<std::unique_ptr<control_block>> make(std::uint64_t file_bytes) noexcept;
  /// `own`, which it takes, under a number above `number`: others may have been begun since it was made.
  [[nodiscard]] os::result<std::unique_ptr<control_block>> number_above(std::uint64_t number,
                                                                        std::unique_ptr<control_block>& own) noexcept;
  void give_up(std::unique_ptr<control_block> own) noexcept;
  /// It is part of the log.
  void finish() noexcept;

 private:
  [[nodiscard]] os::result<unfinished_segment> create(std::uint64_t file_bytes) noexcept;
  [[nodiscard]] os::result<std::unique_ptr<control_block>> complete(unfinished_segment& of, std::uint64_t number) noexcept;
  void remove(const unfinished_segment& of) noexcept;

  parts with_;
  segment_recipe recipe_;
  std::mutex guard_;
  std::condition_variable finished_;
  std::uint64_t in_the_making_ = 0;  // guarded by guard_
  bool is_over_ = true;              // likewise
};

}  // namespace varve::core
