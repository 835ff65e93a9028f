// SPDX-License-Identifier: MIT
//
// reading_on.hpp - what a view can read of a log whose chain of segments is broken. Layer recovery; only reads.
#pragma once

#include "recovery/survey.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// True if a survey has met damage that ends the chain before the log ends.
[[nodiscard]] bool is_chain_broken(const survey& s) noexcept;

/// Adds to the chain what stands after a segment that is missing, and those whose header is damaged but known from
/// elsewhere; none beyond what is published by the survey. For reading alone: an open for writing refuses such a log.
void add_what_stands(const log_place& place, survey& s);

}  // namespace varve::core
