// SPDX-License-Identifier: MIT
#include "aims.hpp"

#include <fmt/format.h>

#include "names.hpp"
#include "tables.hpp"

namespace report {
namespace {

constexpr const char* each = "ns_per_record";

/// The least of several figures, of those that were measured.
class least {
 public:
  void consider(std::optional<double> value, const std::string& where) {
    if (!value || (value_ && *value_ <= *value)) return;
    value_ = value;
    where_ = where;
  }
  [[nodiscard]] const std::optional<double>& value() const noexcept { return value_; }
  [[nodiscard]] std::string text() const { return value_ ? fmt::format("{:.2f} at {}", *value_, where_) : ""; }

 private:
  std::optional<double> value_;
  std::string where_;
};

/// `slow` took so many times as long as `fast`.
std::optional<double> quotient(const results& r, const std::string& slow, const std::string& fast) {
  const auto above = r.median(slow, each), below = r.median(fast, each);
  if (!above || !below) return std::nullopt;
  return *above / *below;
}

std::string line(const std::string& aim, const std::string& found, std::optional<bool> met) {
  return fmt::format("| {} | {} | {} |\n", aim, found, !met ? "not measured" : *met ? "met" : "**not met**");
}

std::string at_least(const std::string& aim, const least& found, double bound) {
  return line(aim, found.text(), found.value() ? std::optional{*found.value() >= bound} : std::nullopt);
}

std::string at_most(const std::string& aim, std::optional<double> found, double bound) {
  return line(aim, found ? fmt::format("{:.2f}", *found) : "", found ? std::optional{*found <= bound} : std::nullopt);
}

std::string appends(const results& r) {
  least small, large, peer_least;
  for (const unsigned bytes : payload_sizes) {
    for (const unsigned threads : append_threads) {
      const auto ours = lap_of("append", "varve", bytes, threads);
      const auto where = fmt::format("{} B, {}", bytes, threads_text(threads));
      (bytes < 128 ? small : large).consider(quotient(r, lap_of("append", "floor", bytes, threads), ours), where);
      for (const auto peer : peers)
        peer_least.consider(quotient(r, lap_of("append", peer, bytes, threads), ours), fmt::format("{}, {}", peer, where));
    }
  }
  return at_least("append: at least 0.7 of the floor at 128 B and more", large, 0.7) +
         at_least("append: at least 0.6 of the floor at 16 B", small, 0.6) +
         at_least("append: at least 5 times every peer", peer_least, 5);
}

std::string sustained(const results& r) {
  least found;
  for (const unsigned bytes : {128U, 1024U})
    found.consider(quotient(r, fmt::format("sustained/floor/{}_B", bytes), fmt::format("sustained/varve/{}_B", bytes)),
                   fmt::format("{} B", bytes));
  return at_least("sustained: at least 0.7 of the floor", found, 0.7);
}

std::string syncs(const results& r) {
  const auto one = lap_of("sync_quiet", "varve", 128, 1);
  least gain;
  gain.consider(quotient(r, one, lap_of("sync_quiet", "varve", 128, 8)), "a quiet file system");
  return at_most("sync, one thread: at most 1.25 times its floor", quotient(r, one, lap_of("sync_quiet", "floor", 128, 1)),
                 1.25) +
         at_most("sync, one thread, journal busy: at most twice as long as without",
                 quotient(r, lap_of("sync_busy", "varve", 128, 1), one), 2) +
         at_least("sync, 8 threads: at least 4 times the records of one", gain, 4);
}

std::string reads(const results& r) {
  const auto ours = fmt::format("read/hot/varve/stride_{}", stride_default);
  const auto time = r.median(ours, each);
  const auto met = time ? std::optional{*time <= 200} : std::nullopt;
  const auto floor = r.median("read/hot/floor", each);
  const auto found = time && floor ? fmt::format("{}; the floor {}", time_text(*time), time_text(*floor)) : "";
  return line("read by number, hot: at most 200 ns", found, met) +
         at_most("read by number, hot: less than LMDB takes", quotient(r, ours, "read/hot/lmdb"), 1);
}

std::string scans(const results& r) {
  least found;
  for (const unsigned bytes : payload_sizes)
    found.consider(quotient(r, fmt::format("scan/memory/{}_B", bytes), fmt::format("scan/no_checksum/{}_B", bytes)),
                   fmt::format("{} B", bytes));
  return at_least("scan without checksums: at least 0.7 of reading the same memory", found, 0.7);
}

}  // namespace

std::string aims_table(const results& r) {
  return "| aim | found (the worst case) | |\n| --- | --- | --- |\n" + appends(r) + sustained(r) + syncs(r) + reads(r) +
         scans(r);
}

}  // namespace report
