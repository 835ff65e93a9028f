// SPDX-License-Identifier: MIT
//
// backup: a copy that is a log, and what is refused.
#include <filesystem>
#include <string>

#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

TEST_CASE("backup makes a closed log, and reports it", "[tool][backup]") {
  const place p;
  const std::string to = p.file("copy");
  REQUIRE(run({"append", p.log}, numbered_lines(10)).exit_code == 0);
  const auto before = snapshot(p.log);
  const ran r = run({"backup", p.log, to, "--json"});
  REQUIRE(r.exit_code == 0);
  CHECK(r.err.empty());
  const nlohmann::json j = r.json();
  CHECK(j.at("directory") == p.log);
  CHECK(j.at("to") == to);
  CHECK(j.at("sequences").at("first") == 1);
  CHECK(j.at("sequences").at("last") == 10);
  CHECK(j.at("next") == 11);
  CHECK(j.at("segments") == 1);
  CHECK(j.at("bytes_copied") > 4096);
  CHECK(j.at("bytes_shared") == 0);
  CHECK((snapshot(p.log) == before));
  CHECK(run({"verify", to}).exit_code == 0);
  CHECK(run({"verify", to, "--json"}).json().at("closed") == true);
  CHECK(run({"cat", to}).out == numbered_lines(10));
  CHECK(run({"append", to, "--json"}, "more\n").json().at("cut_records") == 0);
  CHECK(run({"cat", to}).out == numbered_lines(10) + "more\n");
  CHECK_THAT(run({"backup", p.log, p.file("again"), "--reflink"}).out, Catch::Contains("10 records of "));
}

TEST_CASE("backup refuses what is there, what is no log, and damage", "[tool][backup][G5]") {
  const place p;
  REQUIRE(run({"append", p.log}, numbered_lines(10)).exit_code == 0);
  const ran there = run({"backup", p.log, p.log, "--json"});
  CHECK(there.exit_code == 3);
  CHECK(there.error().at("code") == "exists");
  CHECK(run({"backup", p.file("nothing"), p.file("copy")}).exit_code == 3);
  CHECK(run({"backup", p.log}).exit_code == 2);
  CHECK(run({"backup", p.log, ""}).exit_code == 2);
  flip_bit_of(p.log, "line 5");
  const ran damaged = run({"backup", p.log, p.file("copy"), "--json"});
  CHECK(damaged.exit_code == 4);
  CHECK(damaged.error().at("code") == "damaged");
  CHECK(damaged.error().at("segment") == 1);
  CHECK(damaged.error().at("sequences").at("first") == 5);
  CHECK(!std::filesystem::exists(p.file("copy")));
}
