// SPDX-License-Identifier: MIT
#include "program.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <vector>

namespace bench {
namespace {

settings the_settings;
bool failed = false;

/// The rest of the first line of `file` that begins with `key`, without colon and blanks.
std::string line_of(const char* file, std::string_view key) {
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const auto at = line.find_first_not_of(": \t", key.size());
    return at == std::string::npos ? std::string{} : line.substr(at);
  }
  return "unknown";
}

/// Type and options of the mount that holds `path`.
std::string file_system_of(const std::filesystem::path& path) {
  const std::string at = std::filesystem::weakly_canonical(path).string() + "/";
  std::ifstream in{"/proc/self/mounts"};
  std::string device, point, type, options, rest, best;
  std::size_t longest = 0;
  while (in >> device >> point >> type >> options && std::getline(in, rest)) {
    const std::string prefix = point == "/" ? point : point + "/";
    if (!at.starts_with(prefix) || prefix.size() < longest) continue;
    longest = prefix.size();
    best = type + " (" + options + ")";
  }
  return best;
}

void describe_machine() {
  utsname system{};
  static_cast<void>(uname(&system));
  benchmark::AddCustomContext("cpu", line_of("/proc/cpuinfo", "model name"));
  benchmark::AddCustomContext("memory", line_of("/proc/meminfo", "MemTotal"));
  benchmark::AddCustomContext("kernel", std::string{system.sysname} + " " + system.release);
  benchmark::AddCustomContext("file_system", file_system_of(the_settings.work));
  benchmark::AddCustomContext("compiler", "g++ " __VERSION__);
  benchmark::AddCustomContext("quick", the_settings.quick ? "yes" : "no");
}

/// What follows `flag` in `argument`, if that is what it is.
std::optional<std::string_view> value_of(std::string_view argument, std::string_view flag) {
  if (!argument.starts_with(flag)) return std::nullopt;
  return argument.substr(flag.size());
}

/// False: that is no number of gibibytes.
bool take_gibibytes(std::string_view text, std::uint64_t& bytes) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  bytes = count << 30;
  return error == std::errc{} && end == text.data() + text.size() && count > 0;
}

/// Takes our own flags out of the command line. False: one of them cannot be understood.
bool take_flags(std::vector<char*>& arguments) {
  bool good = true;
  std::erase_if(arguments, [&](const char* argument) {
    if (const auto directory = value_of(argument, "--work=")) {
      the_settings.work = *directory;
    } else if (std::string_view{argument} == "--quick") {
      the_settings.quick = true;
    } else if (const auto sustained = value_of(argument, "--sustained-gib=")) {
      good = good && take_gibibytes(*sustained, the_settings.sustained_bytes);
    } else if (const auto bounded = value_of(argument, "--bounded-gib=")) {
      good = good && take_gibibytes(*bounded, the_settings.bounded_bytes);
    } else {
      return false;
    }
    return true;
  });
  return good;
}

}  // namespace

const settings& chosen() noexcept { return the_settings; }

bool prepare_work(std::vector<char*>& arguments) {
  if (!take_flags(arguments)) return std::fputs("bench: --sustained-gib and --bounded-gib take a number\n", stderr), false;
  std::error_code failure;
  std::filesystem::create_directories(the_settings.work, failure);
  if (failure) std::fprintf(stderr, "bench: %s: %s\n", the_settings.work.c_str(), failure.message().c_str());
  return !failure;
}

int run_program(int argc, char** argv, const std::function<void()>& declare) {
  std::vector<char*> arguments{argv, argv + argc};
  if (!prepare_work(arguments)) return 2;
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  describe_machine();
  declare();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::ClearRegisteredBenchmarks();  // and with them the stores that they keep, while all libraries are still there
  benchmark::Shutdown();
  return failed ? 1 : 0;
}

void declare_lap(const std::string& name, std::function<void(benchmark::State&)> lap) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [lap = std::move(lap)](benchmark::State& state) {
                                 // One iteration, always: the lap is the loop.
                                 for (auto _ : state) lap(state);
                               })
      ->Iterations(1)
      ->UseManualTime();
}

void report_lap(benchmark::State& state, std::uint64_t records, double seconds) {
  state.SetIterationTime(seconds);
  const auto count = static_cast<double>(records);
  state.counters["records"] = count;
  state.counters["ns_per_record"] = seconds * 1e9 / count;
  state.counters["records_per_second"] = count / seconds;
}

void fail_lap(benchmark::State& state, const std::string& why) {
  failed = true;
  state.SkipWithError(why.c_str());
}

scratch::scratch(std::string_view name) {
  static std::atomic<unsigned> made{0};
  const unsigned mine = made.fetch_add(1, std::memory_order_relaxed);
  path_ = the_settings.work / (std::string{name} + "-" + std::to_string(getpid()) + "-" + std::to_string(mine));
  std::filesystem::create_directories(path_);
}

scratch::~scratch() {
  std::error_code ignored;  // what cannot be removed is removed with the working directory
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace bench
