// SPDX-License-Identifier: MIT
//
// varve archive - have verified copies of all sealed segments in another directory. varve expand - make a log of them.

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log.hpp>

#include "cli/archive_option.hpp"
#include "cli/failure.hpp"
#include "cli/findings.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "cli/sizes.hpp"
#include "cli/temporary_directory.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct archive_options {
  std::string directory, to;
  int level = 0;
  bool json = false;
};

struct tally {
  std::uint64_t segments = 0, bytes = 0;
};

/// All sealed segments that the log has, also those that were archived before: another archive, or one that has lost a copy,
/// gets them, and what is there is compared.
tally take_all(const archive_options& options, const archiver& keeper) {
  const log_view view = open_to_read(options.directory);
  const auto keep = keeper.hooks().sealed;
  progress line;
  tally counted;
  for (const auto& s : take(view.segments())) {
    if (s.state != segment_description::state::sealed) continue;
    line.tick([&] { return fmt::format("archiving: {}, {}", segments_text(counted.segments), size_text(counted.bytes)); });
    const bool done = keep({.number = s.number,
                            .directory = options.directory,
                            .path = {},
                            .sequences = s.sequences,
                            .used_bytes = s.used_bytes});
    if (!done) throw failure_of(*keeper.failure());
    ++counted.segments;
    counted.bytes += s.used_bytes;
  }
  return counted;
}

struct outcome {
  recovery_report found;
  tally counted{};
  sequence archived{}, published{};
};

void write_report(const archive_options& options, const outcome& o, output& out) {
  const tally& t = o.counted;
  const std::string rest = count_text(o.published.value - o.archived.value);
  if (!options.json && t.segments == 0) {
    out.print(
        "nothing is in {} yet: no segment of {}, which has {} records, is complete; varve backup copies a log as it is\n",
        options.to, options.directory, rest);
    return;
  }
  if (!options.json) {
    out.print("{} of {} {} in {}, {}; {} records are in none of them yet\n", segments_text(t.segments), options.directory,
              t.segments == 1 ? "is" : "are", options.to, size_text(t.bytes), rest);
    return;
  }
  nlohmann::ordered_json report;
  add_bytes(report, "directory", "directory_base64", options.directory);
  add_bytes(report, "to", "to_base64", options.to);
  report["segments"] = t.segments;
  report["bytes"] = t.bytes;
  report["archived"] = o.archived.value;
  report["published"] = o.published.value;
  report["recovery"] = recovery_json(o.found);
  out.write(one_line(report));
}

/// Lets the log hand out its segments, so that it knows how far it is archived.
void tell_log(log& opened, const archiver& keeper) {
  const auto segments = take(opened.plan_retention({}));  // all but the last one are sealed
  const sequence end = segments.size() < 2 ? opened.first_sequence() : segments[segments.size() - 2].sequences.end;
  while (opened.archived_sequence() + 1 < end) {
    if (const auto why = keeper.failure()) throw failure_of(*why);
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
}

exit_code archive(const archive_options& options, output& out) {
  log_to_change what{.directory = options.directory, .verb = "archive", .json = options.json};
  // An archive that is there must be this log's, before anything is changed; and the log must be one that may be changed,
  // before a directory is made for a new archive.
  std::optional<archiver> keeper;
  if (std::filesystem::exists(options.to)) {
    static_cast<void>(open_to_read(options.directory));
    keeper.emplace(open_archive(options.to, options.level, options.directory));
  }
  outcome o{.found = change_log(what, [](log&) {})};  // recovered, and what has ended is sealed
  after_recovery(o.found, [&] {
    if (!keeper) keeper.emplace(open_archive(options.to, options.level, options.directory));
    o.counted = take_all(options, *keeper);
    what.archive = keeper->hooks();
    change_log(what, [&](log& opened) {
      tell_log(opened, *keeper);
      o.archived = opened.archived_sequence();
      o.published = opened.published_sequence();
    });
  });
  write_report(options, o, out);
  return exit_code::fine;
}

struct expand_options {
  std::string from, to;
  bool json = false;
};

failure why_not(const error& e) {
  failure f = failure_to_read(e);
  if (e.code() == errc::not_found)
    f.message = fmt::format(
        "{}: there is no archive here, or nothing in it yet; the first segment that is complete makes one", f.path);
  return f;
}

exit_code expand(const expand_options& options, output& out) {
  remove_dead_partials(options.to);
  ending_signals signals;
  const auto done = expand_archive(options.from, options.to, [&] { return signals.take() == 0; });
  if (!done && done.error().code() == errc::cancelled) throw signal_failure(signals.take(), options.to);
  if (!done && done.error().code() == errc::bad_option) throw exists_failure(options.to);
  if (!done) throw why_not(done.error());
  if (!options.json) {
    out.print("{} records of the archive {} are in {}\n", count_text(done->size()), options.from, options.to);
    return exit_code::fine;
  }
  nlohmann::ordered_json report;
  add_bytes(report, "directory", "directory_base64", options.from);
  add_bytes(report, "to", "to_base64", options.to);
  report["sequences"] =
      done->size() == 0 ? nlohmann::ordered_json{} : sequences_json(done->first.value, done->end.value - 1);
  report["next"] = done->end.value;
  out.write(one_line(report));
  return exit_code::fine;
}

}  // namespace

CLI::Option* add_compression(CLI::App& app, int& level) {
  return app.add_option("--compress", level, "Compress the copies, by zstd: 1 is fast, 19 is small [not at all]")
      ->transform(number_between(1, 19))
      ->option_text("LEVEL");
}

archiver open_archive(const std::string& directory, int level, const std::string& log) {
  auto opened = archiver::open(directory, {.compression_level = level});
  if (!opened) throw failure_of(opened.error());
  const auto owned = opened->check_owner(log);
  if (owned) return std::move(*opened);
  failure f = failure_of(owned.error());
  if (f.path == directory)
    f.message = fmt::format("{}: this is the archive of another log than {}; choose another directory", directory, log);
  throw failure(f);
}

action set_up_archive(CLI::App& app) {
  const auto options = std::make_shared<archive_options>();
  add_directory(app, options->directory);
  app.add_option("TO", options->to, "The archive's directory; made if nothing is there")
      ->required()
      ->check(path_with_a_name())
      ->option_text(" ");
  add_compression(app, options->level);
  add_json(app, options->json);
  set_footer(app,
             "  varve archive orders archive --compress 3\n"
             "The log must have no other writer. What the archive has already is compared. It never cuts a torn end: where\n"
             "recovery would have to, it answers 4, and varve recover comes first.\n");
  return [options](output& out) { return archive(*options, out); };
}

action set_up_expand(CLI::App& app) {
  const auto options = std::make_shared<expand_options>();
  app.add_option("DIR", options->from, "The archive's directory")->required()->check(path_with_a_name())->option_text(" ");
  app.add_option("TO", options->to, "The directory to make, which must not be there")
      ->required()
      ->check(path_with_a_name())
      ->option_text(" ");
  add_json(app, options->json);
  set_footer(app, "  varve expand archive restored\n");
  return [options](output& out) { return expand(*options, out); };
}

}  // namespace varve::cli
