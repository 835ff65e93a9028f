// SPDX-License-Identifier: MIT
//
// The kill loop: G1, G3, G4, G6 and G8 against kill -9 at any moment. VARVE_SEED chooses the lives, VARVE_KILLS how many.
#include "crash/kill_loop.hpp"

#include <filesystem>
#include <string>

#include "support/catch.hpp"
#include "support/dice.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve::testing;

/// Of a failed run, what the log looked like stays for whoever looks for the cause.
std::filesystem::path keep_for_later(const std::filesystem::path& directory, std::uint64_t seed) {
  auto kept = std::filesystem::path{directory}.parent_path();
  kept += "-failed-" + std::to_string(seed);
  std::error_code none_was_made;
  std::filesystem::rename(directory, kept, none_was_made);
  return kept;
}

run_figures run(const char* what, lives_of kind, std::uint32_t lives_of_log, std::uint64_t kills_by_default) {
  const std::uint64_t seed = seed_of_this_run();
  const std::uint64_t kills = number_from_environment("VARVE_KILLS", kills_by_default);
  dice seeds{seed};
  run_figures figures;
  while (figures.kills < kills) {
    const temp_dir dir;
    const auto directory = dir.path() / "log";
    kill_loop loop{directory, seeds.next(), kind, figures};  // its follower waits for the log to be there
    for (std::uint32_t i = 0; i < lives_of_log && figures.kills < kills; ++i) {
      const std::string complaint = loop.one_life();
      if (complaint.empty()) continue;
      figures.print(what, seed);
      FAIL("seed " << seed << ", after " << figures.kills << " kills, " << loop.last_life() << ": " << complaint
                   << " (the log is kept as " << keep_for_later(directory, seed).string() << ')');
    }
  }
  CHECK(figures.followed > 0);
  figures.print(what, seed);
  CHECK(figures.losses == 0);
  CHECK(figures.records > kills);
  return figures;
}

}  // namespace

// At most 32 lives on one log: the tags of records tell no more apart.
TEST_CASE("what append returned survives kill -9, life after life, with segments of 64 MiB",
          "[crash][kill_loop][G1][G3][G4][G6][G8][slow]") {
  run("64 MiB segments", lives_of::large_segments, 8, 110);
}

TEST_CASE("what append returned survives kill -9, life after life, with segments of 64 KiB that roll all the time",
          "[crash][kill_loop][G1][G3][G4][G6][G8][slow]") {
  run("64 KiB segments", lives_of::small_segments, 25, 210);
}

TEST_CASE("what append returned, and was not trimmed, survives kill -9, life after life, while files are used again",
          "[crash][kill_loop][trim][G1][G3][G4][G6][G8][slow]") {
  const auto figures = run("trims", lives_of::trims, 25, 150);
  CHECK(figures.trimmed > 0);
  CHECK(figures.recycled > 0);
}
