// SPDX-License-Identifier: MIT
//
// trim and retain: what goes, what is said, and what is refused.
#include <string>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

std::string long_lines(int count) {
  std::string all;
  for (int i = 1; i <= count; ++i) all += std::to_string(i) + std::string(4000, '.') + '\n';
  return all;
}

}  // namespace

TEST_CASE("trim drops what is before a sequence, and only that", "[tool][trim]") {
  const place p;
  REQUIRE(run({"append", p.log}, numbered_lines(10)).exit_code == 0);
  const ran r = run({"trim", p.log, "--before", "4", "--json"});
  REQUIRE(r.exit_code == 0);
  const nlohmann::json j = r.json();
  CHECK(j.at("dropped") == 3);
  CHECK(j.at("first") == 4);
  CHECK(j.at("published") == 10);
  CHECK(run({"trim", p.log, "--before", "4", "--json"}).json().at("dropped") == 0);
  CHECK_THAT(run({"trim", p.log, "--before", "5"}).out, Catch::Contains("begins with 5"));
  CHECK(run({"get", p.log, "4"}).exit_code == 1);
  CHECK(run({"get", p.log, "5"}).exit_code == 0);
  const ran far = run({"trim", p.log, "--before", "99", "--json"});
  CHECK(far.exit_code == 1);
  CHECK(far.error().at("code") == "past_end");
  CHECK(run({"trim", p.log}).exit_code == 2);
  CHECK(run({"trim", p.log, "--before", "0"}).exit_code == 2);
  CHECK(run({"trim", p.log + "x", "--before", "1"}).exit_code == 3);
  CHECK(run({"verify", p.log}).exit_code == 0);
}

TEST_CASE("retain says what would go before it goes", "[tool][retention]") {
  const place p;
  REQUIRE(run({"create", p.log, "--segment-size", "64KiB"}).exit_code == 0);
  REQUIRE(run({"append", p.log}, long_lines(100)).exit_code == 0);
  CHECK(run({"retain", p.log, "--max-segments", "2"}).exit_code == 2);
  const nlohmann::json plan = run({"retain", p.log, "--max-segments", "2", "--dry-run", "--json"}).json();
  REQUIRE(plan.at("segments").size() == 7);
  CHECK(plan.at("segments").at(4).at("goes") == true);
  CHECK(plan.at("segments").at(5).at("goes") == false);
  CHECK(run({"get", p.log, "1"}).exit_code == 0);
  const ran done = run({"retain", p.log, "--max-segments", "2", "--yes"});
  CHECK(done.exit_code == 0);
  CHECK_THAT(done.out, Catch::Contains("5 of 7 segments went, 320 KiB"));
  CHECK(segment_numbers(p.log).size() == 2);
  CHECK(run({"get", p.log, "75"}).exit_code == 1);
  CHECK(run({"get", p.log, "76"}).exit_code == 0);
  CHECK(run({"retain", p.log, "--max-bytes", "64KiB", "--keep-records", "20", "--yes"}).exit_code == 0);
  CHECK(run({"get", p.log, "76"}).exit_code == 0);
  CHECK(run({"retain", p.log, "--max-age", "7d", "--dry-run"}).exit_code == 0);
}
