// SPDX-License-Identifier: MIT
//
// varve truncate - drop the newest records, or all of them.

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

struct truncate_options {
  std::string directory;
  std::uint64_t after = 0;
  std::uint64_t reset = 0;  // 0: not asked for
  bool yes = false, json = false;
};

exit_code truncate(const truncate_options& options, bool is_reset, output& out) {
  if (is_reset && !options.yes) throw usage_failure("usage", "this drops every record; say --yes to do it");
  marks before{}, now{};
  const auto found =
      change_log({.directory = options.directory, .verb = "truncate", .json = options.json}, [&](log& opened) {
        before = opened.stats().at;
        check(is_reset ? opened.reset({options.reset}) : opened.truncate_after({options.after}));
        now = opened.stats().at;
      });

  const std::uint64_t kept_to = is_reset ? before.first.value - 1 : now.published.value;
  const std::uint64_t dropped = before.published.value - kept_to;
  if (options.json) {
    nlohmann::ordered_json report;
    add_bytes(report, "directory", "directory_base64", options.directory);
    report["dropped"] = dropped;
    report["first"] = now.first.value;
    report["published"] = now.published.value;
    report["recovery"] = recovery_json(found);
    out.write(one_line(report));
  } else {
    out.print("dropped {} records of {}; the next one gets {}\n", count_text(dropped), options.directory,
              now.published.value + 1);
  }
  return exit_code::fine;
}

}  // namespace

action set_up_truncate(CLI::App& app) {
  const auto options = std::make_shared<truncate_options>();
  add_directory(app, options->directory);
  auto* const after = app.add_option("--after", options->after, "The last sequence that is kept")
                          ->transform(number_between(0, sequence_max))
                          ->option_text("S");
  auto* const reset = app.add_option("--reset", options->reset, "Drop every record; the next one gets this sequence")
                          ->transform(number_between(1, sequence_max))
                          ->option_text("S");
  after->excludes(reset);
  app.add_flag("--yes", options->yes, "Really do it; needed with --reset");
  add_json(app, options->json);
  set_footer(app,
             "  varve truncate orders --after 100000\n"
             "  varve truncate orders --reset 1 --yes\n"
             "It never cuts a torn end: where recovery would have to, it answers 4, and varve recover comes first.\n");
  return [options, after, reset](output& out) {
    if (after->empty() && reset->empty()) throw usage_failure("usage", "say --after or --reset");
    return truncate(*options, !reset->empty(), out);
  };
}

}  // namespace varve::cli
