// SPDX-License-Identifier: MIT
//
// recover --rebuild-state: a log that has lost varve.state or varve.meta leads somewhere.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "golden/version1.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

void make_log(const place& p) {
  REQUIRE(run({"create", p.log, "--segment-size", "64KiB", "--times"}).exit_code == 0);
  REQUIRE(run({"append", p.log}, "one\ntwo\nthree\n").exit_code == 0);
}

void lose(const place& p, const std::string& name) { std::filesystem::remove(std::filesystem::path{p.log} / name); }

void spoil(const place& p, const std::string& name) {
  const auto file = std::filesystem::path{p.log} / name;
  for (std::uint64_t at = 100; at < std::filesystem::file_size(file); at += 4096) flip_bit(file, at);
}

}  // namespace

TEST_CASE("every verb names the lost file, and the way out", "[tool][rebuild]") {
  for (const std::string name : {"varve.state", "varve.meta"})
    for (const bool is_missing : {true, false})
      for (const std::string verb : {"stat", "verify", "cat", "ls", "append", "recover"}) {
        INFO(verb << ", " << name << (is_missing ? " missing" : " spoiled"));
        const place p;
        make_log(p);
        is_missing ? lose(p, name) : spoil(p, name);
        const ran r = run({verb, p.log});
        CHECK(r.exit_code == 4);
        CHECK(r.out.empty());
        CHECK_THAT(r.err, Catch::Contains(p.log + '/' + name));
        CHECK_THAT(r.err, Catch::Contains("varve recover --rebuild-state"));
        CHECK_THAT(r.err, Catch::Contains("varve salvage"));
      }
}

TEST_CASE("recover --rebuild-state makes a lost state and meta again", "[tool][rebuild]") {
  for (const char* const lost : {"state", "meta", "both"})
    for (const bool is_missing : {true, false}) {
      INFO(lost << (is_missing ? " missing" : " spoiled"));
      const place p;
      make_log(p);
      const bool no_state = lost != std::string{"meta"}, no_meta = lost != std::string{"state"};
      for (const std::string name : {"varve.state", "varve.meta"})
        if (name == "varve.state" ? no_state : no_meta) is_missing ? lose(p, name) : spoil(p, name);
      const auto before = snapshot(p.log);
      const ran foretold = run({"recover", p.log, "--rebuild-state", "--dry-run", "--json"});
      REQUIRE(foretold.exit_code == 0);
      CHECK(foretold.json().at("dry_run") == true);
      CHECK((snapshot(p.log) == before));
      const ran r = run({"recover", p.log, "--rebuild-state", "--json"});
      REQUIRE(r.exit_code == 0);
      const nlohmann::json j = r.json();
      CHECK(j.at("state") == no_state);
      CHECK(j.at("meta") == no_meta);
      CHECK(j.at("sequences").at("first") == 1);
      CHECK(j.at("sequences").at("last") == 3);
      CHECK(j.at("next") == 4);
      CHECK(j.at("segments") == 1);
      CHECK(j.at("may_have_been_trimmed").is_null() == !no_state);
      CHECK(j.at("truncated_from").is_null());
      CHECK(j.at("segment_bytes") == 65536);
      CHECK(j.at("record_times") == true);
      CHECK(j.at("checksum") == "xxh3");
      CHECK(j.at("next_open").at("findings").empty());
      CHECK(j.at("kept_in").is_null() == is_missing);
      CHECK(run({"cat", p.log}).out == "one\ntwo\nthree\n");
      CHECK(run({"append", p.log}, "four\n").exit_code == 0);
      CHECK(run({"verify", p.log}).exit_code == 0);
      CHECK(run({"cat", p.log}).out == "one\ntwo\nthree\nfour\n");
    }
}

TEST_CASE("recover --rebuild-state says what it did, and what may come back", "[tool][rebuild]") {
  const place p;
  make_log(p);
  REQUIRE(run({"trim", p.log, "--before", "3"}).exit_code == 0);
  spoil(p, "varve.state");
  const ran r = run({"recover", p.log, "--rebuild-state"});
  CHECK(r.exit_code == 0);
  CHECK_THAT(r.out, Catch::Contains("varve.state was made again"));
  CHECK_THAT(r.out, Catch::Contains("sequences 1 to 3: the first of them, or all, may have been trimmed"));
  CHECK_THAT(r.out, Catch::Contains("set-aside-"));
  CHECK(run({"cat", p.log}).out == "one\ntwo\nthree\n");
}

TEST_CASE("recover --rebuild-state refuses what needs none, and what it cannot prove", "[tool][rebuild]") {
  const place p;
  make_log(p);
  const auto code = [](const std::string& directory) {
    const ran r = run({"recover", directory, "--rebuild-state", "--json"});
    CHECK(r.out.empty());
    return std::to_string(r.exit_code) + " " + r.error().at("code").get<std::string>();
  };
  CHECK(code(p.log) == "2 nothing_to_rebuild");
  CHECK(code(p.file("nothing")) == "3 not_found");
  CHECK(run({"recover", p.log, "--rebuild-state", "--accept-loss"}).exit_code == 2);
  make_log_of_version_1(p.file("old"), "closed");
  CHECK(code(p.file("old")) == "3 older_format");
  std::filesystem::remove(p.file("old") + "/varve.meta");
  CHECK(code(p.file("old")) == "3 older_format");

  lose(p, "varve.state");
  const int held = ::open(p.log.c_str(), O_RDONLY | O_DIRECTORY);
  REQUIRE(::flock(held, LOCK_EX) == 0);
  CHECK(code(p.log) == "5 locked");
  ::close(held);
  flip_payload_bit(p.log, 2);
  const auto before = snapshot(p.log);
  const ran r = run({"recover", p.log, "--rebuild-state"});
  CHECK(r.exit_code == 4);
  CHECK_THAT(r.err, Catch::Contains("varve salvage " + p.log + " NEW"));
  CHECK((snapshot(p.log) == before));
  CHECK(run({"salvage", p.log, p.file("saved")}).exit_code == 1);
}
