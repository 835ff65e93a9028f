// SPDX-License-Identifier: MIT
//
// Every class of error has its exit code, and says as JSON what it concerns.

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

// Holds the writer's lock as another process would: flock knows only open files, not processes.
class held_lock {
 public:
  explicit held_lock(const std::string& directory)
      : directory_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    REQUIRE(directory_ >= 0);
    REQUIRE(::flock(directory_, LOCK_EX | LOCK_NB) == 0);
  }
  held_lock(const held_lock&) = delete;
  held_lock& operator=(const held_lock&) = delete;
  ~held_lock() { ::close(directory_); }

 private:
  int directory_;
};

const std::vector<std::vector<std::string>> reading_verbs = {{"cat"}, {"ls"}, {"verify"}, {"get"}, {"tail"}, {"stat"}};

std::vector<std::string> with_log(std::vector<std::string> words, const std::string& log) {
  words.push_back(log);
  if (words.front() == "get") words.emplace_back("1");
  return words;
}

}  // namespace

TEST_CASE("a second writer is turned away with 5, and nothing changes", "[tool][G7]") {
  const place p;
  REQUIRE(run({"append", p.log}, "one\n").exit_code == 0);
  const auto before = snapshot(p.log);
  const held_lock lock(p.log);
  const ran append = run({"append", p.log, "--json"}, "two\n");
  CHECK(append.exit_code == 5);
  CHECK(append.error().at("code") == "locked");
  CHECK(append.out.empty());
  CHECK((snapshot(p.log) == before));
}

TEST_CASE("reading takes no lock that a writer holds, and writes nothing", "[tool][G8]") {
  const place p;
  REQUIRE(run({"append", p.log}, numbered_lines(100)).exit_code == 0);
  const auto before = snapshot(p.log);
  const held_lock lock(p.log);
  for (const auto& verb : reading_verbs) {
    CAPTURE(verb);
    CHECK(run(with_log(verb, p.log)).exit_code == 0);
  }
  CHECK((snapshot(p.log) == before));
}

TEST_CASE("where no log is, reading answers 3 and makes nothing", "[tool][G7][G8]") {
  const place p;
  for (const auto& verb : reading_verbs) {
    CAPTURE(verb);
    auto words = with_log(verb, p.log);
    words.emplace_back("--json");
    const ran r = run(words);
    CHECK(r.exit_code == 3);
    CHECK(r.error().at("code") == "not_found");
    CHECK(r.out.empty());
  }
  CHECK_FALSE(std::filesystem::exists(p.log));
}

TEST_CASE("what is no log is refused by every verb, and not touched", "[tool][G7]") {
  const place p;
  const std::string file = p.file("file"), foreign = p.file("foreign");
  write_file(file, "a file");
  std::filesystem::create_directory(foreign);
  write_file(foreign + "/varve.meta", std::string(4096, 'm'));
  write_file(foreign + "/notes.txt", "notes");
  const auto before = snapshot(p.directory.path());
  for (const std::string& place : {file, foreign}) {
    CAPTURE(place);
    for (const auto& verb : reading_verbs) CHECK(run(with_log(verb, place)).exit_code == 3);
    CHECK(run({"append", place}, "x\n").exit_code == 3);
    CHECK(run({"create", place}).exit_code == 3);
  }
  CHECK(run({"append", foreign, "--json"}, "x\n").error().at("code") == "not_a_log");
  CHECK((snapshot(p.directory.path()) == before));
}

TEST_CASE("create refuses where a log is, with 3, also while somebody writes it", "[tool][G7]") {
  const place p;
  REQUIRE(run({"append", p.log}, "one\n").exit_code == 0);
  const auto before = snapshot(p.log);
  const ran again = run({"create", p.log, "--json"});
  CHECK(again.exit_code == 3);
  CHECK(again.error().at("code") == "exists");
  const held_lock lock(p.log);
  CHECK(run({"create", p.log}).exit_code == 3);
  CHECK((snapshot(p.log) == before));
}

TEST_CASE("wrong options are 2, whoever notices them", "[tool][G7]") {
  const place p;
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"dance"},
                                                       {"append"},
                                                       {"append", p.log, "--threads", "0"},
                                                       {"append", p.log, "--threads", "many"},
                                                       {"append", p.log, "--batch", "0"},
                                                       {"append", p.log, "--type", "65536"},
                                                       {"append", p.log, "--split", "words"},
                                                       {"append", p.log, "--durability", "some"},
                                                       {"append", p.log, "--window", "1ms"},
                                                       {"append", p.log, "--durability", "grouped", "--interval", "1s"},
                                                       {"append", p.log, "--durability", "immediate", "--bytes", "1K"},
                                                       {"append", p.log, "--durability", "periodic", "--window", "1ms"},
                                                       {"append", p.log, "--durability", "periodic", "--records", "0"},
                                                       {"append", p.log, "--flags"},
                                                       {"append", p.log, "two"},
                                                       {"create", p.log, "--segment-size", "64MB"},
                                                       {"create", p.log, "--segment-size", "65537"},
                                                       {"create", p.log, "--segment-size", "32K"},
                                                       {"create", p.log, "--segment-size", "8G"},
                                                       {"create", p.log, "--segment-size", "99999999999999999999G"},
                                                       {"create", p.log, "--checksum", "md5"},
                                                       {"create", p.log, "--version-info", std::string(256, 'v')}};
  for (auto words : wrong) {
    CAPTURE(words);
    const ran text = run(words);
    CHECK(text.exit_code == 2);
    CHECK(text.out.empty());
    CHECK_FALSE(text.err.empty());
    if (words.empty()) continue;
    words.emplace_back("--json");
    const ran json = run(words);
    CHECK(json.exit_code == 2);
    const std::string code = json.error().at("code");
    CHECK(std::set<std::string>{"usage", "bad_option"}.contains(code));
  }
  CHECK_FALSE(std::filesystem::exists(p.log));
}

