// SPDX-License-Identifier: MIT
//
// upgrade: a log of this version, out of one that varve 0.1 made.
#include <filesystem>
#include <string>

#include "golden/version1.hpp"
#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

TEST_CASE("upgrade makes a log of this version, and reports it", "[tool][upgrade][version1]") {
  const place p;
  const std::string made = p.file("new");
  make_log_of_version_1(p.log, "killed");
  make_it_the_original(p.log);
  const auto before = snapshot(p.log);
  for (const std::string verb : {"cat", "stat", "ls", "verify", "append", "trim --before 1"}) {
    INFO(verb);
    const auto space = verb.find(' ');
    std::vector<std::string> arguments{verb.substr(0, space), p.log, "--json"};
    if (space != std::string::npos) arguments.insert(arguments.end(), {"--before", "1"});
    const ran refused = run(arguments);
    CHECK(refused.exit_code == 3);
    CHECK(refused.error().at("code") == "older_format");
  }
  const ran r = run({"upgrade", p.log, made, "--json"});
  REQUIRE(r.exit_code == 0);
  CHECK(r.err.empty());
  const nlohmann::json j = r.json();
  CHECK(j.at("directory") == p.log);
  CHECK(j.at("new") == made);
  CHECK(j.at("sequences").at("first") == 1);
  CHECK(j.at("sequences").at("last") == 5);
  CHECK(j.at("next") == 6);
  CHECK(j.at("segments") == 1);
  CHECK(j.at("bytes_copied") > 4096);
  CHECK(j.at("bytes_shared") == 0);
  CHECK(j.at("stepped_over") == 1);
  CHECK(j.at("cut_records") == 0);
  CHECK(j.at("findings").at(0).at("row") == "M");
  CHECK((snapshot(p.log) == before));
  CHECK(run({"verify", made}).exit_code == 0);
  CHECK(run({"cat", made}).out == "before\nbehind the hole\nb1\nb2\n");
  CHECK(run({"append", made}, "more\n").exit_code == 0);
  CHECK(run({"cat", made}).out == "before\nbehind the hole\nb1\nb2\nmore\n");
  CHECK_THAT(run({"upgrade", p.log, p.file("again")}).out, Catch::Contains("5 sequences of "));
}

TEST_CASE("upgrade refuses what is there, what needs none, and damage", "[tool][upgrade][version1]") {
  const place p;
  make_log_of_version_1(p.log, "closed");
  make_it_the_original(p.log);
  const auto code = [&](const std::string& from, const std::string& to) {
    const ran r = run({"upgrade", from, to, "--json"});
    CHECK(r.out.empty());
    return std::to_string(r.exit_code) + " " + r.error().at("code").get<std::string>();
  };
  CHECK(code(p.log, p.log) == "3 exists");
  CHECK(code(p.file("nothing"), p.file("new")) == "3 not_found");
  REQUIRE(run({"create", p.file("current")}).exit_code == 0);
  CHECK(code(p.file("current"), p.file("new")) == "2 up_to_date");
  flip_bit_of(p.log, "three");
  CHECK(code(p.log, p.file("new")) == "4 damaged");
  CHECK(!std::filesystem::exists(p.file("new")));
}
