// SPDX-License-Identifier: MIT
//
// varve index rebuild - make the index of every segment again.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/recovery.hpp>

#include "cli/failure.hpp"
#include "cli/findings.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct index_options {
  std::string what, directory;
  bool json = false;
};

exit_code rebuild(const index_options& options, output& out) {
  const auto done = rebuild_indexes(options.directory);
  if (!done) throw failure_to_change(done.error(), options.directory);
  if (!options.json) tell_recovery(done->recovered, "index rebuild");
  if (options.json) {
    nlohmann::ordered_json report;
    add_bytes(report, "directory", "directory_base64", options.directory);
    report["segments"] = done->segments;
    report["recovery"] = recovery_json(done->recovered);
    out.write(one_line(report));
  } else {
    out.print("made the indexes of {} segments of {} again\n", count_text(done->segments), options.directory);
  }
  return exit_code::fine;
}

}  // namespace

action set_up_index(CLI::App& app) {
  const auto options = std::make_shared<index_options>();
  app.add_option("WHAT", options->what, "rebuild")->required()->check(CLI::IsMember({"rebuild"}))->option_text(" ");
  add_directory(app, options->directory);
  add_json(app, options->json);
  set_footer(app,
             "  varve index rebuild orders\n"
             "An index is a hint, and never needed for right answers. The log must have no writer. It never cuts a torn\n"
             "end: where recovery would have to, it answers 4, and varve recover comes first.\n");
  return [options](output& out) { return rebuild(*options, out); };
}

}  // namespace varve::cli
