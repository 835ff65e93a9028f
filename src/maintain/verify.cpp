// SPDX-License-Identifier: MIT
#include <algorithm>
#include <new>
#include <tuple>
#include <vector>

#include <varve/log_view.hpp>

#include "recovery/segment_checks.hpp"
#include "recovery/stable_survey.hpp"
#include "store/log_directory.hpp"

namespace varve {
namespace {

using finding = recovery_report::finding;

/// Whole files first, what names no segment behind them, then by sequence; each once.
void put_in_order(std::vector<finding>& findings) {
  const auto key = [](const finding& f) {
    return std::tuple{f.sequences.first, f.segment == 0, f.segment, f.offset, f.row};
  };
  std::ranges::sort(findings, {}, key);
  const auto again = std::ranges::unique(findings, {}, key);
  findings.erase(again.begin(), again.end());
}

result<recovery_report> survey_every_byte(const std::filesystem::path& directory, const verify_options& options) {
  const auto place = core::open_place_for_reading(directory);
  if (!place) return std::unexpected(place.error());
  auto s = core::survey_undisturbed(*place, {.mode = options.recovery,
                                             .looking_on = true,
                                             .tolerant = true,
                                             .every_byte = true,
                                             .threads = options.threads,
                                             .on_progress = &options.on_progress});
  if (!s) return std::unexpected(s.error());
  put_in_order(s->seen.report.findings);
  return std::move(s->seen.report);
}

}  // namespace

result<recovery_report> verify(const std::filesystem::path& directory,
                               const std::function<void(const recovery_report::finding&)>& on_finding,
                               const verify_options& options) {
  if (options.threads > core::check_threads_max) return core::bad_option("threads");
  if (options.recovery > recovery_mode::accept_loss) return core::bad_option("recovery");
  try {
    auto report = survey_every_byte(directory, options);
    if (report && on_finding)
      for (const auto& finding : report->findings) on_finding(finding);
    return report;
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve
