// SPDX-License-Identifier: MIT
//
// repair.hpp - makes a log what its survey says it is to be: the second half of recovery. Layer log.
//
// Run twice it leaves the same bytes, and a crash in the middle of it is just another crash: until varve.state says so
// nothing has changed about how the log ended. Everything is done by pread and pwrite; no byte changes under a reader that a
// survey would have shown to it.
#pragma once

#include "base/error.hpp"
#include "log/log_place.hpp"
#include "log/survey.hpp"

namespace varve::core {

/// Writes lost frames and ends, makes everything that is kept durable, seals it, and removes what is dropped. Afterwards the
/// log ends in a segment that has ended, and s.chain holds only what is kept.
[[nodiscard]] result<void> repair(const log_place& place, survey& s);

/// Removes files that never became part of the log.
[[nodiscard]] result<void> remove_leftovers(const log_place& place, const survey& s);

}  // namespace varve::core
