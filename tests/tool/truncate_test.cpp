// SPDX-License-Identifier: MIT
//
// truncate: what goes, what is said, and what is refused.
#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

TEST_CASE("truncate drops what is behind a sequence, and only that", "[tool][truncate]") {
  const place p;
  REQUIRE(run({"append", p.log}, numbered_lines(10)).exit_code == 0);
  const nlohmann::json j = run({"truncate", p.log, "--after", "7", "--json"}).json();
  CHECK(j.at("dropped") == 3);
  CHECK(j.at("first") == 1);
  CHECK(j.at("published") == 7);
  CHECK(run({"truncate", p.log, "--after", "7", "--json"}).json().at("dropped") == 0);
  CHECK_THAT(run({"truncate", p.log, "--after", "6"}).out, Catch::Contains("the next one gets 7"));
  CHECK(run({"get", p.log, "6"}).exit_code == 0);
  CHECK(run({"get", p.log, "7"}).exit_code == 1);
  const ran far = run({"truncate", p.log, "--after", "7", "--json"});
  CHECK(far.exit_code == 1);
  CHECK(far.error().at("code") == "past_end");
  CHECK(run({"trim", p.log, "--before", "4"}).exit_code == 0);
  const ran near = run({"truncate", p.log, "--after", "2", "--json"});
  CHECK(near.exit_code == 1);
  CHECK(near.error().at("code") == "trimmed");
  CHECK(run({"truncate", p.log}).exit_code == 2);
  CHECK(run({"truncate", p.log, "--after", "5", "--reset", "5", "--yes"}).exit_code == 2);
  CHECK(run({"truncate", p.log + "x", "--after", "1"}).exit_code == 3);
  CHECK(run({"verify", p.log}).exit_code == 0);
}

TEST_CASE("truncate --reset drops everything, and asks for --yes", "[tool][truncate]") {
  const place p;
  REQUIRE(run({"append", p.log}, numbered_lines(10)).exit_code == 0);
  CHECK(run({"truncate", p.log, "--reset", "50"}).exit_code == 2);
  CHECK(run({"get", p.log, "10"}).exit_code == 0);
  const nlohmann::json j = run({"truncate", p.log, "--reset", "50", "--yes", "--json"}).json();
  CHECK(j.at("dropped") == 10);
  CHECK(j.at("first") == 50);
  CHECK(j.at("published") == 49);
  REQUIRE(run({"append", p.log}, "x\n").exit_code == 0);
  CHECK(run({"get", p.log, "50"}).exit_code == 0);
  CHECK(run({"truncate", p.log, "--reset", "0", "--yes"}).exit_code == 2);
}
