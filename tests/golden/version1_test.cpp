// SPDX-License-Identifier: MIT
//
// Logs as varve 0.1 made them: upgrade() and salvage() read them, and nothing else; nothing changes them.
#include "golden/version1.hpp"

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {

TEST_CASE("a log of version 1 is refused, and stays as it was", "[golden][version1]") {
  for (const std::string name : {"closed", "killed", "trimmed"}) {
    for (const bool original : {true, false}) {
      INFO(name << ' ' << original);
      const temp_dir dir;
      const auto path = dir.path() / "log";
      make_log_of_version_1(path, name);
      if (original) make_it_the_original(path);
      const auto before = image_of(path);
      const auto check_refused = [](const auto& opened) {
        REQUIRE(!opened.has_value());
        CHECK(opened.error().code() == errc::older_format);
        CHECK(opened.error().message().find("varve upgrade") != std::string::npos);
      };
      check_refused(log::open(path));
      check_refused(log::open(path, {.recovery = recovery_mode::accept_loss}));
      check_refused(log_view::open(path));
      check_refused(verify(path));
      check_refused(backup(path, dir.path() / "copy"));
      check_refused(rebuild_indexes(path));
      // Salvage reads what an open refuses, so also this.
      const auto saved = salvage(path, {});
      REQUIRE(saved.has_value());
      CHECK(saved->records >= (name == "closed" ? 10 : 4));
      CHECK(saved->missing == (name == "killed" && !original ? 1 : 0));  // who died at 2, only this boot knows
      CHECK(image_of(path) == before);
      CHECK(!std::filesystem::exists(dir.path() / "copy"));
    }
  }
}

}  // namespace varve::testing
