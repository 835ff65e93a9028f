// SPDX-License-Identifier: MIT
//
// stable_survey.hpp - a survey of a log that others may be writing, opening and closing meanwhile. Layer recovery.
#pragma once

#include "recovery/survey.hpp"
#include "store/live_file.hpp"
#include "store/log_place.hpp"
#include "store/state_file.hpp"

namespace varve::core {

/// A survey, with the state and the marks that it was made by.
struct undisturbed {
  state_file state;
  live_file live;
  survey seen;
  std::uint64_t turn;  // what went until then is known
};

/// A survey of a log without a writer takes a while; it is believed only if no writer began to append meanwhile. One that is
/// still recovering the log only does what the survey says.
///
/// Errors  timed_out: writers came and went all the time; otherwise as survey_log().
[[nodiscard]] result<undisturbed> survey_undisturbed(const log_place& place, const survey_options& options);

}  // namespace varve::core
