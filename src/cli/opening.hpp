// SPDX-License-Identifier: MIT
//
// opening.hpp - the log that a verb works on, or a failure in terms of the command line. Layer tool.
#pragma once

#include <string>
#include <utility>

#include <varve/log.hpp>
#include <varve/log_view.hpp>

#include "cli/failure.hpp"

namespace varve::cli {

/// Throws  failure.
[[nodiscard]] inline log_view open_to_read(const std::string& directory) {
  result<log_view> view = log_view::open(directory);
  if (!view) throw failure_to_read(view.error());
  return std::move(*view);
}

/// Makes the log if nothing is there. Throws  failure.
[[nodiscard]] inline log open_to_write(const std::string& directory, const log_options& options) {
  result<log> opened = log::open(directory, options);
  if (!opened) throw failure_to_write(opened.error(), directory);
  return std::move(*opened);
}

}  // namespace varve::cli
