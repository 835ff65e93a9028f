// SPDX-License-Identifier: MIT
//
// varve bench - how fast a log is on this machine and in this directory.
//
// Only scratch logs are touched, in a directory of their own that is removed again, by a signal as well.

#include "cli/verbs/bench.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>

#include <varve/log_view.hpp>

#include "cli/failure.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"
#include "cli/verbs/bench_run.hpp"

namespace varve::cli {
namespace {

constexpr std::uint64_t usual_bytes = std::uint64_t{64} << 20;

struct bench_options {
  std::string directory = ".";
  std::uint64_t bytes = 0;  // 0: not named
  std::vector<std::size_t> threads = {1, 2, 4};
  bool json = false;
};

// A log's directory is its own; nothing is put there.
void refuse_log(const std::string& directory) {
  const result<log_view> there = log_view::open(directory);
  const errc code = there ? errc{} : there.error().code();
  if (!there && (code == errc::not_found || code == errc::not_a_log)) return;
  failure f;
  f.code = "exists";
  f.message = fmt::format(
      "{}: a log is here, which bench does not touch; name the directory above, or another one on its "
      "file system",
      directory);
  f.path = directory;
  throw failure{f};
}

void refuse_small_disk(const std::string& directory, std::uint64_t bytes) {
  std::error_code failed;
  const std::filesystem::space_info space = std::filesystem::space(directory, failed);
  if (failed) throw system_failure("looking for free space in", directory, failed.value());
  const std::uint64_t needed = bench_disk_bytes(bytes);
  if (space.available >= needed) return;
  failure f;
  f.code = name_of(errc::no_space);
  f.message = fmt::format("{}: {} are free, but this takes up to {}; name a smaller --bytes, or a directory elsewhere",
                          directory, size_text(space.available), size_text(needed));
  f.path = directory;
  throw failure{f};
}

exit_code bench(const bench_options& options, output& out) {
  const std::uint64_t bytes = options.bytes == 0 ? usual_bytes : options.bytes;
  refuse_log(options.directory);
  refuse_small_disk(options.directory, bytes);
  // Who names an amount gets all of it.
  const bool hurries = options.bytes == 0;
  using std::chrono::seconds;
  const bench_run::limits limits{.bytes = bytes,
                                 .each = hurries ? seconds(1) : std::chrono::hours(24),
                                 .all = hurries ? seconds(40) : std::chrono::hours(24)};
  bench_report report;
  report.directory = options.directory;
  report.bytes = bytes;
  ending_signals signals;
  try {
    const scratch_directory scratch(options.directory);
    bench_run run(scratch.path(), limits, bench_steps(options.threads), signals);
    measure(run, options.threads, report);
    report.seconds = run.seconds();
  } catch (const bench_interrupted& by) {
    return exit_code_of_signal(by.signal);
  }
  if (options.json) {
    write_bench_json(report, out);
  } else {
    write_bench_text(report, out);
  }
  return exit_code::fine;
}

}  // namespace

action set_up_bench(CLI::App& app) {
  const auto options = std::make_shared<bench_options>();
  app.add_option("DIR", options->directory, "Where to measure: scratch logs are made in it, and removed [.]")
      ->check(path_with_a_name())
      ->option_text(" ");
  app.add_option("--bytes", options->bytes, "Payload in each log, without a limit on time [64MiB, and about 40 s]")
      ->transform(size_between(std::uint64_t{64} << 10, std::uint64_t{1} << 40, 1))
      ->option_text("SIZE");
  app.add_option("--threads", options->threads, "Numbers of threads that append beside each other [1,2,4]")
      ->delimiter(',')
      ->allow_extra_args(false)  // what follows may be DIR
      ->transform(number_between(1, 256))
      ->option_text("N,...");
  add_json(app, options->json);
  set_footer(
      app,
      "  varve bench /var/lib/orders --bytes 1GiB --threads 1,8\n"
      "The numbers are those of this machine, directory and moment; nothing else should run. A signal ends it without a\n"
      "report, and removes the scratch logs; kill -9 leaves them, in DIR/varve-bench-*.\n");
  return [options](output& out) { return bench(*options, out); };
}

}  // namespace varve::cli
