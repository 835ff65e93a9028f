// SPDX-License-Identifier: MIT
//
// varve upgrade - make a log of this version of the format out of an older one.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/upgrade.hpp>

#include "cli/failure.hpp"
#include "cli/findings.hpp"
#include "cli/json.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "cli/sizes.hpp"
#include "cli/temporary_directory.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct upgrade_verb_options {
  std::string directory, made;
  bool reflink = false, json = false;
};

failure why(const error& e, const upgrade_verb_options& options) {
  if (e.code() != errc::bad_option) return failure_to_read(e);
  if (e.path() == "to") return exists_failure(options.made);
  return usage_failure("up_to_date", fmt::format("{} is of this version already, and needs no upgrade", options.directory),
                       options.directory);
}

void write_json(const upgrade_verb_options& options, const upgrade_report& r, output& out) {
  nlohmann::ordered_json report;
  add_bytes(report, "directory", "directory_base64", options.directory);
  add_bytes(report, "new", "new_base64", options.made);
  report["sequences"] = r.sequences.size() == 0 ? nlohmann::ordered_json{}
                                                : sequences_json(r.sequences.first.value, r.sequences.end.value - 1);
  report["next"] = r.sequences.end.value;
  report["segments"] = r.segments;
  report["bytes_copied"] = r.bytes_copied;
  report["bytes_shared"] = r.bytes_shared;
  add_report(report, r.found);
  out.write(one_line(report));
}

exit_code upgrade_log(const upgrade_verb_options& options, output& out) {
  progress line;
  const auto on_progress = [&](const recovery_progress& p) {
    line.tick([&] { return fmt::format("upgrading: {} of {}", size_text(p.bytes_done), size_text(p.bytes_total)); });
  };
  remove_dead_partials(options.made);
  ending_signals signals;
  const auto keep_going = [&] { return signals.take() == 0; };
  const auto done = upgrade(options.directory, options.made,
                            {.reflink = options.reflink, .on_progress = on_progress, .keep_going = keep_going});
  line.erase();
  if (!done && done.error().code() == errc::cancelled) throw signal_failure(signals.take(), options.made);
  if (!done) throw why(done.error(), options);
  if (options.json) {
    write_json(options, *done, out);
    return exit_code::fine;
  }
  for (const auto& f : done->found.findings) write_finding(f, out);
  out.print("{} sequences of {} are in {}: {}, {} bytes copied, {} shared; the old log is as it was\n",
            count_text(done->sequences.size()), options.directory, options.made, segments_text(done->segments),
            count_text(done->bytes_copied), count_text(done->bytes_shared));
  return exit_code::fine;
}

}  // namespace

action set_up_upgrade(CLI::App& app) {
  const auto options = std::make_shared<upgrade_verb_options>();
  add_directory(app, options->directory);
  app.add_option("NEW", options->made, "The new log's directory, which must not be there")
      ->required()
      ->check(path_with_a_name())
      ->option_text(" ");
  app.add_flag("--reflink", options->reflink, "Share blocks with the old log where the file system can (btrfs, xfs)");
  add_json(app, options->json);
  set_footer(
      app,
      "  varve upgrade orders orders.new && mv orders orders.old && mv orders.new orders\n"
      "The old log must be closed, or its writer dead; it is not changed. Everything keeps its sequence, type, time and\n"
      "batch. What opening the old log would cut or make abandoned is named.\n");
  return [options](output& out) { return upgrade_log(*options, out); };
}

}  // namespace varve::cli
