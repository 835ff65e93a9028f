// SPDX-License-Identifier: MIT
//
// The measurements of bench. Each appends to a log of its own, and those that read share one.

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include <varve/log.hpp>
#include <varve/log_view.hpp>

#include "cli/failure.hpp"
#include "cli/opening.hpp"
#include "cli/verbs/bench.hpp"
#include "cli/verbs/bench_run.hpp"

namespace varve::cli {
namespace {

using clock = bench_run::clock;

// What is measured. Arbitrary, but the same everywhere, so that reports can be compared.
constexpr std::array<std::uint64_t, 4> record_sizes = {16, 128, 1024, 4096};
constexpr std::array<std::size_t, 2> batches = {1, 16};
constexpr std::array<std::size_t, 2> sync_threads = {1, 8};
constexpr std::size_t opens = 20, reads = 200'000, syncs = 20'000;
constexpr std::size_t steps_besides_appends = 1 + sync_threads.size() + 1 + 2 + 1 + 1;
constexpr std::uint64_t frame_header_bytes = 24, segment_bytes = std::uint64_t{64} << 20, segments_ahead = 2;

// A log is read again and again for so long.
constexpr std::chrono::milliseconds scan_at_least{250};

// How many records pass between two looks at the stop token.
constexpr std::uint64_t between_looks = 64;

std::uint64_t since(clock::time_point start) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(clock::now() - start).count());
}

// A log for one measurement.
class bench_log {
 public:
  explicit bench_log(bench_run& run) : directory_(run.new_log()), log_(open_to_write(directory_, options())) {}
  bench_log(const bench_log&) = delete;
  bench_log& operator=(const bench_log&) = delete;
  ~bench_log() {
    static_cast<void>(log_.close());
    std::error_code left;  // it goes with the scratch directory
    std::filesystem::remove_all(directory_, left);
  }

  [[nodiscard]] log& get() noexcept { return log_; }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] static log_options options() {
    return {.segment_bytes = segment_bytes, .prepared_segments = segments_ahead};
  }

 private:
  std::string directory_;
  log log_;
};

// Returns how many records were appended: `count`, unless it was stopped.
std::uint64_t append_records(log& target, std::uint64_t record_bytes, std::size_t batch, std::uint64_t count,
                             const std::stop_token& stop) {
  const std::string payload(record_bytes, 'v');
  const std::vector<std::string_view> payloads(batch, payload);
  std::uint64_t done = 0;
  for (std::uint64_t calls = 0; done < count; done += batch) {
    if (calls++ % between_looks == 0 && stop.stop_requested()) break;
    if (batch == 1) {
      static_cast<void>(take(target.append(payload)));
    } else {
      static_cast<void>(take(target.append_batch(payloads)));
    }
  }
  return done;
}

bench_report::append measure_append(bench_run& run, std::uint64_t record_bytes, std::size_t threads, std::size_t batch) {
  bench_log scratch(run);
  std::vector<std::uint64_t> done(threads);
  const std::uint64_t each = std::max<std::uint64_t>(run.bytes() / record_bytes / threads, 1);
  bench_rate rate;
  rate.seconds = run.together(fmt::format("appending {} bytes, {} threads, batches of {}", record_bytes, threads, batch),
                              threads, [&](std::size_t thread, const std::stop_token& stop) {
                                done[thread] = append_records(scratch.get(), record_bytes, batch, each, stop);
                              });
  for (const std::uint64_t records : done) rate.records += records;
  rate.bytes = rate.records * record_bytes;
  return {.record_bytes = record_bytes, .threads = threads, .batch = batch, .rate = rate};
}

// Times `step(thread)` again and again: `count` times in all.
bench_latency measure_latency(bench_run& run, const std::string& what, std::size_t threads, std::uint64_t count,
                              const std::function<void(std::size_t)>& step) {
  // Their memory is touched before, not while time is taken.
  std::vector<std::vector<std::uint64_t>> samples(threads,
                                                  std::vector<std::uint64_t>(std::max<std::uint64_t>(count / threads, 1)));
  run.together(what, threads, [&](std::size_t thread, const std::stop_token& stop) {
    std::vector<std::uint64_t>& mine = samples[thread];
    std::size_t done = 0;
    for (; done < mine.size() && !stop.stop_requested(); ++done) {
      const clock::time_point start = clock::now();
      step(thread);
      mine[done] = since(start);
    }
    mine.resize(done);
  });
  std::vector<std::uint64_t> all;
  for (const auto& mine : samples) all.insert(all.end(), mine.begin(), mine.end());
  return summary_of(all);
}

bench_latency measure_append_latency(bench_run& run) {
  bench_log scratch(run);
  const std::string payload(bench_usual_bytes, 'v');
  return measure_latency(run, "latency of appends", 1, run.bytes() / bench_usual_bytes,
                         [&](std::size_t) { static_cast<void>(take(scratch.get().append(payload))); });
}

