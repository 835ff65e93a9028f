// SPDX-License-Identifier: MIT
//
// survey_files.hpp - one survey: the chain of segment files, and where the log ends, once it is settled how it was left and
// what was durable. Layer recovery; only reads.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "recovery/survey.hpp"
#include "store/log_place.hpp"
#include "store/segment_files.hpp"
#include "store/state_file.hpp"

namespace varve::core {

/// What is settled before the files are judged.
struct survey_premises {
  ending how;
  std::uint64_t durable;  // the durable mark
  std::uint64_t synced;   // up to here it is on this disk
  const segment_files& found;
  const std::vector<std::uint64_t>& truncated;  // what set_truncated_aside() took out of them
};

/// Errors  as survey_log().
[[nodiscard]] result<survey> survey_files(const log_place& place, const state_file& state, const survey_options& options,
                                          const survey_premises& from);

}  // namespace varve::core