TEST_CASE("an error as JSON has all its members", "[tool][G7]") {
  const place p;
  const nlohmann::json error = run({"ls", p.log, "--json"}).error();
  for (const char* member : {"code", "message", "path", "segment", "offset", "sequences", "errno"}) {
    CAPTURE(member);
    CHECK(error.contains(member));
  }
  CHECK(error.at("path").get<std::string>().find("log") != std::string::npos);
}

TEST_CASE("a wrong value is answered with its flag and what it may be", "[tool][G7]") {
  const place p;
  struct wrong {
    std::string flag, value, says;
  };
  const std::string sizes = " is not a size from 64 KiB to 4 GiB in steps of 64 KiB";
  for (const wrong& w : {wrong{"--segment-size", "8GiB", "8GiB" + sizes}, wrong{"--segment-size", "65537", "65537" + sizes},
                         wrong{"--segment-size", "64", "64" + sizes}, wrong{"--segment-size", "0", "0" + sizes},
                         wrong{"--version-info", std::string(256, 'v'), "256 bytes are too many; it takes up to 255"}}) {
    CAPTURE(w.flag, w.value);
    const ran r = run({"create", p.log, w.flag, w.value});
    CHECK(r.exit_code == 2);
    CHECK(r.err.find("varve create: " + w.flag + ": " + w.says) == 0);
    CHECK(run({"create", p.log, w.flag, w.value, "--json"}).error().at("code") == "usage");
  }
  CHECK_FALSE(std::filesystem::exists(p.log));
  CHECK(run({"create", p.log, "--version-info", std::string(255, 'v')}).exit_code == 0);
}

TEST_CASE("a log that is there already is described, or at least the flag named that it contradicts", "[tool][G7]") {
  const place p;
  REQUIRE(run({"create", p.log, "--segment-size", "128K"}).exit_code == 0);
  const ran exists = run({"create", p.log, "--segment-size", "64K"});
  CHECK(exists.exit_code == 3);
  CHECK(exists.err.find("a log with segments of 128 KiB is there already") != std::string::npos);

  // No view of it can be had.
  std::filesystem::remove(p.log + "/varve.live");
  std::filesystem::create_directory(p.log + "/varve.live");
  const ran size = run({"create", p.log, "--segment-size", "64K", "--json"});
  CHECK(size.exit_code == 2);
  CHECK(size.error().at("code") == "bad_option");
  CHECK(size.error().at("message").get<std::string>().find("--segment-size: a log is in " + p.log) == 0);
  CHECK(run({"create", p.log, "--segment-size", "128K", "--checksum", "crc64"}).err.find("--checksum: ") !=
        std::string::npos);
}

TEST_CASE("a parent that is missing is named", "[tool][G7]") {
  const place p;
  for (const std::string log : {"x/y/z", "x/y/z/", "x/y//z"}) {
    for (const char* verb : {"append", "create"}) {
      CAPTURE(log, verb);
      const ran r = run({verb, p.file(log), "--json"});
      CHECK(r.exit_code == 3);
      CHECK(r.error().at("code") == "not_found");
      CHECK(r.error().at("message").get<std::string>().find("the parent directory " + p.file("x/y")) != std::string::npos);
      CHECK(r.error().at("path").get<std::string>().find(p.file("x/y")) == 0);
    }
  }
  CHECK_FALSE(std::filesystem::exists(p.file("x")));
}

TEST_CASE("an empty path is named", "[tool][G7]") {
  for (const char* verb : {"append", "create", "cat", "tail", "ls", "stat", "verify"}) {
    CAPTURE(verb);
    const ran r = run({verb, ""});
    CHECK(r.exit_code == 2);
    CHECK(r.err.find("DIR: the path \"\" is empty") != std::string::npos);
  }
  CHECK(run({"get", "", "1"}).err.find("DIR: the path \"\" is empty") != std::string::npos);
  const place p;
  CHECK(run({"append", p.log, "--file", ""}).err.find("--file: the path \"\" is empty") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(p.log));
}

TEST_CASE("who wants to read a log is not told to make one", "[tool][G8]") {
  const place p;
  const std::string empty = p.file("empty"), full = p.file("full");
  std::filesystem::create_directory(empty);
  std::filesystem::create_directory(full);
  write_file(full + "/notes.txt", "notes");
  for (const auto& verb : reading_verbs) {
    CAPTURE(verb);
    CHECK(run(with_log(verb, p.log)).err ==
          "varve " + verb.front() + ": " + p.log + ": there is no log here; check the path\n");
    CHECK(run(with_log(verb, empty)).err ==
          "varve " + verb.front() + ": " + empty + ": there is no log here; check the path\n");
    CHECK(run(with_log(verb, full)).err == "varve " + verb.front() + ": " + full + ": this is no log; check the path\n");
  }
}
