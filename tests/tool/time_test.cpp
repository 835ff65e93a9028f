// SPDX-License-Identifier: MIT
//
// The tool and the times of records: how they are written, read, shown and asked for.

#include <string>
#include <vector>

#include <varve/log.hpp>

#include "cli/times.hpp"
#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

using varve::cli::time_of;

/// Records "a" to "e", an hour apart from nine o'clock on; "d" came late.
struct timed_log : place {
  static constexpr std::int64_t nine = 1'764'320'400'000'000'000, hour = 3'600'000'000'000;
  timed_log() {
    REQUIRE(run({"create", log, "--times"}).exit_code == 0);
    auto l = varve::log::open(log);
    REQUIRE(l);
    const std::int64_t hours[] = {0, 1, 2, 0, 3};
    for (int i = 0; i < 5; ++i)
      REQUIRE(l->append(std::string(1, static_cast<char>('a' + i)), {.time = time_of(nine + hours[i] * hour)}).has_value());
  }
};

}  // namespace

TEST_CASE("create --times makes a log whose records have times, and stat says so", "[tool][time]") {
  const place p;
  const ran made = run({"create", p.log, "--times", "--json"});
  CHECK(made.json().at("record_times") == true);
  CHECK(run({"stat", p.log, "--json"}).json().at("record_times") == true);
  CHECK(run({"stat", p.log}).out.find("times of records") != std::string::npos);
  REQUIRE(run({"append", p.log}, "one\n").exit_code == 0);
  const std::string time = run({"get", p.log, "1", "--json"}).json().at("time");
  CHECK(time.size() == std::string{"2025-11-28T09:00:00.000000000Z"}.size());
  CHECK(time.substr(0, 2) == "20");
  const place without;
  CHECK(run({"create", without.log, "--json"}).json().at("record_times") == false);
  REQUIRE(run({"append", without.log}, "one\n").exit_code == 0);
  CHECK_FALSE(run({"get", without.log, "1", "--json"}).json().contains("time"));
  CHECK(run({"stat", without.log, "--json"}).json().at("record_times") == false);
}

TEST_CASE("cat begins at --since and ends before what is later than --until", "[tool][time]") {
  const timed_log p;
  CHECK(run({"cat", p.log}).out == "a\nb\nc\nd\ne\n");
  CHECK(run({"cat", p.log, "--since", "2025-11-28T10:00:00Z"}).out == "b\nc\nd\ne\n");
  CHECK(run({"cat", p.log, "--since", "2025-11-28T10:00:00.000000001Z"}).out == "c\nd\ne\n");
  CHECK(run({"cat", p.log, "--until", "2025-11-28T10:00Z"}).out == "a\nb\n");
  CHECK(run({"cat", p.log, "--since", "2025-11-28 12:00+02:00", "--until", "2025-11-28T11:00"}).out == "b\nc\nd\n");
  CHECK(run({"cat", p.log, "--since", "1764331200"}).out == "e\n");
  CHECK(run({"cat", p.log, "--since", "2025-11-29"}).out.empty());
  CHECK(run({"cat", p.log, "--until", "2025-11-28"}).out.empty());
  CHECK(run({"cat", p.log, "--until", "2025-11-28"}).exit_code == 0);
  CHECK(run({"tail", p.log, "--since", "2025-11-28T11:00Z"}).out == "c\nd\ne\n");
  const ran json = run({"cat", p.log, "--since", "1764331200", "--json"});
  CHECK(json.json().at("time") == "2025-11-28T12:00:00.000000000Z");
  CHECK(run({"get", p.log, "1", "--format", "hex"}).out.find("2025-11-28T09:00:00.000000000Z") != std::string::npos);
}

TEST_CASE("times that cannot be meant are refused as usage", "[tool][time]") {
  const timed_log p;
  for (const char* time : {"", "yesterday", "2025-13-01", "2025-02-29", "2025-11-28T24:00Z", "2025-11-28T09:60Z", "-1",
                           "2025-11-28T09:00Zz", "2025-11-28T09", "1764320400.", "1.2345678901", "99999999999999"}) {
    CAPTURE(time);
    CHECK(run({"cat", p.log, "--since", time}).exit_code == 2);
  }
  CHECK(run({"cat", p.log, "--since", "1764331200", "--until", "1764331199"}).exit_code == 2);
  CHECK(run({"cat", p.log, "--since", "1764331200", "--from", "2"}).exit_code == 2);
  CHECK(run({"tail", p.log, "--since", "1764331200", "-n", "2"}).exit_code == 2);
  const place without;
  REQUIRE(run({"append", without.log}, "one\n").exit_code == 0);
  const ran refused = run({"cat", without.log, "--since", "1", "--json"});
  CHECK(refused.exit_code == 2);
  CHECK(refused.error().at("code") == "no_times");
}
