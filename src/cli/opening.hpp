// SPDX-License-Identifier: MIT
//
// opening.hpp - the log that a verb works on, or a failure in terms of the command line. Layer tool.
//
// Who may recover: `append` and `recover` alone cut what cannot be kept. The other verbs that write go through change_log(),
// those that read through a view.
#pragma once

#include <functional>
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

/// Of a strict opening of the log in `directory`. If it is the log's state that it refuses: what would be cut, and that
/// `varve recover` comes first.
[[nodiscard]] failure failure_to_change(const error& e, const std::string& directory);

struct log_to_change {
  std::string directory;
  const char* verb;         // that says what recovery did
  bool json = false;        // then the report says it, or the failure does
  archive_hooks archive{};  // none: nothing is archived
};

/// Opens the log that is there, lets `work` change it, and closes it. What a dead process left is stepped over first, and
/// that is told.
///
/// Returns  what opening it found and did.
/// Throws   failure. As failure_to_change(): nothing of the log was changed.
recovery_report change_log(const log_to_change& what, const std::function<void(log&)>& work);

/// What `work` throws once the log was recovered says so in JSON too.
template <class Work>
void after_recovery(const recovery_report& found, Work work) {
  try {
    work();
  } catch (failure& f) {
    f.recovered = found;
    throw;
  }
}

}  // namespace varve::cli
