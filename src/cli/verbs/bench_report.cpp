// SPDX-License-Identifier: MIT
//
// The numbers of bench, as a table and as JSON.

#include <thread>

#include <nlohmann/json.hpp>

#include "cli/json.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs/bench.hpp"

namespace varve::cli {
namespace {

std::string time_text(std::optional<std::uint64_t> nanoseconds) {
  if (!nanoseconds) return "-";
  const auto value = static_cast<double>(*nanoseconds);
  if (value < 1e3) return fmt::format("{} ns", *nanoseconds);
  if (value < 1e6) return fmt::format("{:.1f} us", value / 1e3);
  if (value < 1e9) return fmt::format("{:.1f} ms", value / 1e6);
  return fmt::format("{:.1f} s", value / 1e9);
}

std::string per_second(const bench_rate& rate) { return count_text(static_cast<std::uint64_t>(rate.records_per_second())); }

std::string threads_text(std::size_t threads) { return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s"); }

void add_latency(table& t, std::string what, const bench_latency& l) {
  t.rows.push_back({std::move(what), count_text(l.count), time_text(l.p50), time_text(l.p90), time_text(l.p99),
                    time_text(l.p999), time_text(l.p9999), time_text(l.max)});
}

nlohmann::ordered_json rate_json(nlohmann::ordered_json object, const bench_rate& rate) {
  object["records"] = rate.records;
  object["bytes"] = rate.bytes;
  object["seconds"] = rate.seconds;
  object["records_per_second"] = rate.records_per_second();
  object["megabytes_per_second"] = rate.megabytes_per_second();
  return object;
}

nlohmann::ordered_json latency_json(nlohmann::ordered_json object, const bench_latency& l) {
  const auto known = [](const std::optional<std::uint64_t>& n) { return n ? nlohmann::ordered_json(*n) : nullptr; };
  object["count"] = l.count;
  object["p50_ns"] = known(l.p50);
  object["p90_ns"] = known(l.p90);
  object["p99_ns"] = known(l.p99);
  object["p999_ns"] = known(l.p999);
  object["p9999_ns"] = known(l.p9999);
  object["max_ns"] = l.max;
  return object;
}

}  // namespace

void write_bench_text(const bench_report& report, output& out) {
  table rates{.to_the_right = {false, true, true}, .rows = {{"", "records/s", "MB/s"}}};
  for (const auto& a : report.appends) {
    const std::string batch = a.batch == 1 ? "" : fmt::format(", batches of {}", a.batch);
    rates.rows.push_back({fmt::format("append {} B, {}{}", a.record_bytes, threads_text(a.threads), batch),
                          per_second(a.rate), fmt::format("{:.1f}", a.rate.megabytes_per_second())});
  }
  for (const auto& s : report.scans) {
    rates.rows.push_back(
        {fmt::format("read {} B in order, checksums {}", bench_usual_bytes, s.verified ? "checked" : "not checked"),
         per_second(s.rate), fmt::format("{:.1f}", s.rate.megabytes_per_second())});
  }
  table times{.to_the_right = {false, true, true, true, true, true, true, true},
              .rows = {{"", "count", "p50", "p90", "p99", "p99.9", "p99.99", "max"}}};
  if (report.append_latency) add_latency(times, fmt::format("append {} B", bench_usual_bytes), *report.append_latency);
  for (const auto& s : report.syncs) {
    add_latency(times, fmt::format("durable append, {}", threads_text(s.threads)), s.latency);
  }
  if (report.random_read) add_latency(times, "read by number", *report.random_read);
  if (report.open) add_latency(times, "open after a clean close", *report.open);
  out.write(rates.text());
  out.write("\n");
  out.write(times.text());
  out.print("\n{:.1f} s, up to {} in each log, in {}; what was read stood in the page cache\n", report.seconds,
            size_text(report.bytes), report.directory);
  if (!report.complete)
    out.write("time was up before all was measured; --bytes takes away the limit, or makes it less work\n");
}

void write_bench_json(const bench_report& report, output& out) {
  using nlohmann::ordered_json;
  ordered_json appends = ordered_json::array(), syncs = ordered_json::array(), scans = ordered_json::array();
  for (const auto& a : report.appends) {
    appends.push_back(rate_json({{"record_bytes", a.record_bytes}, {"threads", a.threads}, {"batch", a.batch}}, a.rate));
  }
  for (const auto& s : report.syncs) {
    syncs.push_back(latency_json({{"record_bytes", bench_usual_bytes}, {"threads", s.threads}}, s.latency));
  }
  for (const auto& s : report.scans) {
    scans.push_back(rate_json({{"record_bytes", bench_usual_bytes}, {"verified", s.verified}}, s.rate));
  }
  const auto if_measured = [](const ordered_json& object, const std::optional<bench_latency>& l) {
    return l ? latency_json(object, *l) : ordered_json{};
  };
  const ordered_json of_usual_bytes = {{"record_bytes", bench_usual_bytes}};
  ordered_json j;
  add_bytes(j, "directory", "directory_base64", report.directory);
  j["bytes"] = report.bytes;
  j["processors"] = std::thread::hardware_concurrency();
  j["seconds"] = report.seconds;
  j["complete"] = report.complete;
  j["append"] = std::move(appends);
  j["append_latency"] = if_measured(of_usual_bytes, report.append_latency);
  j["sync_latency"] = std::move(syncs);
  j["scan"] = std::move(scans);
  j["random_read"] = if_measured(of_usual_bytes, report.random_read);
  j["open"] = if_measured(ordered_json::object(), report.open);
  out.write(one_line(j));
}

}  // namespace varve::cli
