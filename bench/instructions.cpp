// SPDX-License-Identifier: MIT
//
// instructions - does one thing a given number of times, for a tool that counts instructions; ./dev instructions runs it
// twice with different numbers and divides the difference.
//
// Usage: instructions floor|append|batch|read|next COUNT DIRECTORY
// `batch` counts records, 16 of them a call. `read` and `next` go over the same log however large COUNT is.
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <varve/varve.hpp>

#include "floor.hpp"
#include "numbered.hpp"
#include "payload.hpp"

namespace {

constexpr std::size_t payload_bytes = 128, batch_records = 16;
constexpr std::uint64_t read_records = 20'000;

bool append_to_floor(std::uint64_t count) {
  const bench::payloads source{payload_bytes};
  std::vector<char> memory(count * bench::floor_extent(payload_bytes));
  bench::floor_segment segment{memory};
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto at = segment.take(bench::floor_extent(payload_bytes), 1);
    if (!segment.fits(at, bench::floor_extent(payload_bytes))) return false;
    segment.fill(at, source[i]);
    segment.stamp(at);
  }
  return true;
}

bool append(varve::log& log, std::uint64_t count) {
  const bench::payloads source{payload_bytes};
  for (std::uint64_t i = 1; i <= count; ++i) {
    const auto at = log.append(source[i]);
    if (!at || at->value != i) return false;
  }
  return true;
}

bool append_batches(varve::log& log, std::uint64_t count) {
  const bench::payloads source{payload_bytes};
  std::vector<std::string_view> batch(batch_records);
  for (std::size_t k = 0; k < batch_records; ++k) batch[k] = source[k];
  for (std::uint64_t i = 0; i < count; i += batch_records)
    if (!log.append_batch(batch)) return false;
  return true;
}

bool fill(varve::log& log) {
  bench::numbered_payload payload{payload_bytes};
  for (std::uint64_t i = 1; i <= read_records; ++i)
    if (!log.append(payload(i))) return false;
  return log.published_sequence().value == read_records;
}

bool read(varve::log& log, std::uint64_t count) {
  constexpr std::uint64_t step =
      7919;  // a prime that does not divide read_records: every record in turn, none near the last
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    at = (at + step) % read_records;
    const auto record = log.read({at + 1});
    if (!record || bench::number_in(record->text()) != at + 1) return false;
  }
  return true;
}

bool next(varve::log& log, std::uint64_t count) {
  auto reader = log.reader();
  for (std::uint64_t i = 1; reader && i <= count; ++i) {
    const auto record = reader->next();
    if (!record || !*record || (*record)->sequence().value != i) return false;
  }
  return reader.has_value();
}

bool run(std::string_view what, std::uint64_t count, const std::filesystem::path& directory) {
  if (what == "floor") return append_to_floor(count);
  auto log = varve::log::open(directory);
  if (!log) return false;
  const bool done = what == "append"  ? append(*log, count)
                    : what == "batch" ? append_batches(*log, count)
                    : what == "read"  ? fill(*log) && read(*log, count)
                    : what == "next"  ? fill(*log) && count <= read_records && next(*log, count)
                                      : false;
  if (done) _exit(0);  // closing walks over all that was appended, which is not what is counted
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t count = 0;
  const std::string_view number = argc == 4 ? argv[2] : "";
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
  if (number.empty() || error != std::errc{} || end != number.data() + number.size())
    return std::fputs("usage: instructions floor|append|batch|read|next COUNT DIRECTORY\n", stderr), 2;
  if (run(argv[1], count, argv[3])) return 0;
  return std::fputs("instructions: what should be counted failed\n", stderr), 1;
}
