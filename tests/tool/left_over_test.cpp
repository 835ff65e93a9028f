// SPDX-License-Identifier: MIT
//
// What verbs leave under $TMPDIR and beside what they make: nothing, whatever ends them; and what kill -9 leaves the next
// one removes.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

namespace fs = std::filesystem;

/// A compressed archive of six segments, and a $TMPDIR of its own.
struct archived {
  place p;
  std::string archive = p.file("archive"), temporary = p.file("tmp");

  archived() {
    std::string lines;
    for (int i = 1; i <= 100; ++i) lines += std::to_string(i) + std::string(4000, '.') + '\n';
    REQUIRE(run({"create", p.log, "--segment-size", "64KiB"}).exit_code == 0);
    REQUIRE(run({"append", p.log}, lines).exit_code == 0);
    REQUIRE(run({"archive", p.log, archive, "--compress", "1"}).exit_code == 0);
    fs::create_directory(temporary);
    set(temporary);
  }
  ~archived() {
    if (before_.empty()) {
      ::unsetenv("TMPDIR");
    } else {
      ::setenv("TMPDIR", before_.c_str(), 1);
    }
  }
  archived(const archived&) = delete;
  archived& operator=(const archived&) = delete;

  static void set(const std::string& to) { REQUIRE(::setenv("TMPDIR", to.c_str(), 1) == 0); }
  [[nodiscard]] bool left_nothing() const { return fs::is_empty(temporary); }

  /// Of how many segments there are records under $TMPDIR.
  [[nodiscard]] int expanded() const {
    int count = 0;
    std::error_code ignored;
    for (const auto& entry : fs::recursive_directory_iterator(temporary, ignored)) {
      struct ::stat status{};
      if (entry.path().extension() == ".seg" && ::stat(entry.path().c_str(), &status) == 0)
        count += status.st_blocks * 512 > 16 * 1024 ? 1 : 0;
    }
    return count;
  }

 private:
  std::string before_ = std::getenv("TMPDIR") == nullptr ? "" : std::getenv("TMPDIR");
};

/// Nobody reads from it, so that whoever prints much stops in the middle.
struct full_pipe {
  std::array<int, 2> ends{};
  full_pipe() { REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0); }
  ~full_pipe() {
    for (const int each : ends) ::close(each);
  }
  full_pipe(const full_pipe&) = delete;
  full_pipe& operator=(const full_pipe&) = delete;
};

}  // namespace

TEST_CASE("of a compressed archive only the segments are expanded of which something is read", "[tool][archive]") {
  const archived a;
  REQUIRE(run({"ls", a.archive, "--json"}).json().at("segments").size() == 6);
  {
    running_tool last({"tail", "-f", "-n", "1", a.archive});
    CHECK(comes_true([&] { return a.expanded() == 1; }));
    last.send(SIGTERM);
    CHECK(last.wait().out.substr(0, 3) == "90.");
  }
  CHECK(a.left_nothing());
  {
    const full_pipe out;  // it takes 64 KiB
    running_tool all({"cat", a.archive}, out.ends[1]);
    CHECK(comes_true([&] { return a.expanded() >= 2; }));
    CHECK(a.expanded() < 6);
    all.send(SIGTERM);
    CHECK(all.wait().exit_code == 128 + SIGTERM);
  }
  CHECK(a.left_nothing());
  for (const char* s : {"1", "15", "16", "47", "90"}) CHECK(run({"get", a.archive, s}).out == run({"get", a.p.log, s}).out);
  CHECK(run({"get", a.archive, "91", "--json"}).error().at("code") == "not_yet");
  CHECK(run({"cat", a.archive, "--from", "14", "--limit", "4"}).out ==
        run({"cat", a.p.log, "--from", "14", "--limit", "4"}).out);
  CHECK(run({"tail", a.archive, "-n", "40"}).out == run({"cat", a.p.log, "--from", "51", "--to", "90"}).out);
  CHECK(run({"verify", a.archive, "--threads", "2"}).exit_code == 0);
  CHECK(run({"stat", a.archive, "--json"}).json().at("published") == 90);
  CHECK(a.left_nothing());
}

