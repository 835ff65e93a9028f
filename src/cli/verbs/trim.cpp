// SPDX-License-Identifier: MIT
//
// varve trim - drop the oldest records.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log.hpp>

#include "cli/failure.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct trim_options {
  std::string directory;
  std::uint64_t before = 0;
  bool json = false;
};

exit_code trim(const trim_options& options, output& out) {
  log_options settings;
  settings.create = false;
  settings.spare_segments = 0;  // nobody is going to append
  log opened = open_to_write(options.directory, settings);
  const std::uint64_t first = opened.first_sequence().value;
  check(opened.trim_before({options.before}));
  const marks now = opened.stats().at;
  check(opened.close());

  const std::uint64_t dropped = now.first.value - first;
  if (options.json) {
    nlohmann::ordered_json report;
    add_bytes(report, "directory", "directory_base64", options.directory);
    report["dropped"] = dropped;
    report["first"] = now.first.value;
    report["published"] = now.published.value;
    out.write(one_line(report));
  } else {
    out.print("dropped {} records of {}; it begins with {}\n", count_text(dropped), options.directory, now.first.value);
  }
  return exit_code::fine;
}

}  // namespace

action set_up_trim(CLI::App& app) {
  const auto options = std::make_shared<trim_options>();
  add_directory(app, options->directory);
  app.add_option("--before", options->before, "The first sequence that is kept")
      ->required()
      ->transform(number_between(1, sequence_max))
      ->option_text("S");
  add_json(app, options->json);
  set_footer(app, "  varve trim orders --before 100001\n");
  return [options](output& out) { return trim(*options, out); };
}

}  // namespace varve::cli
