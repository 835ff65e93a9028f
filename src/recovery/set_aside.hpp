// SPDX-License-Identifier: MIT
//
// set_aside.hpp - keeps what a log goes on without, in a directory of its own. Layer recovery.
//
// A recovery that accepts a loss writes over damaged frames, and leaves out files. None of their bytes are lost by that:
// copies of the files that are changed, and the files that are left out, go to set-aside-TIME in the log's directory. No
// open looks there, and varve never removes it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "recovery/survey.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// Durably, before anything is changed. Does nothing if nothing is given up. Run twice, it makes a second directory with
/// what is there by then.
///
/// Errors  no_space, io: nothing of the log was changed.
[[nodiscard]] result<void> set_aside(const log_place& place, const survey& s, std::uint32_t permissions);

struct set_aside_directory {
  std::string name;
  std::uint64_t files = 0, bytes = 0;  // bytes: disk space that they take
};

/// What was set aside and is still there, in the order of the names, which is that of their times.
[[nodiscard]] os::result<std::vector<set_aside_directory>> list_set_aside(const log_place& place);

/// Copies those of the named files that are there, durably: they are about to be replaced. Returns the directory; empty if
/// none of them is there.
[[nodiscard]] result<std::string> keep_copies(const log_place& place, std::span<const char* const> names,
                                              std::uint32_t permissions);

}  // namespace varve::core
