// SPDX-License-Identifier: MIT
//
// index_files.hpp - the index files of a whole log, put right when it is opened. Layer recovery.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "recovery/survey.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// Removes the indices of segments that are gone. They are hints, so no failure stops an open.
void remove_stray_indexes(const log_place& place, const survey& s);

/// Makes the index of one segment anew. False: it could not be read, or the file could not be had.
[[nodiscard]] bool rebuild_index(const log_place& place, const chain_link& link, std::uint32_t permissions);

/// Makes those anew that are missing, or of something else, or of a segment whose end was walked: of these a power loss may
/// have lost any part. Not that of the segment in which a closed log goes on. Returns how many.
[[nodiscard]] std::uint64_t rebuild_indexes(const log_place& place, const survey& s, std::uint32_t permissions);

}  // namespace varve::core
