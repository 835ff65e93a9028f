// SPDX-License-Identifier: MIT
//
// varve backup - copy a log as it is at one moment, also while it is written.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/backup.hpp>

#include "cli/failure.hpp"
#include "cli/json.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "cli/sizes.hpp"
#include "cli/temporary_directory.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct backup_verb_options {
  std::string directory, to;
  bool reflink = false, json = false;
};

failure why(const error& e, const std::string& to) {
  return e.code() == errc::bad_option ? exists_failure(to) : failure_to_read(e);
}

void write_json(const backup_verb_options& options, const backup_report& r, output& out) {
  nlohmann::ordered_json report;
  add_bytes(report, "directory", "directory_base64", options.directory);
  add_bytes(report, "to", "to_base64", options.to);
  report["sequences"] = r.sequences.size() == 0 ? nlohmann::ordered_json{}
                                                : sequences_json(r.sequences.first.value, r.sequences.end.value - 1);
  report["next"] = r.sequences.end.value;
  report["segments"] = r.segments;
  report["bytes_copied"] = r.bytes_copied;
  report["bytes_shared"] = r.bytes_shared;
  out.write(one_line(report));
}

exit_code back_up(const backup_verb_options& options, output& out) {
  progress line;
  const auto on_progress = [&](const recovery_progress& p) {
    line.tick([&] { return fmt::format("copying: {} of {}", size_text(p.bytes_done), size_text(p.bytes_total)); });
  };
  remove_dead_partials(options.to);
  ending_signals signals;
  const auto keep_going = [&] { return signals.take() == 0; };
  const auto done = backup(options.directory, options.to,
                           {.reflink = options.reflink, .on_progress = on_progress, .keep_going = keep_going});
  line.erase();
  if (!done && done.error().code() == errc::cancelled) throw signal_failure(signals.take(), options.to);
  if (!done) throw why(done.error(), options.to);
  if (options.json) {
    write_json(options, *done, out);
    return exit_code::fine;
  }
  out.print("{} records of {} are in {}: {}, {} bytes copied, {} shared\n", count_text(done->sequences.size()),
            options.directory, options.to, segments_text(done->segments), count_text(done->bytes_copied),
            count_text(done->bytes_shared));
  return exit_code::fine;
}

}  // namespace

action set_up_backup(CLI::App& app) {
  const auto options = std::make_shared<backup_verb_options>();
  add_directory(app, options->directory);
  app.add_option("TO", options->to, "The directory to make, which must not be there")
      ->required()
      ->check(path_with_a_name())
      ->option_text(" ");
  app.add_flag("--reflink", options->reflink, "Share blocks with the log where the file system can (btrfs, xfs)");
  add_json(app, options->json);
  set_footer(
      app,
      "  varve backup orders backups/monday\n"
      "The copy is a closed log of its own: all that is durable when it begins. The log is not disturbed. It grows as\n"
      "TO.partial-*, which the first SIGINT, SIGTERM or SIGHUP removes, and what was killed is removed by the next.\n");
  return [options](output& out) { return back_up(*options, out); };
}

}  // namespace varve::cli
