// SPDX-License-Identifier: MIT
//
// varve append - append records from a file or from standard input.
//
// Whatever happens on the way, the report counts exactly what was appended, and comes before the error.

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log.hpp>

#include "cli/appender.hpp"
#include "cli/archive_option.hpp"
#include "cli/durability_option.hpp"
#include "cli/failure.hpp"
#include "cli/findings.hpp"
#include "cli/input.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/progress.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"
#include "cli/waiting_queue.hpp"

namespace varve::cli {
namespace {

using clock = std::chrono::steady_clock;

const std::map<std::string, split> splits = {
    {"lines", split::lines}, {"whole", split::whole}, {"jsonl", split::jsonl}, {"length-prefixed", split::length_prefixed}};

struct append_verb_options {
  std::string directory, file = "-", split_name = "lines";
  durability_options durability;
  std::size_t threads = 1, batch = 1;
  std::uint16_t type = 0;
  std::string archive;  // empty: none
  int compression_level = 0;
  std::uint64_t record_bytes_max = std::uint64_t{256} << 20;
  bool json = false;
};

struct outcome {
  recovery_report found;
  tally counted;
  double append_seconds = 0, close_seconds = 0;
  bool closed = false;
  int signal = 0;  // that ended the input; 0 if none did
  std::uint64_t incomplete_bytes = 0;
};

double seconds_since(clock::time_point start) { return std::chrono::duration<double>(clock::now() - start).count(); }

std::string progress_text(const input& in, clock::time_point start) {
  const double done = static_cast<double>(in.bytes_read()) / 1e6;
  std::string total;
  if (const auto bytes = in.bytes_total()) total = fmt::format(" of {:.1f}", static_cast<double>(*bytes) / 1e6);
  return fmt::format("appending: {:.1f}{} MB, {:.1f} MB/s", done, total, done / seconds_since(start));
}

// JSON takes up to six characters for a byte; more than that cannot become a record.
std::uint64_t input_record_bytes_max(const append_plan& plan) {
  return plan.by == split::jsonl ? 6 * plan.record_bytes_max + 4096 : plan.record_bytes_max;
}

// The order of the input is the order of the sequences.
tally append_in_order(log& target, const append_plan& plan, input& in) {
  appender worker(target, plan);
  block b;
  progress line;
  const clock::time_point start = clock::now();
  if (plan.by == split::whole) {
    if (in.read_all(b, plan.record_bytes_max)) worker.take(b);
    return worker.counted();
  }
  tally counted;
  try {
    while (in.next(b, input_record_bytes_max(plan)) && worker.take(b)) {
      line.tick([&] { return progress_text(in, start); });
    }
    counted = worker.counted();
  } catch (const failure& f) {
    counted = worker.counted();
    counted.failed = f;
  }
  return counted;
}

// A fixed number of blocks goes round: this thread fills them, the workers append and hand them back. The order within a
// block is kept, that of blocks is not.
tally append_beside_each_other(log& target, const append_plan& plan, input& in, std::size_t threads) {
  waiting_queue<std::unique_ptr<block>> empty, filled;
  for (std::size_t i = 0; i < 2 * threads; ++i) empty.push(std::make_unique<block>());

  std::vector<appender> workers(threads, appender(target, plan));
  std::stop_source stop;  // the first failure ends it all
  tally counted;
  {
    std::vector<std::jthread> running;
    running.reserve(threads);
    struct closer {
      waiting_queue<std::unique_ptr<block>>& queue;
      ~closer() { queue.close(); }
    } const close_before_joining{filled};
    for (appender& worker : workers) {
      running.emplace_back([&empty, &filled, &stop, &worker] {
        while (auto b = filled.pop()) {
          if (!stop.stop_requested() && !worker.take(**b)) stop.request_stop();
          empty.push(std::move(*b));
        }
      });
    }
    progress line;
    const clock::time_point start = clock::now();
    try {
      while (auto b = empty.pop()) {
        if (stop.stop_requested() || !in.next(**b, input_record_bytes_max(plan))) break;
        filled.push(std::move(*b));
        line.tick([&] { return progress_text(in, start); });
      }
    } catch (const failure& f) {
      counted.failed = f;
      counted.failed_number = std::numeric_limits<std::uint64_t>::max();  // behind all that the workers have
    }
  }
  for (const appender& worker : workers) counted.merge(worker.counted());
  return counted;
}

log open_log(const append_verb_options& options, const durability& policy, const std::optional<archiver>& keeper) {
  log_options settings;
  if (keeper) settings.archive = keeper->hooks();
  settings.durability = policy;
  progress line;
  settings.on_progress = [&line](const recovery_progress& p) {
    line.tick([&p] { return fmt::format("recovering: {} of {}", size_text(p.bytes_done), size_text(p.bytes_total)); });
  };
  return open_to_write(options.directory, settings);
}

void write_text(const outcome& o, output& out) {
  const tally& t = o.counted;
  out.print("appended {} records", count_text(t.records));
  if (t.records != 0) out.print(", sequences {} to {}", t.first, t.last);
  if (t.records != 0 && t.last - t.first + 1 != t.records) out.write(" (not all of them)");
  const double per_second = static_cast<double>(t.records) / o.append_seconds;
  const double megabytes = static_cast<double>(t.bytes) / 1e6;
  out.print("\n{:.3f} s: {} records/s, {:.1f} MB/s; {} in {:.3f} s more\n", o.append_seconds,
            count_text(static_cast<std::uint64_t>(per_second)), megabytes / o.append_seconds,
            o.closed ? "closed, and so durable," : "closing failed", o.close_seconds);
  if (t.unsure != 0) out.print("{} records more may have been published, but are not durable\n", t.unsure);
  if (o.signal != 0) out.print("ended by signal {}", o.signal);
  if (o.incomplete_bytes != 0) out.print("; {} bytes of an incomplete record left out", count_text(o.incomplete_bytes));
  if (o.signal != 0) out.write("\n");
}

void write_json(const outcome& o, output& out) {
  using nlohmann::ordered_json;
  const tally& t = o.counted;
  out.write(one_line({{"records", t.records},
                      {"bytes", t.bytes},
                      {"sequences", t.records == 0 ? ordered_json{} : sequences_json(t.first, t.last)},
                      {"unsure", t.unsure},
                      {"seconds", o.append_seconds},
                      {"closed", o.closed},
                      {"close_seconds", o.close_seconds},
                      {"records_per_second", static_cast<double>(t.records) / o.append_seconds},
                      {"megabytes_per_second", static_cast<double>(t.bytes) / 1e6 / o.append_seconds},
                      {"stepped_over", o.found.stepped_over},
                      {"cut_bytes", o.found.cut_bytes},
                      {"cut_records", o.found.cut_records},
                      {"recovery", recovery_json(o.found)},
                      {"signal", o.signal == 0 ? ordered_json{} : ordered_json(o.signal)},
                      {"incomplete_bytes", o.incomplete_bytes}}));
}

exit_code append(const append_verb_options& options, output& out) {
  const durability policy = durability_of(options.durability);
  const split by = splits.at(options.split_name);
  input in(options.file, framing_of(by));  // first: a wrong file name must not leave an empty log behind
  std::optional<archiver> keeper;
  if (!options.archive.empty()) keeper = open_archive(options.archive, options.compression_level, options.directory);
  log target = open_log(options, policy, keeper);
  if (!options.json) tell_recovery(target.recovery(), "append");
  in.end_at_signal();  // not before: a signal ends a long recovery at once
  const append_plan plan{.by = by,
                         .batch_records = options.batch,
                         .type = options.type,
                         .record_bytes_max = options.record_bytes_max,
                         .input_name = in.name()};
  outcome o;
  o.found = target.recovery();
  clock::time_point start = clock::now();
  o.counted = options.threads == 1 || plan.by == split::whole ? append_in_order(target, plan, in)
                                                              : append_beside_each_other(target, plan, in, options.threads);
  o.append_seconds = std::max(seconds_since(start), 1e-9);
  start = clock::now();
  const result<void> closed = target.close();
  o.close_seconds = seconds_since(start);
  o.closed = closed.has_value();
  o.signal = in.ended_by();
  o.incomplete_bytes = in.incomplete_bytes();

  if (options.json) {
    write_json(o, out);
  } else {
    write_text(o, out);
  }
  if (o.counted.failed) throw failure(*o.counted.failed);
  check(closed);
  if (keeper && keeper->failure()) throw failure_of(*keeper->failure());
  return o.signal == 0 ? exit_code::fine : exit_code_of_signal(o.signal);
}

// What a log is made with; append makes one with the defaults.
void refuse_settings(CLI::App& app) {
  for (const std::string name : {"--segment-size", "--checksum", "--version-info", "--times"}) {
    const auto refuse = [name](const std::vector<std::string>&) {
      throw CLI::ValidationError(name, "a log gets this when it is made; use varve create first");
    };
    app.add_option_function<std::vector<std::string>>(name, refuse)->expected(0, 1)->group("");  // not in the help
  }
}

}  // namespace

action set_up_append(CLI::App& app) {
  const auto options = std::make_shared<append_verb_options>();
  add_directory(app, options->directory);
  app.add_option("--file", options->file, "What to read; - is standard input [-]")
      ->check(path_with_a_name())
      ->option_text("F");
  app.add_option("--split", options->split_name,
                 "A record is: one of the lines, the whole input, a line of JSON as cat prints it, or four bytes of length, "
                 "little-endian, and as many bytes [lines]")
      ->check(CLI::IsMember(splits))
      ->option_text("lines|whole|jsonl|length-prefixed");
  add_durability(app, options->durability);
  app.add_option("--threads", options->threads, "Append from so many threads; only one keeps the order of the input [1]")
      ->transform(number_between(1, 1024))
      ->option_text("N");
  app.add_option("--batch", options->batch, "Append up to so many records at once, all or nothing [1]")
      ->transform(number_between(1, 1'000'000))
      ->option_text("N");
  app.add_option("--max-record", options->record_bytes_max,
                 "A longer record ends it before it fills the memory: 1 byte to 4 GiB less 4120 bytes [256MiB]")
      ->transform(size_between(1, (std::uint64_t{4} << 30) - 4120, 1))
      ->option_text("SIZE");
  app.add_option("--type", options->type, "Tag of the records, where JSON brings none: 0 to 65535 [0]")
      ->transform(number_between(0, 65535))
      ->option_text("T");
  CLI::Option* const archive =
      app.add_option("--archive", options->archive, "Keep copies of sealed segments in this archive")
          ->check(path_with_a_name())
          ->option_text("TO");
  add_compression(app, options->compression_level)->needs(archive);
  refuse_settings(app);
  add_json(app, options->json);
  set_footer(app,
             "  varve append orders --file orders.txt --batch 100\n"
             "  journalctl -o json -f | varve append journal --durability periodic --interval 100ms\n"
             "The log is created if nothing is there. A newline ends a record and is not part of it.\n"
             "The first SIGINT, SIGTERM or SIGHUP ends the input: complete records are appended, the log is closed, and\n"
             "the report is printed. The second ends varve at once. Killing it is always safe: what was appended stays.\n");
  return [options](output& out) { return append(*options, out); };
}

}  // namespace varve::cli
