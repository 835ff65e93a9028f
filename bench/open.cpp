// SPDX-License-Identifier: MIT
//
// open - opening a log after a clean close, and after the death of its writer.
//
// Another process makes the log and closes it, or ends without. What it wrote is in the page cache, of which a good part is
// not on the device yet: that an open after a death syncs it is part of what is measured.
//
// A log of many segments is one of small segments with few records: what opening it takes is one header each. The same log
// is verified, every byte of it, with one thread and with two.
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include <varve/varve.hpp>

#include "child.hpp"
#include "filled_log.hpp"
#include "floor.hpp"
#include "numbered.hpp"
#include "program.hpp"
#include "team.hpp"

namespace bench {
namespace {

constexpr std::size_t payload_bytes = 128;
std::uint64_t record_count() {
  const std::uint64_t bytes = std::uint64_t{chosen().quick ? 32U : 256U} << 20;
  return bytes / floor_extent(payload_bytes);
}

std::uint64_t many_segments() { return chosen().quick ? 500 : 10'000; }
constexpr std::uint64_t small_segment = 64 << 10;
/// Two of them do not fit a segment.
constexpr std::size_t large_payload = 40 << 10;

/// What the child does: appends, then closes or is gone.
int fill_and_leave(const std::filesystem::path& directory, std::uint64_t records, bool close) {
  auto log = varve::log::open(directory);
  if (!log) return 1;
  numbered_payload payload{payload_bytes};
  for (std::uint64_t i = 1; i <= records; ++i)
    if (!log->append(payload(i))) return 1;
  if (!close) _exit(0);
  return log->close() ? 0 : 1;
}

void open_lap(benchmark::State& state, bool close) {
  const scratch place{"open"};
  const auto directory = place.path() / "log";
  child writer{{"--fill", directory.string(), std::to_string(record_count()), close ? "close" : "die"}};
  if (!writer.succeeded()) return fail_lap(state, "the writing process failed");
  const auto begin = clock::now();
  auto log = varve::log::open(directory, {.create = false});
  const double seconds = seconds_between(begin, clock::now());
  if (!log) return fail_lap(state, log.error().message());
  if (log->recovery().clean != close) return fail_lap(state, "the log is not as it was left");
  if (log->published_sequence().value != record_count()) return fail_lap(state, "records are missing");
  report_lap(state, record_count(), seconds);
  state.counters["seconds"] = seconds;
}

/// One record a segment.
[[nodiscard]] std::string fill_many(const std::filesystem::path& directory) {
  return fill_log(directory, {.segment_bytes = small_segment}, many_segments(), large_payload);
}

void open_many_lap(benchmark::State& state) {
  const scratch place{"open-many"};
  const auto directory = place.path() / "log";
  if (const auto wrong = fill_many(directory); !wrong.empty()) return fail_lap(state, wrong);
  const auto begin = clock::now();
  auto log = varve::log::open(directory, {.create = false});
  const double seconds = seconds_between(begin, clock::now());
  if (!log) return fail_lap(state, log.error().message());
  if (!log->recovery().clean || log->published_sequence().value != many_segments())
    return fail_lap(state, "the log is not as it was left");
  report_lap(state, many_segments(), seconds);
  state.counters["seconds"] = seconds;
}

void verify_lap(benchmark::State& state, unsigned threads) {
  const scratch place{"verify"};
  const auto directory = place.path() / "log";
  if (const auto wrong = fill_many(directory); !wrong.empty()) return fail_lap(state, wrong);
  const auto begin = clock::now();
  const auto found = varve::verify(directory, {}, {.threads = threads});
  const double seconds = seconds_between(begin, clock::now());
  if (!found) return fail_lap(state, found.error().message());
  if (!found->findings.empty()) return fail_lap(state, "the log is not whole");
  report_lap(state, many_segments(), seconds);
  state.counters["seconds"] = seconds;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc == 5 && std::string_view{argv[1]} == "--fill")
    return bench::fill_and_leave(argv[2], std::stoull(argv[3]), std::string_view{argv[4]} == "close");
  return bench::run_program(argc, argv, [] {
    bench::declare_lap("open/after_close", [](auto& state) { bench::open_lap(state, true); });
    bench::declare_lap("open/after_death", [](auto& state) { bench::open_lap(state, false); });
    bench::declare_lap("open/many_segments", [](auto& state) { bench::open_many_lap(state); });
    bench::declare_lap("open/verify/1_thread", [](auto& state) { bench::verify_lap(state, 1); });
    bench::declare_lap("open/verify/2_threads", [](auto& state) { bench::verify_lap(state, 2); });
  });
}
