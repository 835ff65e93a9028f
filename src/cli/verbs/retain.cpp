// SPDX-License-Identifier: MIT
//
// varve retain - drop the oldest segments by rules, or say what would go, and why.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

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

struct retain_options {
  std::string directory;
  retention_rules rules;
  std::uint64_t max_age_us = 0;
  bool dry_run = false, yes = false, json = false;
};

void write_json(const retain_options& options, const std::vector<retention_verdict>& verdicts, output& out) {
  nlohmann::ordered_json report;
  add_bytes(report, "directory", "directory_base64", options.directory);
  report["dry_run"] = options.dry_run;
  auto& segments = report["segments"] = nlohmann::ordered_json::array();
  for (const auto& v : verdicts) {
    segments.push_back(
        {{"number", v.segment},
         {"sequences", v.sequences.size() == 0 ? nlohmann::ordered_json{}
                                               : sequences_json(v.sequences.first.value, v.sequences.end.value - 1)},
         {"bytes", v.bytes},
         {"goes", v.goes},
         {"reason", text_of(v.reason)}});
  }
  out.write(one_line(report));
}

void write_text(const retain_options& options, const std::vector<retention_verdict>& verdicts, output& out) {
  std::uint64_t bytes = 0, segments = 0;
  for (const auto& v : verdicts) {
    out.print("segment {} from sequence {}: {}, {}\n", v.segment, v.sequences.first.value,
              v.goes ? (options.dry_run ? "would go" : "went") : "stays", text_of(v.reason));
    bytes += v.goes ? v.bytes : 0;
    segments += v.goes ? 1 : 0;
  }
  out.print("{} of {} segments {}, {}\n", segments, verdicts.size(), options.dry_run ? "would go" : "went",
            size_text(bytes));
}

exit_code retain(const retain_options& options, output& out) {
  if (!options.dry_run && !options.yes)
    throw usage_failure("usage", "this drops records; say --dry-run to see which, or --yes to do it");
  log_options settings;
  settings.create = false;
  settings.spare_segments = 0;  // nobody is going to append
  log opened = open_to_write(options.directory, settings);
  auto rules = options.rules;
  rules.max_age = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::microseconds{options.max_age_us});
  const auto verdicts = take(options.dry_run ? opened.plan_retention(rules) : opened.retain(rules));
  check(opened.close());
  if (options.json) {
    write_json(options, verdicts, out);
  } else {
    write_text(options, verdicts, out);
  }
  return exit_code::fine;
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
             "  varve retain orders --max-age 7d --keep-records 1000 --yes\n");
  return [options](output& out) { return retain(*options, out); };
}

}  // namespace varve::cli
