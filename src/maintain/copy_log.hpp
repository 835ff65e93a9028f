// SPDX-License-Identifier: MIT
//
// copy_log.hpp - what a backup and an upgrade have in common: a log, segment by segment, in a new directory. Layer maintain.
#pragma once

#include <filesystem>

#include <varve/backup.hpp>
#include <varve/recovery.hpp>

#include "base/error.hpp"
#include "store/log_place.hpp"

namespace varve::core {

struct copied_log {
  backup_report report;
  recovery_report found;  // what opening the log would have found: what is not in the copy, and why
};

/// Makes a closed log of this version of the format out of one of this version or an older one. `options.file_mode` makes
/// sense.
///
/// Errors  as backup().
[[nodiscard]] result<copied_log> copy_log(const log_place& from, const std::filesystem::path& to,
                                          const backup_options& options);

}  // namespace varve::core
