// SPDX-License-Identifier: MIT
//
// placed_segments.hpp - which sequences the files hold, also where a header sector is lost. Layer recovery; only reads.
//
// The second step of reading a damaged log. What a lost sector said also stands elsewhere: the salt in the end, the seal and
// the activation of the segment that follows; the number in the file's name; the base in the stamp of the first frame, XOR
// the salt. A frame's checksum binds its stamp to its place, so a salt is believed once a frame validates by it. No guess
// is: where only one of base and salt is known by a torn sector, they must agree with each other by the first stamp.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "recovery/evidence.hpp"
#include "segment/frame_search.hpp"

namespace varve::core {

/// One use of a segment file. There may be several copies of it: they have one salt.
struct placed_segment {
  static constexpr std::uint64_t unknown_epoch = 0;

  segment_facts facts{};
  std::uint64_t predecessor = 0, predecessor_salt = 0;  // 0: none, or not known
  std::optional<segment_evidence::end_part> end{};      // if it counts; of a seal without an end, that
  frame_place begin{};                                  // of the first frame that is known to belong there
  bool rebuilt = false;                                 // what a header sector said was found elsewhere
  std::vector<std::size_t> copies{};                    // into log_evidence::segments

  /// It was cut there, by a truncation or a recovery.
  [[nodiscard]] bool was_cut() const noexcept { return end && end->cause != format::end_cause::roll; }
};

struct placed_segments {
  std::vector<placed_segment> all;    // by base
  std::vector<std::size_t> unplaced;  // into log_evidence::segments: begun once, but nothing says with which sequence
};

[[nodiscard]] placed_segments place_segments(const log_evidence& from);

}  // namespace varve::core
