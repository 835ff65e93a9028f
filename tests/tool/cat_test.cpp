// SPDX-License-Identifier: MIT
//
// cat and get: ranges, limits, and the ways of not being there.

#include <string>

#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

struct log_of_ten : place {
  log_of_ten() { REQUIRE(run({"append", log}, numbered_lines(10)).exit_code == 0); }
};

}  // namespace

TEST_CASE("--from and --to are both inclusive", "[tool]") {
  const log_of_ten p;
  CHECK(run({"cat", p.log, "--from", "3", "--to", "5"}).out == "line 3\nline 4\nline 5\n");
  CHECK(run({"cat", p.log, "--from", "5", "--to", "5"}).out == "line 5\n");
  CHECK(run({"cat", p.log, "--to", "2"}).out == "line 1\nline 2\n");
  const ran tail = run({"cat", p.log, "--from", "10"});
  CHECK(tail.out == "line 10\n");
  CHECK(tail.exit_code == 0);
}

TEST_CASE("--limit counts records, and a number with a leading zero is decimal", "[tool]") {
  const log_of_ten p;
  CHECK(run({"cat", p.log, "--limit", "2"}).out == "line 1\nline 2\n");
  CHECK(run({"cat", p.log, "--from", "010", "--limit", "2"}).out == "line 10\n");
  const ran limited = run({"cat", p.log, "--to", "99", "--limit", "3"});
  CHECK(limited.out == "line 1\nline 2\nline 3\n");
  CHECK(limited.exit_code == 0);
}

TEST_CASE("past the end: what is there is printed, the answer is 1 and says why", "[tool][G8]") {
  const log_of_ten p;
  for (const char* from : {"11", "12", "1000000000"}) {
    CAPTURE(from);
    const ran behind = run({"cat", p.log, "--from", from});
    CHECK(behind.exit_code == 1);
    CHECK(behind.out.empty());
    CHECK_FALSE(behind.err.empty());
    CHECK(run({"get", p.log, from}).exit_code == 1);
  }
  const ran beyond = run({"cat", p.log, "--from", "9", "--to", "11", "--format", "text"});
  CHECK(beyond.exit_code == 1);
  CHECK(beyond.out == "line 9\nline 10\n");
  CHECK(run({"get", p.log, "11", "--json"}).error().at("code") == "not_yet");
}

TEST_CASE("ranges that cannot be meant are refused as usage", "[tool]") {
  const log_of_ten p;
  CHECK(run({"cat", p.log, "--from", "5", "--to", "4"}).exit_code == 2);
  CHECK(run({"cat", p.log, "--from", "-1"}).exit_code == 2);
  CHECK(run({"cat", p.log, "--from", "0"}).exit_code == 2);
  CHECK(run({"cat", p.log, "--from", "1x"}).exit_code == 2);
  CHECK(run({"cat", p.log, "--limit", "0"}).exit_code == 2);
  CHECK(run({"cat", p.log, "--from", "18446744073709551616"}).exit_code == 2);
  CHECK(run({"cat", p.log, "--format", "xml"}).exit_code == 2);
  CHECK(run({"get", p.log, "0"}).exit_code == 2);
  CHECK(run({"get", p.log}).exit_code == 2);
}

TEST_CASE("the log of no records prints nothing and is fine", "[tool]") {
  const place p;
  REQUIRE(run({"create", p.log}).exit_code == 0);
  const ran cat = run({"cat", p.log});
  CHECK(cat.exit_code == 0);
  CHECK(cat.out.empty());
  CHECK(run({"get", p.log, "1"}).exit_code == 1);
  CHECK(run({"cat", p.log, "--from", "1"}).exit_code == 1);
}
