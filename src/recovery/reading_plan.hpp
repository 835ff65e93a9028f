// SPDX-License-Identifier: MIT
//
// reading_plan.hpp - which frames of a damaged log stand, which a decision removed, and how far the log went. Layer
// recovery; pure.
//
// The third step of reading a damaged log. Nothing here asks what an open would keep; only decisions remove records:
//   - an end with the cause truncate or recovery: what its segment holds after it, and the segments that followed that;
//   - a later beginning: a segment of a higher epoch with base b was begun when the log ended just before b, so whatever
//     an earlier epoch holds from b on was cut. A truncation that is under way is such a beginning, by its intent;
//   - the trim point.
// What is removed so, is not missing. All else that anything speaks of is offered, or it is missing.
#pragma once

#include <cstdint>
#include <vector>

#include "recovery/evidence.hpp"
#include "recovery/placed_segments.hpp"

namespace varve::core {

enum class verdict : std::uint8_t {
  stands,
  trimmed,     // below the trim point
  cut,         // by a truncation, or a recovery
  superseded,  // another segment holds these sequences, by the chain of the newest epoch
};

/// The sequences [first, end) of one segment; end: none_yet if nothing says how far it goes.
struct piece {
  std::size_t segment = 0;  // into placed_segments::all
  std::uint64_t first = 0, end = none_yet;
  core::verdict verdict = verdict::stands;
};

struct reading_plan {
  std::uint64_t first = 1;        // the first sequence that the log keeps
  std::uint64_t end = 1;          // nothing says that there was a record from here on
  std::uint64_t end_segment = 0;  // the number of the segment that is said to reach so far; 0: nobody says
  std::vector<piece> kept;        // in order; no two of one sequence
  /// What decisions removed and is there still, likewise; of each sequence the newest in the first list, and so on.
  std::vector<std::vector<piece>> removed;
  bool trim_point_known = false;
  /// From here on a claim may have been left unfinished by a process that died, which is no damage. none_yet: no, since the
  /// log was closed, the machine was started since, or this is a copy.
  std::uint64_t unfinished_from = none_yet;
};

/// `is_same_boot`: the state was written since the machine was started.
[[nodiscard]] reading_plan plan_reading(const log_evidence& from, const placed_segments& placed, bool is_same_boot);

}  // namespace varve::core
