// SPDX-License-Identifier: MIT
#include "tables.hpp"

#include <vector>

#include <fmt/format.h>

#include "names.hpp"

namespace report {
namespace {

constexpr const char* each = "ns_per_record";

/// The median time of a record, with the spread of the repetitions: "42.1 ns (6 %)".
std::string time_cell(const results& r, const std::string& benchmark) {
  const auto median = r.median(benchmark, each);
  return median ? fmt::format("{} ({:.0f} %)", time_text(*median), *r.spread(benchmark, each)) : "";
}

/// How many times as long as `of` the benchmark took.
std::string times_cell(const results& r, const std::string& benchmark, const std::string& of) {
  const auto long_one = r.median(benchmark, each), short_one = r.median(of, each);
  return long_one && short_one ? fmt::format("{:.1f} x", *long_one / *short_one) : "";
}

std::string peer_cell(const results& r, const std::string& peer, const std::string& ours) {
  if (!r.median(peer, each)) return "";
  return fmt::format("{}, {}", time_cell(r, peer), times_cell(r, peer, ours));
}

/// Our rate as a part of the floor's.
std::string part_cell(const results& r, const std::string& ours, const std::string& floor) {
  const auto our = r.median(ours, each), bare = r.median(floor, each);
  return our && bare ? fmt::format("{:.2f}", *bare / *our) : "";
}

std::string row(const std::vector<std::string>& cells) { return fmt::format("| {} |\n", fmt::join(cells, " | ")); }

std::string head(const std::vector<std::string>& cells) {
  return row(cells) + row(std::vector<std::string>(cells.size(), "---"));
}

}  // namespace

std::string time_text(double nanoseconds) {
  if (nanoseconds < 1e3) return fmt::format("{:.1f} ns", nanoseconds);
  if (nanoseconds < 1e6) return fmt::format("{:.1f} us", nanoseconds / 1e3);
  return fmt::format("{:.1f} ms", nanoseconds / 1e6);
}

std::string machine(const results& r) {
  std::string text = head({"what", "value"});
  text += row(
      {"processor", fmt::format("{}, {} cores, {} MHz", r.context("cpu"), r.context("num_cpus"), r.context("mhz_per_cpu"))});
  text += row({"memory", r.context("memory")});
  text += row({"kernel", r.context("kernel")});
  text += row({"file system", r.context("file_system")});
  if (!r.context("peers").empty()) text += row({"peers", r.context("peers")});
  text += row({"compiler", r.context("compiler") + ", preset `bench` (-O2)"});
  return text;
}

std::string append_table(const results& r, const std::string& what) {
  std::string text =
      head({"payload", "threads", "varve", "in place", "floor", "of the floor", "RocksDB", "LevelDB", "LMDB", "SQLite"});
  std::size_t rows = 0;
  for (const unsigned bytes : payload_sizes) {
    for (const unsigned threads : append_threads) {
      const auto ours = lap_of(what, "varve", bytes, threads), floor = lap_of(what, "floor", bytes, threads);
      if (!r.median(ours, each)) continue;
      std::vector<std::string> cells{
          fmt::format("{} B", bytes), fmt::format("{}", threads),
          time_cell(r, ours),         time_cell(r, lap_of(what, "varve_in_place", bytes, threads)),
          time_cell(r, floor),        part_cell(r, ours, floor)};
      for (const auto peer : peers) cells.push_back(peer_cell(r, lap_of(what, peer, bytes, threads), ours));
      text += row(cells);
      ++rows;
    }
  }
  return rows ? text : std::string{};
}

std::string times_table(const results& r) {
  const auto plain = lap_of("append", "varve", 128, 1), timed = lap_of("append", "varve_times", 128, 1);
  if (!r.median(plain, each) || !r.median(timed, each)) return {};
  return head({"without times", "with times", ""}) +
         row({time_cell(r, plain), time_cell(r, timed), times_cell(r, timed, plain)});
}

std::string sync_table(const results& r) {
  std::string text =
      head({"file system", "threads", "varve", "floor", "of the floor", "RocksDB", "LevelDB", "LMDB", "SQLite"});
  std::size_t rows = 0;
  for (const auto* what : {"sync_quiet", "sync_busy"}) {
    for (const unsigned threads : {1U, 8U}) {
      const auto ours = lap_of(what, "varve", 128, threads), floor = lap_of(what, "floor", 128, threads);
      if (!r.median(ours, each)) continue;
      std::vector<std::string> cells{std::string{what}.substr(5), fmt::format("{}", threads), time_cell(r, ours),
                                     time_cell(r, floor), part_cell(r, ours, floor)};
      for (const auto peer : peers) cells.push_back(peer_cell(r, lap_of(what, peer, 128, threads), ours));
      text += row(cells);
      ++rows;
    }
  }
  return rows ? text : std::string{};
}

std::string read_table(const results& r) {
  std::string text = head({"store", "hot", "in the processor's cache", "cold"});
  std::size_t rows = 0;
  const auto add = [&](const std::string& shown, const std::string& name) {
    if (!r.median("read/hot/" + name, each)) return;
    text += row(
        {shown, time_cell(r, "read/hot/" + name), time_cell(r, "read/cached/" + name), time_cell(r, "read/cold/" + name)});
    ++rows;
  };
  add("the floor", "floor");
  for (const unsigned stride : strides) add(fmt::format("varve, stride {}", stride), fmt::format("varve/stride_{}", stride));
  add("varve, the record of a time", "varve/find_time");
  for (const auto peer : peers) add(std::string{peer}, std::string{peer});
  return rows ? text : std::string{};
}

std::string scan_table(const results& r) {
  std::string text =
      head({"payload", "checksums", "no checksums", "through a view, no checksums", "no checksums, payload added up",
            "the same memory", "no checksums, of memory", "added up, of memory"});
  std::size_t rows = 0;
  for (const unsigned bytes : payload_sizes) {
    const auto name = [&](const char* what) { return fmt::format("scan/{}/{}_B", what, bytes); };
    if (!r.median(name("memory"), each)) continue;
    std::vector<std::string> cells{fmt::format("{} B", bytes)};
    for (const auto* what : {"checksum", "no_checksum", "view_no_checksum", "no_checksum_sum", "memory"}) {
      const double rate = r.median(name(what), "bytes_per_second").value_or(0);
      cells.push_back(fmt::format("{:.1f} GB/s, {}", rate / 1e9, time_cell(r, name(what))));
    }
    cells.push_back(part_cell(r, name("no_checksum"), name("memory")));
    cells.push_back(part_cell(r, name("no_checksum_sum"), name("memory")));
    text += row(cells);
    ++rows;
  }
  return rows ? text : std::string{};
}

std::string open_table(const results& r) {
  std::string text = head({"what", "takes"});
  std::size_t rows = 0;
  const auto add = [&](const std::string& shown, const std::string& name) {
    const auto median = r.median(name, "seconds");
    if (!median) return;
    text += row({shown, fmt::format("{} ({:.0f} %)", time_text(*median * 1e9), *r.spread(name, "seconds"))});
    ++rows;
  };
  add("opening a log that was closed", "open/after_close");
  add("opening one that was left by a writer that died", "open/after_death");
  add("opening one of many segments, closed", "open/many_segments");
  add("verifying that, 1 thread", "open/verify/1_thread");
  add("verifying that, 2 threads", "open/verify/2_threads");
  return rows ? text : std::string{};
}

std::string sustained_table(const results& r) {
  std::string text =
      head({"payload", "what", "records/s", "payload/s", "of the floor", "p50", "p90", "p99", "p99.9", "p99.99", "max"});
  std::size_t rows = 0;
  for (const unsigned bytes : {128U, 1024U}) {
    for (const auto* what : {"varve", "floor", "floor_synced"}) {
      const auto name = fmt::format("sustained/{}/{}_B", what, bytes), latency = fmt::format("latency/{}/{}_B", what, bytes);
      const auto rate = r.median(name, "records_per_second");
      if (!rate) continue;
      std::vector<std::string> cells{fmt::format("{} B", bytes), what,
                                     fmt::format("{:.2f} M ({:.0f} %)", *rate / 1e6, *r.spread(name, "records_per_second")),
                                     fmt::format("{:.2f} GB", *r.median(name, "bytes_per_second") / 1e9),
                                     part_cell(r, name, fmt::format("sustained/floor/{}_B", bytes))};
      for (const auto* p : {"p50", "p90", "p99", "p99.9", "p99.99", "max"}) {
        const auto value = r.median(latency, p);
        cells.push_back(value ? time_text(*value) : "");
      }
      text += row(cells);
      ++rows;
    }
  }
  return rows ? text : std::string{};
}

std::string bounded_table(const results& r) {
  std::string text = head({"the log", "records/s", "disk at 10, 20, ... 100 % of the time, in MiB", "most", "least readable",
                           "segments of dropped files"});
  std::size_t rows = 0;
  for (const auto* what : {"held", "free"}) {
    const auto name = fmt::format("bounded/{}", what);
    const auto rate = r.median(name, "records_per_second");
    if (!rate) continue;
    const auto mebibytes = [&](const std::string& counter) {
      return fmt::format("{:.0f}", r.median(name, counter).value_or(0) / (1 << 20));
    };
    std::string disk;
    for (unsigned tenth = 1; tenth <= 10; ++tenth) disk += mebibytes(fmt::format("disk_at_{}", tenth * 10)) + " ";
    text += row({what, fmt::format("{:.2f} M", *rate / 1e6), disk, mebibytes("disk_max"), mebibytes("readable_min"),
                 fmt::format("{:.1f} %", r.median(name, "recycled_share").value_or(0) * 100)});
    ++rows;
  }
  return rows ? text : std::string{};
}

}  // namespace report
