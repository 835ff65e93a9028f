// SPDX-License-Identifier: MIT
//
// bench.hpp - what the verb bench measures, and what the numbers are. Layer tool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/output.hpp"

namespace varve::cli {

class bench_run;

/// Work that is counted.
struct bench_rate {
  std::uint64_t records = 0, bytes = 0;  // bytes of payload
  double seconds = 0;

  [[nodiscard]] double records_per_second() const noexcept { return static_cast<double>(records) / seconds; }
  [[nodiscard]] double megabytes_per_second() const noexcept { return static_cast<double>(bytes) / 1e6 / seconds; }
};

/// Work of which every piece is timed, in nanoseconds. A percentile that so few samples cannot show is not there.
struct bench_latency {
  std::uint64_t count = 0, max = 0;
  std::optional<std::uint64_t> p50{}, p90{}, p99{}, p999{}, p9999{};
};

/// Sorts `samples`.
[[nodiscard]] bench_latency summary_of(std::vector<std::uint64_t>& samples);

struct bench_report {
  struct append {
    std::uint64_t record_bytes;
    std::size_t threads, batch;
    bench_rate rate;
  };
  struct sync {
    std::size_t threads;
    bench_latency latency;
  };
  struct scan {
    bool verified;  // checksums of payloads were checked
    bench_rate rate;
  };

  std::string directory;
  std::uint64_t bytes = 0;
  double seconds = 0;
  bool complete = true;  // false: time was up before all was measured
  std::vector<append> appends{};
  std::optional<bench_latency> append_latency{};
  std::vector<sync> syncs{};
  std::vector<scan> scans{};
  std::optional<bench_latency> random_read{}, open{};
};

/// Records of this size where only one is measured.
constexpr std::uint64_t bench_usual_bytes = 128;

/// How many steps measure() takes, for the progress line.
[[nodiscard]] std::size_t bench_steps(const std::vector<std::size_t>& threads);

/// Disk space that measure() takes at most at a time, for so many bytes of payload in each log.
[[nodiscard]] std::uint64_t bench_disk_bytes(std::uint64_t bytes);

/// Fills the report as far as there is time. Throws failure and bench_interrupted.
void measure(bench_run& run, const std::vector<std::size_t>& threads, bench_report& report);

void write_bench_text(const bench_report& report, output& out);
void write_bench_json(const bench_report& report, output& out);

}  // namespace varve::cli
