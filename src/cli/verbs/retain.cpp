// SPDX-License-Identifier: MIT
//
// varve retain - drop the oldest segments by rules, or say what would go, and why.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log.hpp>
#include <varve/log_view.hpp>

#include "cli/failure.hpp"
#include "cli/findings.hpp"
#include "cli/json.hpp"
#include "cli/next_open.hpp"
#include "cli/opening.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct retain_options {
  std::string directory;
  retention_rules rules;
  std::uint64_t max_age_us = 0;
  bool dry_run = false, yes = false, json = false;
};

struct outcome {
  std::vector<retention_verdict> verdicts;
  std::optional<recovery_report> found{};  // unless it was a dry run
  std::string trouble{};                   // of the next open, which a dry run foretells
};

void write_json(const retain_options& options, const outcome& o, output& out) {
  nlohmann::ordered_json report;
  add_bytes(report, "directory", "directory_base64", options.directory);
  report["dry_run"] = options.dry_run;
  auto& segments = report["segments"] = nlohmann::ordered_json::array();
  for (const auto& v : o.verdicts) {
    segments.push_back(
        {{"number", v.segment},
         {"sequences", v.sequences.size() == 0 ? nlohmann::ordered_json{}
                                               : sequences_json(v.sequences.first.value, v.sequences.end.value - 1)},
         {"bytes", v.bytes},
         {"goes", v.goes},
         {"reason", text_of(v.reason)}});
  }
  report["would_refuse"] = !o.trouble.empty();
  report["recovery"] = o.found ? recovery_json(*o.found) : nlohmann::ordered_json{};
  out.write(one_line(report));
}

void write_text(const retain_options& options, const outcome& o, output& out) {
  std::uint64_t bytes = 0, segments = 0;
  for (const auto& v : o.verdicts) {
    out.print("segment {} from sequence {}: {}, {}\n", v.segment, v.sequences.first.value,
              v.goes ? (options.dry_run ? "would go" : "went") : "stays", text_of(v.reason));
    bytes += v.goes ? v.bytes : 0;
    segments += v.goes ? 1 : 0;
  }
  out.print("{} of {} segments {}, {}\n", segments, o.verdicts.size(), options.dry_run ? "would go" : "went",
            size_text(bytes));
  if (!o.trouble.empty()) out.print("it would refuse now: {}\n", o.trouble);
}

outcome foretell(const retain_options& options, const retention_rules& rules) {
  const log_view view = open_to_read(options.directory);
  return {.verdicts = take(view.plan_retention(rules)), .trouble = trouble_of_next_open(take(view.describe()))};
}

outcome carry_out(const retain_options& options, const retention_rules& rules) {
  outcome o;
  o.found = change_log({.directory = options.directory, .verb = "retain", .json = options.json},
                       [&](log& opened) { o.verdicts = take(opened.retain(rules)); });
  return o;
}

exit_code retain(const retain_options& options, output& out) {
  if (!options.dry_run && !options.yes)
    throw usage_failure("usage", "this drops records; say --dry-run to see which, or --yes to do it");
  auto rules = options.rules;
  rules.max_age = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::microseconds{options.max_age_us});
  const outcome o = options.dry_run ? foretell(options, rules) : carry_out(options, rules);
  if (options.json) {
    write_json(options, o, out);
  } else {
    write_text(options, o, out);
  }
  return o.trouble.empty() ? exit_code::fine : exit_code::findings;
}

}  // namespace

action set_up_retain(CLI::App& app) {
  const auto options = std::make_shared<retain_options>();
  constexpr std::uint64_t most = std::uint64_t{1} << 62;
  add_directory(app, options->directory);
  app.add_option("--max-bytes", options->rules.max_bytes, "Keep no more than this, in whole segments [no limit]")
      ->transform(size_between(1, most, 1))
      ->option_text("SIZE");
  app.add_option("--max-age", options->max_age_us, "Keep no segment whose newest record is older [no limit]")
      ->transform(duration_between(std::chrono::seconds{1}, std::chrono::hours{24 * 36500}, std::chrono::seconds{1}))
      ->option_text("TIME");
  app.add_option("--max-segments", options->rules.max_segments, "Keep no more segments than this [no limit]")
      ->transform(number_between(1, most))
      ->option_text("N");
  app.add_option("--keep-records", options->rules.keep_records, "Keep at least so many of the newest records [0]")
      ->transform(number_between(0, most))
      ->option_text("N");
  app.add_flag("--keep-for-readers", options->rules.keep_for_readers, "Keep what others read just now");
  app.add_flag("--dry-run", options->dry_run, "Only say what would go, and why");
  app.add_flag("--yes", options->yes, "Really do it");
  add_json(app, options->json);
  set_footer(app,
             "  varve retain orders --max-bytes 10GiB --dry-run\n"
             "  varve retain orders --max-age 7d --keep-records 1000 --yes\n"
             "--dry-run only reads, also beside a writer. --yes needs the log for itself, and never cuts a torn end: where\n"
             "recovery would have to, it answers 4, and varve recover comes first; then --dry-run says so and answers 1.\n");
  return [options](output& out) { return retain(*options, out); };
}

}  // namespace varve::cli