TEST_CASE("no end but kill -9 leaves anything under $TMPDIR, and that is removed by the next", "[tool][archive][G7]") {
  const archived a;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1}) {
    INFO(signal);
    const full_pipe out;
    running_tool tool({"cat", a.archive}, out.ends[1]);
    REQUIRE(comes_true([&] { return !a.left_nothing(); }));
    tool.send(signal);
    CHECK(tool.wait().exit_code == 128 + signal);
    CHECK(a.left_nothing());
  }
  SECTION("two signals") {
    running_tool tool({"tail", "-f", a.archive});
    REQUIRE(comes_true([&] { return a.expanded() != 0; }));
    tool.send(SIGINT);
    tool.send(SIGINT);
    CHECK(tool.wait().exit_code == 128 + SIGINT);
    CHECK(a.left_nothing());
  }
  SECTION("nobody reads") {
    CHECK(run({"cat", a.archive}, {}, sink::closed_pipe).exit_code == 141);
    CHECK(a.left_nothing());
  }
  SECTION("kill -9, beside one that lives") {
    running_tool alive({"tail", "-f", a.archive});
    REQUIRE(comes_true([&] { return a.expanded() == 1; }));
    {
      running_tool killed({"tail", "-f", a.archive});
      REQUIRE(comes_true([&] { return a.expanded() == 2; }));
      killed.send(SIGKILL);
      static_cast<void>(killed.wait());
    }
    CHECK(a.expanded() == 2);
    REQUIRE(run({"get", a.archive, "1"}).exit_code == 0);
    CHECK(a.expanded() == 1);
    alive.send(SIGTERM);
    CHECK(alive.wait().exit_code == 128 + SIGTERM);
    CHECK(a.left_nothing());
  }
}

TEST_CASE("a $TMPDIR that cannot be used is named", "[tool][archive][G7]") {
  const archived a;
  const std::string missing = a.p.file("missing");
  archived::set(missing);
  const ran r = run({"get", a.archive, "1", "--json"});
  CHECK(r.exit_code == 3);
  CHECK(r.error().at("path") == missing);
  CHECK_THAT(r.error().at("message").get<std::string>(), Catch::Contains("$TMPDIR"));
}

TEST_CASE("backup and expand leave nothing when a signal ends them, and remove what was killed", "[tool][backup][G7]") {
  const archived a;
  const std::string big = a.p.file("big");
  REQUIRE(run({"append", big, "--batch", "100"}, numbered_lines(300'000)).exit_code == 0);
  const std::string to = a.p.file("to"), dead = to + ".partial-0123456789abcdef", alive = to + ".partial-0123456789abcdee";
  const auto partials = [&] {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(a.p.directory.path()))
      count += entry.path().string().starts_with(to + ".partial-") ? 1 : 0;
    return count;
  };
  {
    running_tool tool({"backup", big, to, "--json"});
    static_cast<void>(comes_true([&] { return partials() != 0 || fs::exists(to); }));
    tool.send(SIGTERM);
    const ran ended = tool.wait();
    if (ended.exit_code != 0) {  // otherwise it was faster
      CHECK(ended.exit_code == 128 + SIGTERM);
      CHECK(ended.error().at("code") == "signal");
      CHECK(!fs::exists(to));
    }
    CHECK(partials() == 0);
    fs::remove_all(to);
  }
  for (const auto& [verb, from] : {std::pair{"backup", a.p.log}, std::pair{"expand", a.archive}}) {
    for (const auto& left : {dead, alive}) {
      fs::create_directory(left);
      write_file(left + "/00000000000000000001.seg", "of a killed one");
    }
    const int held = ::open(alive.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(::flock(held, LOCK_EX) == 0);
    CHECK(run({verb, from, to}).exit_code == 0);
    CHECK(!fs::exists(dead));
    CHECK(fs::exists(alive));
    ::close(held);
    fs::remove_all(to);
  }
}
