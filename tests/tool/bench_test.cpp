// SPDX-License-Identifier: MIT
//
// bench: the shape of its report, and that it leaves nothing behind. How fast anything is, no test says.

#include <csignal>
#include <filesystem>
#include <set>
#include <string>

#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

std::set<std::string> keys_of(const nlohmann::json& object) {
  std::set<std::string> keys;
  for (const auto& item : object.items()) keys.insert(item.key());
  return keys;
}

}  // namespace

TEST_CASE("bench reports every measurement, with the keys that docs/tool.md lists, and leaves nothing behind", "[tool]") {
  using keys = std::set<std::string>;
  const place p;
  const std::string where = p.directory.path().string();
  const ran r = run({"bench", "--bytes", "64KiB", "--json", "--threads", "1,3", where});
  REQUIRE(r.exit_code == 0);
  CHECK(r.err.empty());
  const nlohmann::json report = r.json();
  CHECK(keys_of(report) == keys{"directory", "bytes", "processors", "seconds", "complete", "append", "append_latency",
                                "sync_latency", "scan", "random_read", "open"});
  CHECK(report.at("directory") == where);
  CHECK(report.at("bytes") == 65536);
  CHECK(report.at("complete") == true);

  const nlohmann::json& appends = report.at("append");
  CHECK(appends.size() == 4 * 2 * 2);
  for (const nlohmann::json& a : appends) {
    CHECK(keys_of(a) == keys{"record_bytes", "threads", "batch", "records", "bytes", "seconds", "records_per_second",
                             "megabytes_per_second"});
    const auto records = a.at("records").get<std::uint64_t>(), size = a.at("record_bytes").get<std::uint64_t>();
    CHECK((a.at("threads") == 1 || a.at("threads") == 3));
    CHECK(a.at("bytes") == records * size);
    CHECK(records >= 1);
  }
  const keys of_latency = {"count", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "p9999_ns", "max_ns"};
  keys of_records = of_latency;
  of_records.insert("record_bytes");
  CHECK(keys_of(report.at("append_latency")) == of_records);
  CHECK(report.at("append_latency").at("count") == 65536 / 128);
  CHECK(report.at("append_latency").at("p50_ns") > 0);
  CHECK(report.at("append_latency").at("p9999_ns") == nullptr);  // 512 samples do not show it
  CHECK(report.at("append_latency").at("max_ns") >= report.at("append_latency").at("p99_ns"));
  CHECK(keys_of(report.at("random_read")) == of_records);
  CHECK(keys_of(report.at("open")) == of_latency);
  CHECK(report.at("sync_latency").size() == 2);
  CHECK(report.at("sync_latency").at(1).at("threads") == 8);
  CHECK(report.at("scan").size() == 2);
  for (const nlohmann::json& s : report.at("scan")) {
    CHECK(keys_of(s) ==
          keys{"record_bytes", "verified", "records", "bytes", "seconds", "records_per_second", "megabytes_per_second"});
    CHECK(s.at("records").get<std::uint64_t>() % (65536 / 128) == 0);  // whole passes
  }
  CHECK(std::filesystem::is_empty(where));
}

TEST_CASE("bench does not touch a log, nor what is no directory", "[tool][G7]") {
  const place p;
  REQUIRE(run({"append", p.log}, "one\n").exit_code == 0);
  const auto before = snapshot(p.log);
  const ran log = run({"bench", p.log, "--json"});
  CHECK(log.exit_code == 3);
  CHECK(log.error().at("code") == "exists");
  CHECK((snapshot(p.log) == before));
  CHECK(run({"bench", p.file("nothing")}).exit_code == 3);
  write_file(p.file("file"), "a file");
  CHECK(run({"bench", p.file("file")}).exit_code == 3);
}

TEST_CASE("bench says what it needs where the disk is too small", "[tool][G7]") {
  const place p;
  const ran r = run({"bench", p.directory.path().string(), "--bytes", "1TiB", "--json"});
  CHECK(r.exit_code == 3);
  CHECK(r.error().at("code") == "no_space");
  CHECK(r.error().at("message").get<std::string>().find("this takes up to 2.5 TiB") != std::string::npos);
  CHECK(std::filesystem::is_empty(p.directory.path()));
}

TEST_CASE("a signal ends bench without a report, and its scratch logs go", "[tool]") {
  for (const int signal : {SIGINT, SIGTERM}) {
    const place p;
    running_tool bench({"bench", p.directory.path().string()});
    REQUIRE(comes_true([&p] { return !std::filesystem::is_empty(p.directory.path()); }));
    bench.send(signal);
    const ran ended = bench.wait();
    CHECK(ended.exit_code == 128 + signal);
    CHECK(ended.out.empty());
    CHECK(ended.err.empty());
    CHECK(std::filesystem::is_empty(p.directory.path()));
  }
}

TEST_CASE("bench refuses amounts and threads that cannot be meant", "[tool]") {
  for (const char* threads : {"0", "1,x", "257", "1;2"}) CHECK(run({"bench", "--threads", threads}).exit_code == 2);
  CHECK(run({"bench", "--bytes", "1K"}).exit_code == 2);
  CHECK(run({"bench", ""}).exit_code == 2);
}
