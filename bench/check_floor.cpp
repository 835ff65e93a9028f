// SPDX-License-Identifier: MIT
//
// check_floor - is the floor one? Runs it in turn with another program that claims to be, and compares medians.
//
// Usage: check_floor PROGRAM [--work=DIR]
// PROGRAM is run as "PROGRAM THREADS BYTES prefault xxh3 SEGMENTS" in an empty directory, and prints "... N ns/append".
#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "append_lap.hpp"
#include "program.hpp"
#include "stores/floor_store.hpp"

namespace bench {
namespace {

constexpr int rounds = 7;
constexpr double allowed = 1.10;  // slower than that, and it is no floor
constexpr std::uint64_t lap_bytes = std::uint64_t{192} << 20;
constexpr int probe_segments = 3;  // of 64 MiB: as much as a lap

/// What the program says it took, in nanoseconds; nothing if it cannot be run.
std::optional<double> run_probe(const std::string& program, int threads, std::size_t bytes) {
  const scratch place{"probe"};
  const std::string command = "cd '" + place.path().string() + "' && '" + program + "' " + std::to_string(threads) + " " +
                              std::to_string(bytes) + " prefault xxh3 " + std::to_string(probe_segments);
  std::FILE* const out = popen(command.c_str(), "r");
  if (!out) return std::nullopt;
  char text[512] = {};
  const std::size_t length = std::fread(text, 1, sizeof text - 1, out);
  if (pclose(out) != 0) return std::nullopt;
  const std::string_view said{text, length};
  const auto unit = said.find(" ns/append");
  const auto before = unit == std::string_view::npos ? unit : said.rfind(' ', unit - 1);
  if (before == std::string_view::npos) return std::nullopt;
  return std::strtod(text + before, nullptr);
}

/// One lap of the floor, in nanoseconds for an append.
std::optional<double> run_floor(int threads, std::size_t bytes) {
  const scratch place{"floor"};
  const std::uint64_t each = lap_bytes / floor_extent(bytes) / static_cast<std::uint64_t>(threads);
  const std::uint64_t records = each * static_cast<std::uint64_t>(threads);
  auto store = floor_store::make({place.path(), bytes, records, false});
  if (!store) return std::nullopt;
  const payloads source{bytes};
  const double seconds = time_team(threads, [&](int) { append_many(**store, source, each); });
  if (!(*store)->check(records, source).empty()) return std::nullopt;
  return seconds * 1e9 / static_cast<double>(records);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int compare(const std::string& program) {
  bool good = true;
  for (const std::size_t bytes : {std::size_t{16}, std::size_t{128}, std::size_t{1024}, std::size_t{4096}}) {
    for (const int threads : {1, 2, 4}) {
      std::vector<double> ours, theirs;
      for (int round = 0; round < rounds; ++round) {
        const auto our = run_floor(threads, bytes);
        const auto their = run_probe(program, threads, bytes);
        if (!our || !their) return std::fprintf(stderr, "check_floor: %s failed\n", our ? program.c_str() : "the floor"), 2;
        ours.push_back(*our);
        theirs.push_back(*their);
      }
      const double ratio = median(ours) / median(theirs);
      good = good && ratio <= allowed;
      std::printf("%4zu B, %d thread(s): floor %6.1f ns, probe %6.1f ns, ratio %.2f%s\n", bytes, threads, median(ours),
                  median(theirs), ratio, ratio <= allowed ? "" : "  TOO SLOW");
    }
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  std::vector<char*> arguments{argv, argv + argc};
  if (!bench::prepare_work(arguments)) return 2;
  if (arguments.size() != 2) return std::fputs("usage: check_floor PROGRAM [--work=DIR]\n", stderr), 2;
  return bench::compare(arguments[1]);
}
