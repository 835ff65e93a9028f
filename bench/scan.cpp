// SPDX-License-Identifier: MIT
//
// scan - going through a log in order, with and without checksums, beside reading the same memory.
//
// The log lies in the page cache. "no_checksum" takes each record and looks at its number; "no_checksum_sum" also adds up
// every word of its payload, as "memory" does with every word of the files. "view_no_checksum" goes through a log_view.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "filled_log.hpp"
#include "floor.hpp"
#include "mapped_file.hpp"
#include "numbered.hpp"
#include "program.hpp"
#include "team.hpp"

namespace bench {
namespace {

std::uint64_t log_bytes() { return std::uint64_t{chosen().quick ? 64U : 512U} << 20; }
std::uint64_t records_of(std::size_t payload_bytes) { return log_bytes() / floor_extent(payload_bytes); }

/// Every word of the bytes, added up.
std::uint64_t sum_words(const char* bytes, std::size_t count) noexcept {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at + sizeof sum <= count; at += sizeof sum) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + at, sizeof word);
    sum += word;
  }
  return sum;
}

/// A log of records of one size, made when it is first needed, and its segment files mapped.
class scanned {
 public:
  explicit scanned(std::size_t payload_bytes) : payload_bytes_{payload_bytes}, records_{records_of(payload_bytes)} {}

  /// What went wrong, or nothing.
  const std::string& make() {
    if (!place_) {
      place_.emplace("scan");
      fill_and_map();
    }
    return wrong_;
  }
  [[nodiscard]] std::filesystem::path directory() const { return place_->path() / "log"; }
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  [[nodiscard]] const std::vector<mapped_file>& maps() const noexcept { return maps_; }

 private:
  void fill_and_map() {
    if (wrong_ = fill_log(directory(), {}, records_, payload_bytes_); !wrong_.empty()) return;
    for (const auto& entry : std::filesystem::directory_iterator{directory()}) {
      if (entry.path().extension() != ".seg") continue;
      auto map = mapped_file::open(entry.path());
      if (map) maps_.push_back(std::move(*map));
      if (!map) wrong_ = map.error();
    }
  }

  std::size_t payload_bytes_;
  std::uint64_t records_;
  std::optional<scratch> place_;
  std::vector<mapped_file> maps_;
  std::string wrong_;
};

/// Goes through the whole log; nothing if a record is not the next one.
template <bool sum_payloads, class Log>
std::string scan(const Log& log, std::uint64_t records) {
  auto reader = log.reader();
  if (!reader) return reader.error().message();
  std::uint64_t seen = 0, sum = 0;
  for (;;) {
    const auto next = reader->next();
    if (!next) return next.error().message();
    if (!*next) break;
    if ((*next)->sequence().value != ++seen) return "a sequence is missing";
    if constexpr (sum_payloads) sum += sum_words((*next)->text().data(), (*next)->text().size());
  }
  benchmark::DoNotOptimize(sum);
  return seen == records ? std::string{} : "records are missing at the end";
}

void report_scan(benchmark::State& state, const scanned& log, double seconds) {
  report_lap(state, log.records(), seconds);
  state.counters["bytes_per_second"] = static_cast<double>(log_bytes()) / seconds;
}

template <bool sum_payloads, class Log>
void scan_opened(benchmark::State& state, const scanned& filled, const varve::result<Log>& log) {
  if (!log) return fail_lap(state, log.error().message());
  // Once before: pages enter this process.
  if (const auto wrong = scan<sum_payloads>(*log, filled.records()); !wrong.empty()) return fail_lap(state, wrong);
  const auto begin = clock::now();
  const auto wrong = scan<sum_payloads>(*log, filled.records());
  const double seconds = seconds_between(begin, clock::now());
  if (!wrong.empty()) return fail_lap(state, wrong);
  report_scan(state, filled, seconds);
}

template <bool sum_payloads>
void scan_log(benchmark::State& state, scanned& filled, bool verify) {
  if (const auto& wrong = filled.make(); !wrong.empty()) return fail_lap(state, wrong);
  const auto log = varve::log::open(filled.directory(), {.create = false, .verify_on_read = verify});
  scan_opened<sum_payloads>(state, filled, log);
}

void scan_view(benchmark::State& state, scanned& filled) {
  if (const auto& wrong = filled.make(); !wrong.empty()) return fail_lap(state, wrong);
  scan_opened<false>(state, filled, varve::log_view::open(filled.directory(), {.verify_on_read = false}));
}

std::uint64_t read_memory(const scanned& log) {
  std::uint64_t sum = 0, left = log_bytes();
  for (const auto& map : log.maps()) {
    const auto bytes = std::min<std::uint64_t>(left, map.bytes().size());
    sum += sum_words(map.bytes().data(), bytes);
    left -= bytes;
  }
  return sum;
}

void scan_memory(benchmark::State& state, scanned& log) {
  if (const auto& wrong = log.make(); !wrong.empty()) return fail_lap(state, wrong);
  const std::uint64_t before = read_memory(log);
  const auto begin = clock::now();
  const std::uint64_t sum = read_memory(log);
  const double seconds = seconds_between(begin, clock::now());
  if (sum != before) return fail_lap(state, "the memory changed");
  report_scan(state, log, seconds);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_program(argc, argv, [] {
    for (const std::size_t bytes : {std::size_t{16}, std::size_t{128}, std::size_t{1024}, std::size_t{4096}}) {
      const std::string size = std::to_string(bytes) + "_B";
      const auto log = std::make_shared<bench::scanned>(bytes);
      bench::declare_lap("scan/checksum/" + size, [=](auto& state) { bench::scan_log<false>(state, *log, true); });
      bench::declare_lap("scan/no_checksum/" + size, [=](auto& state) { bench::scan_log<false>(state, *log, false); });
      bench::declare_lap("scan/view_no_checksum/" + size, [=](auto& state) { bench::scan_view(state, *log); });
      bench::declare_lap("scan/no_checksum_sum/" + size, [=](auto& state) { bench::scan_log<true>(state, *log, false); });
      bench::declare_lap("scan/memory/" + size, [=](auto& state) { bench::scan_memory(state, *log); });
    }
  });
}
