// SPDX-License-Identifier: MIT
//
// varve archive - have verified copies of all sealed segments in another directory. varve expand - make a log of them.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log.hpp>

#include "cli/archive_option.hpp"
#include "cli/failure.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/progress.hpp"
#include "cli/sizes.hpp"
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
  sequence end;  // of what was archived last
};

/// Counts what the archiver says, and lets somebody wait for it.
class witness {
 public:
  explicit witness(archive_hooks hooks) : hooks_(std::move(hooks)) {}

  [[nodiscard]] archive_hooks hooks() {
    return {.sealed = [this](const sealed_segment& s) {
      const bool safe = hooks_.sealed(s);
      const std::scoped_lock lock{mutex_};
      refused_ = !safe;
      if (safe) counted_ = {counted_.segments + 1, counted_.bytes + s.used_bytes, s.sequences.end};
      changed_.notify_all();
      return safe;
    }};
  }

  /// False if a segment was refused before everything up to `end` was taken.
  bool wait_for(sequence end, progress& line) {
    std::unique_lock lock{mutex_};
    while (!refused_ && counted_.end < end) {
      changed_.wait_for(lock, std::chrono::milliseconds{100});
      line.tick([&] { return fmt::format("archiving: {} segments, {}", counted_.segments, size_text(counted_.bytes)); });
    }
    return !refused_;
  }
  [[nodiscard]] tally counted() {
    const std::scoped_lock lock{mutex_};
    return counted_;
  }

 private:
  archive_hooks hooks_;
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  tally counted_;
  bool refused_ = false;
};

/// Where the newest sealed segment ends; an open has sealed all but the one that takes appends.
sequence sealed_end(const log& opened) {
  const auto segments = take(opened.plan_retention({}));
  return segments.size() < 2 ? opened.first_sequence() : segments[segments.size() - 2].sequences.end;
}

void write_report(const archive_options& options, const tally& t, sequence archived, sequence published, output& out) {
  if (!options.json) {
    out.print("{} segments of {} went to {}, {}; {} records are not in a sealed segment yet\n", count_text(t.segments),
              options.directory, options.to, size_text(t.bytes), count_text(published.value - archived.value));
    return;
  }
  nlohmann::ordered_json report;
  add_bytes(report, "directory", "directory_base64", options.directory);
  add_bytes(report, "to", "to_base64", options.to);
  report["segments"] = t.segments;
  report["bytes"] = t.bytes;
  report["archived"] = archived.value;
  report["published"] = published.value;
  out.write(one_line(report));
}

exit_code archive(const archive_options& options, output& out) {
  const archiver keeper = open_archive(options.to, options.level);
  witness seen{keeper.hooks()};
  log_options settings;
  settings.create = false;
  settings.spare_segments = 0;  // nobody is going to append
  settings.archive = seen.hooks();
  log opened = open_to_write(options.directory, settings);
  progress line;
  const sequence end = sealed_end(opened);
  const bool done = opened.archived_sequence() + 1 >= end || seen.wait_for(end, line);
  line.erase();
  check(opened.close());  // it also makes the last position durable
  if (const auto why = keeper.failure(); !done && why) throw failure_of(*why);
  write_report(options, seen.counted(), opened.archived_sequence(), opened.published_sequence(), out);
  return exit_code::fine;
}

struct expand_options {
  std::string from, to;
  bool json = false;
};

exit_code expand(const expand_options& options, output& out) {
  const auto done = expand_archive(options.from, options.to);
  if (!done && done.error().code() == errc::bad_option) throw exists_failure(options.to);
  if (!done) throw failure_to_read(done.error());
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

archiver open_archive(const std::string& directory, int level) {
  auto opened = archiver::open(directory, {.compression_level = level});
  if (!opened) throw failure_of(opened.error());
  return std::move(*opened);
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
             "The log must have no other writer. What it has archived before, wherever that was, is not looked at again.\n");
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
