// SPDX-License-Identifier: MIT
//
// varve salvage - get what can still be read out of a damaged log, into a new one.

#include <exception>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log_view.hpp>
#include <varve/salvage.hpp>

#include "cli/copier.hpp"
#include "cli/failure.hpp"
#include "cli/findings.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/progress.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

void write_text(const salvage_report& r, const copy_settings& settings, output& out) {
  for (const auto& gap : r.gaps) write_finding(gap, out);
  out.print("saved {} records to {}; {} sequences are missing, in {} gaps\n", count_text(r.records), settings.to,
            count_text(r.missing), count_text(r.gaps.size()));
}

void write_json(const salvage_report& r, const copy_settings& settings, output& out) {
  nlohmann::ordered_json report;
  add_bytes(report, "directory", "directory_base64", settings.from);
  add_bytes(report, "new", "new_base64", settings.to);
  report["records"] = r.records;
  report["missing"] = r.missing;
  auto& gaps = report["gaps"] = nlohmann::ordered_json::array();
  for (const auto& gap : r.gaps) gaps.push_back(finding_json(gap));
  out.write(one_line(report));
}

exit_code salvage_log(const copy_settings& settings, output& out) {
  const log_view view = open_to_read(settings.from);
  const log_description from = take(view.describe());
  copier target(settings.to, options_of(settings, from), from.at.first);
  progress line;
  std::exception_ptr trouble;  // with the new log; the library's callers may not throw
  const auto add = [&](const record& r) {
    try {
      target.add(r);
      line.tick([&] { return fmt::format("salvaging: {} records", target.records()); });
    } catch (...) {
      trouble = std::current_exception();
    }
    return trouble == nullptr;
  };
  const auto done = salvage(settings.from, {.record = add});
  line.erase();
  if (trouble) std::rethrow_exception(trouble);
  if (!done) throw failure_to_read(done.error());
  target.finish(done->sequences.end);
  if (settings.json) {
    write_json(*done, settings, out);
  } else {
    write_text(*done, settings, out);
  }
  return done->gaps.empty() ? exit_code::fine : exit_code::findings;
}

}  // namespace

action set_up_salvage(CLI::App& app) {
  const auto settings = std::make_shared<copy_settings>();
  add_copy_settings(app, *settings);
  set_footer(
      app,
      "  varve salvage orders orders.saved\n"
      "Each record that can be read gets into NEW under its own sequence; what is missing is abandoned there. DIR is\n"
      "never changed. 1 says that something was missing.\n");
  return [settings](output& out) { return salvage_log(*settings, out); };
}

}  // namespace varve::cli
