// SPDX-License-Identifier: MIT
//
// survey_walk.hpp - the walk along the frames of a chain of segments, asking the recovery table at each place. Layer
// recovery.
#pragma once

#include <memory>

#include "base/error.hpp"
#include "recovery/survey.hpp"

namespace varve::core {

/// Walks `s.chain` from link `from`, and fills in where the log ends, holes, what is dropped, and the report. s.ending may
/// change from death to power loss.
[[nodiscard]] result<void> walk_chain(const log_place& place, const survey_options& options, std::size_t from, survey& s);

/// Adds a segment that is to be dropped to the report, with the frames that can be told apart from its start.
void report_dropped(const log_place& place, const segment_facts& facts, char row, recovery_report& report);

}  // namespace varve::core
