// SPDX-License-Identifier: MIT
//
// bench_run.hpp - what all measurements share: a scratch directory that goes away, threads that begin together, the
// progress line, an end by signal or by time. Layer tool.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "cli/progress.hpp"
#include "cli/signals.hpp"

namespace varve::cli {

/// Thrown when a signal has come.
struct bench_interrupted {
  int signal;
};

/// A directory of its own within another one; it goes with all that is in it.
class scratch_directory {
 public:
  /// Throws failure.
  explicit scratch_directory(const std::string& parent);
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// Thread-safety  one thread.
class bench_run {
 public:
  using clock = std::chrono::steady_clock;
  using work = std::function<void(std::size_t thread, const std::stop_token& stop)>;

  struct limits {
    std::uint64_t bytes;        // of payload in one log
    clock::duration each, all;  // how long one measurement, and all together, may take
  };

  bench_run(std::string directory, const limits& within, std::size_t steps, ending_signals& signals)
      : directory_(std::move(directory)), limits_(within), steps_(steps), signals_(signals) {}

  [[nodiscard]] std::uint64_t bytes() const noexcept { return limits_.bytes; }
  [[nodiscard]] bool has_time() const noexcept { return clock::now() - start_ < limits_.all; }
  [[nodiscard]] double seconds() const noexcept { return std::chrono::duration<double>(clock::now() - start_).count(); }

  /// The directory of a log that is not there yet.
  [[nodiscard]] std::string new_log();

  /// Runs `each` in so many threads, which begin at the same time. They are asked to stop when the time for one measurement
  /// is up, or a signal comes.
  ///
  /// Returns  seconds from the first beginning to the last end.
  /// Throws   bench_interrupted, or what one of the threads has thrown.
  double together(const std::string& what, std::size_t threads, const work& each);

 private:
  std::string directory_;
  limits limits_;
  std::size_t steps_;
  ending_signals& signals_;
  clock::time_point start_ = clock::now();
  std::size_t step_ = 0;
  std::uint64_t logs_ = 0;
  progress line_;
};

}  // namespace varve::cli
