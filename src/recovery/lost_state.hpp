// SPDX-License-Identifier: MIT
//
// lost_state.hpp - what varve.state is to say, and varve.meta, where all that they said is lost. Layer recovery; only
// reads.
//
// docs/format.md, "When state or meta are lost", has the rules. Nothing is guessed that would lose a record, or give out a
// sequence twice: either the segments that there are make one chain, and nothing contradicts it, or the answer is no.
#pragma once

#include "base/error.hpp"
#include "format/state.hpp"
#include "store/live_file.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// A state that is newer than all that segments and marks speak of. What it says of the log: it begins with the first
/// segment that there is; all is durable that a mark or an end speaks of; a truncation that was under way is still to be
/// carried out.
///
/// Errors  damaged, incomplete: a segment, a mark, or that one is missing, forbids it. newer_format, io, out_of_memory.
[[nodiscard]] result<format::state> state_from_segments(const log_place& place, const live_file& live);

/// Fills in place.meta by what all segments say of themselves. Not in them: whether records carry times, which the first
/// record shows, and the size of segments, which is that of the smallest file.
///
/// Errors  incomplete: no segment says anything, or this may be an archive. damaged: they do not agree. older_format: a log
///         of version 1. newer_format, io, out_of_memory.
[[nodiscard]] result<void> take_meta_from_segments(log_place& place);

}  // namespace varve::core
