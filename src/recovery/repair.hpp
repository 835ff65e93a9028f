// SPDX-License-Identifier: MIT
//
// repair.hpp - makes a log what its survey says it is to be: the second half of recovery. Layer recovery.
//
// Run twice it leaves the same bytes, and a crash in the middle of it is just another crash: until varve.state says so
// nothing has changed about how the log ended. Everything is done by pread and pwrite; no byte changes under a reader that a
// survey would have shown to it.
#pragma once

#include <functional>

#include "base/error.hpp"
#include "os/result.hpp"
#include "recovery/survey.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// Removes the file of a segment, and its index; not durably.
using segment_remover = std::function<os::result<void>(std::uint64_t number)>;

/// Writes lost frames and ends, makes everything that is kept durable, seals it, and removes what is dropped. Afterwards the
/// log ends in a segment that has ended, and s.chain holds only what is kept. A truncation is carried out by the same steps,
/// with what is not touched left out of the chain.
///
/// remove  how: by default just so.
[[nodiscard]] result<void> repair(const log_place& place, survey& s, const segment_remover& remove = {});

/// Removes files that never became part of the log.
[[nodiscard]] result<void> remove_leftovers(const log_place& place, const survey& s);

}  // namespace varve::core
