// SPDX-License-Identifier: MIT
//
// A recovery that dies is just another crash: the next one keeps the same, wherever it died. Each point of a recovery in
// turn, at each of its occurrences, until one comes to its end.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "crash/deadly_point.hpp"
#include "crash/kept_log.hpp"
#include "crash/life.hpp"
#include "crash/oracle.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/shared_memory.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve::testing;

constexpr std::uint64_t segment_bytes = std::uint64_t{64} << 10;

/// Records, and then a batch of eight of which only the last three are stamped; behind it `behind` records of another
/// thread.
int leave_half_a_batch(const std::filesystem::path& directory, int behind, oracle& o) {
  auto log = varve::log::open(directory, {.segment_bytes = segment_bytes});
  if (!log) return 1;
  for (int i = 0; i < 5; ++i)
    if (!log->append("kept")) return 2;
  life l{.point = "publish.between_stamps", .hit = 3, .at_point = at_point::stall};
  deadly_point::install(l, o);
  deadly_point::arm();
  std::thread stops{[&] {
    const std::vector<std::string_view> batch(8, "of a batch");
    static_cast<void>(log->append_batch(batch));
  }};
  while (!deadly_point::is_reached()) std::this_thread::yield();
  for (int i = 0; i < behind; ++i)
    if (!log->append("returned")) return 3;
  die_here();
}

int recover_and_die(const life& l, const std::filesystem::path& directory, oracle& o) {
  deadly_point::install(l, o);
  const auto log = varve::log::open(directory);
  return log ? 0 : 1;
}

kept_log shown(const std::filesystem::path& directory) {
  const auto view = varve::log_view::open(directory);
  REQUIRE(view.has_value());
  kept_log kept;
  REQUIRE(read_everything(*view, kept) == "");
  return kept;
}

}  // namespace

TEST_CASE("a recovery may die at any of its steps, and the next one keeps the same", "[crash][G1][G3][G4][G6]") {
  for (const int behind : {0, 1, 2'000})
    for (const char* point : {"state.before_store", "state.before_sync", "repair.before_stamps", "repair.before_sync",
                              "repair.before_remove", "seal.before_store", "prepare.before_sync", "sector:word"}) {
      bool came_through = false;
      for (std::uint32_t hit = 1; !came_through; hit += is_frequent(point) ? 37 : 1) {
        const temp_dir dir;
        const auto directory = dir.path() / "log";
        const shared_memory<oracle> o;
        child_process writer{[&] { return leave_half_a_batch(directory, behind, *o); }};
        writer.wait();
        REQUIRE(writer.was_killed());
        const kept_log before = shown(directory);
        CHECK(before.records.size() == 5U + static_cast<unsigned>(behind));

        const life l{.point = point, .hit = hit, .at_point = at_point::die, .armed_from_the_start = true};
        child_process recovery{[&] { return recover_and_die(l, directory, *o); }};
        recovery.wait();
        came_through = recovery.exited_with(0);
        REQUIRE((came_through || recovery.was_killed()));
        INFO(point << ", occurrence " << hit << ", " << behind << " records behind the batch");
        REQUIRE(check_same(before, shown(directory)) == "");
        const auto log = varve::log::open(directory);
        REQUIRE(log.has_value());
        kept_log kept;
        REQUIRE(read_everything(*log, kept) == "");
        REQUIRE(check_same(before, kept) == "");
      }
    }
}
