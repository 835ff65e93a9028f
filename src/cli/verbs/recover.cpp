// SPDX-License-Identifier: MIT
//
// varve recover - open a log and close it again, and say what was found and done; or what would be done.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log.hpp>
#include <varve/log_view.hpp>

#include "cli/failure.hpp"
#include "cli/findings.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/progress.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

const std::map<std::string, recovery_mode> modes = {{"prefix", recovery_mode::prefix}, {"strict", recovery_mode::strict}};

struct recover_options {
  std::string directory, mode = "prefix";
  std::uint32_t threads = 1;
  bool accept_loss = false, verify = false, dry_run = false, json = false;
};

bool any_damage(const recovery_report& r) {
  return std::ranges::any_of(r.findings, [](const auto& f) { return f.kind() == finding_kind::damage; });
}

recovery_report recover_log(const recover_options& options, const std::function<void(const recovery_progress&)>& tell) {
  log_options settings;
  settings.create = false;
  settings.spare_segments = 0;  // nobody is going to append
  settings.recovery = options.accept_loss ? recovery_mode::accept_loss : modes.at(options.mode);
  settings.recovery_threads = options.threads;
  settings.verify_at_open = options.verify;
  settings.on_progress = tell;
  log opened = open_to_write(options.directory, settings);
  const recovery_report report = opened.recovery();
  check(opened.close());
  return report;
}

/// Every byte is read, so it may find damage that an open would not meet.
recovery_report foretell(const recover_options& options, const std::function<void(const recovery_progress&)>& tell) {
  const auto mode = options.accept_loss ? recovery_mode::accept_loss : modes.at(options.mode);
  auto report = verify(options.directory, {}, {.threads = options.threads, .recovery = mode, .on_progress = tell});
  if (!report) throw failure_to_read(report.error());
  return std::move(*report);
}

exit_code recover(const recover_options& options, output& out) {
  progress line;
  const auto tell = [&line](const recovery_progress& p) {
    line.tick([&p] { return fmt::format("checking: {} of {}", size_text(p.bytes_done), size_text(p.bytes_total)); });
  };
  const recovery_report report = options.dry_run ? foretell(options, tell) : recover_log(options, tell);
  line.erase();
  if (options.json) {
    nlohmann::ordered_json j;
    add_bytes(j, "directory", "directory_base64", options.directory);
    j["dry_run"] = options.dry_run;
    add_report(j, report);
    j["indexes_rebuilt"] = options.dry_run ? nlohmann::ordered_json{} : nlohmann::ordered_json(report.indexes_rebuilt);
    j["recovery"] = options.dry_run ? nlohmann::ordered_json{} : recovery_json(report);
    out.write(one_line(j));
  } else {
    write_findings(report, out);
    if (report.clean) out.print("the log had been closed\n");
    if (report.indexes_rebuilt != 0) out.print("{} indexes made again\n", count_text(report.indexes_rebuilt));
  }
  return any_damage(report) ? exit_code::findings : exit_code::fine;
}

}  // namespace

action set_up_recover(CLI::App& app) {
  const auto options = std::make_shared<recover_options>();
  add_directory(app, options->directory);
  auto* const mode =
      app.add_option("--mode", options->mode, "prefix cuts a torn end; strict refuses instead, and changes nothing [prefix]")
          ->check(CLI::IsMember(modes))
          ->option_text("MODE");
  app.add_flag("--accept-loss", options->accept_loss,
               "Go on without records that are missing or damaged; the others keep their sequences")
      ->excludes(mode);
  app.add_flag("--verify", options->verify, "Check every byte first, and refuse if any is damaged");
  add_threads(app, options->threads);
  app.add_flag("--dry-run", options->dry_run, "Only say what would be done, and what is damaged; every byte is read");
  add_json(app, options->json);
  set_footer(
      app,
      "  varve recover orders --dry-run\n"
      "  varve recover orders --mode strict --verify --threads 0\n"
      "A log that is incomplete or damaged is refused, with 4. --accept-loss goes on without what is lost: readers answer\n"
      "damaged for it, and files that are changed or left out are kept in DIR/set-aside-TIME. Salvage first: it reads\n"
      "more, and changes nothing.\n");
  return [options](output& out) { return recover(*options, out); };
}

}  // namespace varve::cli
