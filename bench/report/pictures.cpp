// SPDX-License-Identifier: MIT
#include "pictures.hpp"

#include <cstdio>
#include <functional>

#include <fmt/format.h>

#include "names.hpp"

namespace report {
namespace {

constexpr std::string_view all_stores[] = {"varve", "floor", "rocksdb", "leveldb", "lmdb", "sqlite"};

/// One line of a plot: its name, and points as gnuplot reads them.
struct curve {
  std::string name, points;
  std::size_t count = 0;

  void add(const std::string& x, std::optional<double> y) {
    if (!y) return;
    points += fmt::format("{} {}\n", x, *y);
    ++count;
  }
};

bool plot(const std::filesystem::path& file, const std::string& settings, const std::vector<curve>& curves,
          const std::string& style) {
  std::string blocks, lines;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    blocks += fmt::format("$c{} << END\n{}END\n", i, curves[i].points);
    lines += fmt::format("{} $c{} {} title '{}' noenhanced", i ? "," : "", i, style, curves[i].name);
  }
  const std::string script = fmt::format(
      "set terminal svg size 720,420 background '#ffffff' font 'sans,12'\nset output '{}'\nset grid\n"
      "set key outside right\n{}{}plot{}\n",
      file.string(), settings, blocks, lines);
  std::FILE* const gnuplot = popen("gnuplot", "w");
  if (!gnuplot) return false;
  const bool written = std::fwrite(script.data(), 1, script.size(), gnuplot) == script.size();
  return pclose(gnuplot) == 0 && written;
}

std::vector<curve> curves_of(const std::function<void(curve&, std::string_view store)>& fill) {
  std::vector<curve> curves;
  for (const auto store : all_stores) {
    curve one{.name = std::string{store}, .points = {}};
    fill(one, store);
    if (one.count) curves.push_back(std::move(one));
  }
  return curves;
}

constexpr const char* rate_axis = "set ylabel 'records per second'\nset logscale y\nset format y '10^{%L}'\n";
constexpr const char* points_and_lines = "using 1:2 with linespoints linewidth 2";

std::vector<curve> by_payload(const results& r) {
  return curves_of([&](curve& c, std::string_view store) {
    for (const unsigned bytes : payload_sizes)
      c.add(fmt::format("{}", bytes), r.median(lap_of("append", store, bytes, 1), "records_per_second"));
  });
}

std::vector<curve> by_threads(const results& r) {
  return curves_of([&](curve& c, std::string_view store) {
    for (const unsigned threads : append_threads)
      c.add(fmt::format("{}", threads), r.median(lap_of("append", store, 128, threads), "records_per_second"));
  });
}

/// Against 1 / (1 - share), so that every further nine has the same room.
std::vector<curve> latencies(const results& r) {
  std::vector<curve> curves;
  for (const auto* store : {"varve", "floor", "floor_synced"}) {
    curve one{.name = store, .points = {}};
    for (const auto& [name, x] : {std::pair{"p50", 2.0},
                                  {"p90", 10.0},
                                  {"p99", 1e2},
                                  {"p99.9", 1e3},
                                  {"p99.99", 1e4},
                                  {"p99.999", 1e5},
                                  {"p99.9999", 1e6}})
      one.add(fmt::format("{}", x), r.median(fmt::format("latency/{}/128_B", store), name));
    if (one.count) curves.push_back(std::move(one));
  }
  return curves;
}

std::vector<curve> syncs(const results& r) {
  std::vector<curve> curves;
  for (const auto& [what, threads] : {std::pair{"quiet", 1U}, {"quiet", 8U}, {"busy", 1U}, {"busy", 8U}}) {
    curve one{.name = fmt::format("{}, {}", what, threads_text(threads)), .points = {}};
    for (const auto store : all_stores)
      one.add(std::string{store},
              r.median(lap_of(fmt::format("sync_{}", what), store, 128, threads), "records_per_second").value_or(0));
    if (r.median(lap_of(fmt::format("sync_{}", what), "varve", 128, threads), "records_per_second"))
      curves.push_back(std::move(one));
  }
  return curves;
}

std::vector<curve> reads(const results& r) {
  std::vector<curve> curves;
  for (const auto* heat : {"hot", "cold"}) {
    curve one{.name = heat, .points = {}};
    for (const unsigned stride : strides)
      one.add(fmt::format("varve/{}", stride),
              r.median(fmt::format("read/{}/varve/stride_{}", heat, stride), "ns_per_record"));
    for (const auto peer : peers)
      one.add(std::string{peer}, r.median(fmt::format("read/{}/{}", heat, peer), "ns_per_record"));
    if (one.count) curves.push_back(std::move(one));
  }
  return curves;
}

}  // namespace

std::vector<picture> draw(const results& r, const std::filesystem::path& directory) {
  std::vector<picture> drawn;
  const auto add = [&](const char* name, const char* title, const std::vector<curve>& curves, const std::string& settings,
                       const char* style) {
    const auto file = directory / fmt::format("{}.svg", name);
    if (!curves.empty() && plot(file, fmt::format("set title '{}'\n{}", title, settings), curves, style))
      drawn.push_back({file.filename().string(), title});
  };
  const std::string bars = "set style data histograms\nset style fill solid 0.8\nset logscale y\nset xtics rotate by -30\n";
  add("append_by_payload", "Appends, one thread", by_payload(r),
      fmt::format("{}set logscale x 2\nset xtics (16,128,1024,4096)\nset xrange [12:5500]\nset xlabel 'bytes of payload'\n",
                  rate_axis),
      points_and_lines);
  add("append_by_threads", "Appends of 128 B", by_threads(r),
      fmt::format("{}set xtics (1,2,4)\nset xlabel 'threads'\n", rate_axis), points_and_lines);
  add("latency", "Latency of sustained appends of 128 B", latencies(r),
      "set logscale xy\nset format y '10^{%L}'\nset ylabel 'nanoseconds'\nset xlabel 'percentile'\n"
      "set xtics ('50' 2,'90' 10,'99' 100,'99.9' 1e3,'99.99' 1e4,'99.999' 1e5,'99.9999' 1e6)\n",
      points_and_lines);
  add("sync", "Durable appends of 128 B", syncs(r), bars + "set ylabel 'records per second'\n", "using 2:xtic(1)");
  add("read", "Reads of 128 B by number", reads(r), bars + "set ylabel 'nanoseconds'\n", "using 2:xtic(1)");
  return drawn;
}

}  // namespace report
