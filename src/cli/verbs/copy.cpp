// SPDX-License-Identifier: MIT
//
// varve copy - rewrite a log with other settings: the same records, under the same sequences.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log_view.hpp>

#include "cli/copier.hpp"
#include "cli/failure.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/progress.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

exit_code copy(const copy_settings& settings, output& out) {
  const log_view view = open_to_read(settings.from);
  const log_description from = take(view.describe());
  // What a writer appends meanwhile is left out.
  const sequence first = from.at.first, end = {view.published_sequence().value + 1};
  copier target(settings.to, options_of(settings, from), first);
  progress line;
  reader r = take(view.reader(first));
  while (target.next() < end) {
    const auto record = take(r.next());
    if (!record || (record->sequence() >= end && !target.inside_batch())) break;
    target.add(*record);
    line.tick([&] {
      return fmt::format("copying: {} of {} records", target.next().value - first.value, end.value - first.value);
    });
  }
  line.erase();
  target.finish(end);
  if (settings.json) {
    nlohmann::ordered_json report;
    add_bytes(report, "directory", "directory_base64", settings.from);
    add_bytes(report, "new", "new_base64", settings.to);
    report["records"] = target.records();
    report["abandoned"] = target.abandoned();
    report["first"] = first.value;
    report["published"] = end.value - 1;
    out.write(one_line(report));
  } else {
    out.print("copied {} records to {}, sequences {} to {}\n", count_text(target.records()), settings.to, first.value,
              end.value - 1);
  }
  return exit_code::fine;
}

}  // namespace

action set_up_copy(CLI::App& app) {
  const auto settings = std::make_shared<copy_settings>();
  add_copy_settings(app, *settings);
  set_footer(app,
             "  varve copy orders orders.new --segment-size 256MiB\n"
             "Damage stops it, with 4, and nothing is left of NEW: varve salvage takes what can be had.\n");
  return [settings](output& out) { return copy(*settings, out); };
}

}  // namespace varve::cli
