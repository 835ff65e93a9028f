// SPDX-License-Identifier: MIT
//
// program.hpp - what every benchmark program begins with: its command line, the machine it runs on, its working directory.
//
// All of them are programs of Google Benchmark and take its flags. Every benchmark is one *lap* of a fixed amount of work
// per repetition, timed by hand; repetitions are run in random order, so that what is compared meets the same machine.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct settings {
  std::filesystem::path work = "build/bench-work";  ///< Where files are made: results depend on its file system.
  bool quick = false;                               ///< Less of everything: to see that it works, not to compare.
  std::uint64_t sustained_bytes = std::uint64_t{10} << 30;
  std::uint64_t bounded_bytes = std::uint64_t{50} << 30;
};
[[nodiscard]] const settings& chosen() noexcept;

/// Reads --work=DIR, --quick, --sustained-gib=N and --bounded-gib=N, lets `declare` register the benchmarks, and runs them.
///
/// Returns  the exit code: not 0 if a benchmark failed.
[[nodiscard]] int run_program(int argc, char** argv, const std::function<void()>& declare);

/// Only the first of it: takes those flags out of the arguments, and makes the working directory. False, with a sentence on
/// standard error, if that cannot be.
[[nodiscard]] bool prepare_work(std::vector<char*>& arguments);

/// Registers a benchmark of one lap a repetition.
void declare_lap(const std::string& name, std::function<void(benchmark::State&)> lap);

/// Ends the lap with its result: records, seconds, and both per record.
void report_lap(benchmark::State& state, std::uint64_t records, double seconds);

/// Ends the lap as failed, and with it the program's good exit code.
void fail_lap(benchmark::State& state, const std::string& why);

/// A new directory under the working directory, gone with this object.
class scratch {
 public:
  explicit scratch(std::string_view name);
  ~scratch();
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace bench
