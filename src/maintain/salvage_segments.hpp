// SPDX-License-Identifier: MIT
//
// salvage_segments.hpp - which segment files a salvage reads, and what can be had of each. Layer maintain; only reads.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "recovery/stable_survey.hpp"
#include "segment/segment.hpp"
#include "store/log_place.hpp"

namespace varve::core {

struct segment_to_salvage {
  segment_facts facts;  // of a file that was cut short the capacity is what is left of it
  std::uint64_t end_offset = none_yet, end_sequence = none_yet;
  std::vector<hole> holes{};
};

/// In the order of their sequences: those of the survey's chain, and every other one that says it belongs to this log,
/// unless opening the log would drop it. None ends behind where the next begins.
[[nodiscard]] result<std::vector<segment_to_salvage>> segments_to_salvage(const log_place& place, const undisturbed& s);

/// Null if it cannot be had at all. Pages that the device does not give back read as zeros, which are never valid.
[[nodiscard]] std::shared_ptr<const segment> open_to_salvage(const log_place& place, const segment_to_salvage& from);

}  // namespace varve::core