bench_latency measure_sync(bench_run& run, std::size_t threads) {
  bench_log scratch(run);
  const std::string payload(bench_usual_bytes, 'v');
  const append_options durable{.type = 0, .durability = immediate()};
  const std::uint64_t count = std::min<std::uint64_t>(syncs, run.bytes() / bench_usual_bytes);
  return measure_latency(run, fmt::format("latency of durable appends, {} threads", threads), threads, count,
                         [&](std::size_t) { static_cast<void>(take(scratch.get().append(payload, durable))); });
}

void read_all(const log_view& view, bench_rate& rate, const std::stop_token& stop) {
  reader r = take(view.reader());
  while (const auto next = take(r.next())) {
    rate.bytes += next->payload().size();
    if (++rate.records % between_looks == 0 && stop.stop_requested()) return;
  }
}

bench_rate measure_scan(bench_run& run, const std::string& directory, bool verified) {
  const log_view view = take(log_view::open(directory, {.verify_on_read = verified}));
  bench_rate rate;
  rate.seconds = run.together(fmt::format("reading in order, checksums {}", verified ? "checked" : "not checked"), 1,
                              [&](std::size_t, const std::stop_token& stop) {
                                const clock::time_point start = clock::now();
                                do {
                                  read_all(view, rate, stop);
                                } while (clock::now() - start < scan_at_least && !stop.stop_requested());
                              });
  return rate;
}

bench_latency measure_random_read(bench_run& run, const std::string& directory) {
  const log_view view = open_to_read(directory);
  std::mt19937_64 dice(1);  // the same places each time
  std::uniform_int_distribution<std::uint64_t> any(1, view.published_sequence().value);
  return measure_latency(run, "reading by number", 1, reads,
                         [&](std::size_t) { static_cast<void>(take(view.read({any(dice)}))); });
}

bench_latency measure_open(bench_run& run, const std::string& directory) {
  std::vector<std::uint64_t> samples;
  run.together("opening after a clean close", 1, [&](std::size_t, const std::stop_token& stop) {
    while (samples.size() < opens && !stop.stop_requested()) {
      const clock::time_point start = clock::now();
      log opened = open_to_write(directory, {});
      samples.push_back(since(start));
      check(opened.close());
    }
  });
  return summary_of(samples);
}

void measure_reading(bench_run& run, bench_report& report) {
  bench_log filled(run);
  run.together("filling a log to read", 1, [&](std::size_t, const std::stop_token& stop) {
    static_cast<void>(append_records(filled.get(), bench_usual_bytes, 16, run.bytes() / bench_usual_bytes, stop));
  });
  check(filled.get().close());
  for (const bool verified : {true, false}) {
    report.scans.push_back({.verified = verified, .rate = measure_scan(run, filled.directory(), verified)});
  }
  report.random_read = measure_random_read(run, filled.directory());
  report.open = measure_open(run, filled.directory());
}

}  // namespace

bench_latency summary_of(std::vector<std::uint64_t>& samples) {
  std::ranges::sort(samples);
  // "99.9 percent" needs a thousand samples to mean more than the largest.
  const auto at = [&samples](std::size_t of, std::size_t beyond_one_in) -> std::optional<std::uint64_t> {
    if (samples.size() < beyond_one_in) return std::nullopt;
    return samples[samples.size() - 1 - samples.size() * of / beyond_one_in];
  };
  bench_latency l;
  l.count = samples.size();
  if (!samples.empty()) l.max = samples.back();
  l.p50 = at(1, 2);
  l.p90 = at(1, 10);
  l.p99 = at(1, 100);
  l.p999 = at(1, 1000);
  l.p9999 = at(1, 10'000);
  return l;
}

std::size_t bench_steps(const std::vector<std::size_t>& threads) {
  return record_sizes.size() * batches.size() * threads.size() + steps_besides_appends;
}

// The smallest records take the most room; beside them stand the segment that is active, and those made ahead.
std::uint64_t bench_disk_bytes(std::uint64_t bytes) {
  const std::uint64_t frames = bytes / record_sizes.front() * (record_sizes.front() + frame_header_bytes);
  return frames + frames / 64 + (segments_ahead + 2) * segment_bytes;
}

void measure(bench_run& run, const std::vector<std::size_t>& threads, bench_report& report) {
  const auto in_time = [&run, &report] {
    report.complete = report.complete && run.has_time();
    return report.complete;
  };
  // What says most comes first, in case that time is up before the end.
  if (in_time()) report.append_latency = measure_append_latency(run);
  for (const std::size_t each : sync_threads) {
    if (in_time()) report.syncs.push_back({.threads = each, .latency = measure_sync(run, each)});
  }
  if (in_time()) measure_reading(run, report);
  for (const std::size_t batch : batches) {
    for (const std::size_t each : threads) {
      for (const std::uint64_t size : record_sizes) {
        if (in_time()) report.appends.push_back(measure_append(run, size, each, batch));
      }
    }
  }
}

}  // namespace varve::cli
