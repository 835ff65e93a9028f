// SPDX-License-Identifier: MIT
//
// Help answers everywhere, with an example and the exit codes.

#include <string>

#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

TEST_CASE("every verb has help with an example and the exit codes", "[tool]") {
  for (const std::string verb : {"create", "append", "cat", "get", "tail", "trim", "retain", "ls", "stat", "verify",
                                 "recover", "salvage", "copy", "index", "bench", "backup", "archive", "expand", "upgrade"}) {
    CAPTURE(verb);
    const ran help = run({verb, "--help"});
    CHECK(help.exit_code == 0);
    CHECK(help.err.empty());
    CHECK(help.out.find("Example:\n  varve " + verb) != std::string::npos);
    CHECK(help.out.find("Exit codes:") != std::string::npos);
    CHECK(help.out.find("DIR") != std::string::npos);
    CHECK(run({verb, "-h"}).out == help.out);
    // The list of verbs names it too.
    CHECK(run({"--help"}).out.find("  " + verb) != std::string::npos);
  }
}

TEST_CASE("--version says the version", "[tool]") {
  const ran version = run({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(version.out.find("varve ") == 0);
  CHECK(version.out.back() == '\n');
}

TEST_CASE("wrong usage points to the help", "[tool]") {
  CHECK(run({"cat"}).err.find("--help") != std::string::npos);
  CHECK(run({}).err.find("--help") != std::string::npos);
}
