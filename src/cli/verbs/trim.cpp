// SPDX-License-Identifier: MIT
//
// varve trim - drop the oldest records.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log.hpp>

#include "cli/failure.hpp"
#include "cli/findings.hpp"
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
  std::uint64_t first = 0;
  marks now{};
  const auto found = change_log({.directory = options.directory, .verb = "trim", .json = options.json}, [&](log& opened) {
    first = opened.first_sequence().value;
    check(opened.trim_before({options.before}));
    now = opened.stats().at;
  });

  const std::uint64_t dropped = now.first.value - first;
  if (options.json) {
    nlohmann::ordered_json report;
    add_bytes(report, "directory", "directory_base64", options.directory);
    report["dropped"] = dropped;
    report["first"] = now.first.value;
    report["published"] = now.published.value;
    report["recovery"] = recovery_json(found);
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
  set_footer(app,
             "  varve trim orders --before 100001\n"
             "It never cuts a torn end: where recovery would have to, it answers 4, and varve recover comes first.\n");
  return [options](output& out) { return trim(*options, out); };
}

}  // namespace varve::cli
