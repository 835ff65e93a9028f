// SPDX-License-Identifier: MIT
#include "power/lives.hpp"

#include <cstdlib>
#include <iostream>
#include <string>

#include "support/catch.hpp"

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::stoull(text) : otherwise;
}

}  // namespace

// Goal: G1 to G6 through any sequence of deaths and power losses. Method: random lives on a machine in memory that tears
// pages into sectors, forgets directory entries, and stops in the middle of any call, also of a recovery.
TEST_CASE("whatever ends a life, the next one finds what was promised and nothing else",
          "[power][G1][G2][G3][G4][G5][G6][slow]") {
  const std::uint64_t seed = from_environment("VARVE_SEED", 1), logs = from_environment("VARVE_LOGS", 400);
  varve::testing::tally sum;
  for (std::uint64_t i = 0; i < logs; ++i) {
    INFO("VARVE_SEED=" << seed + i << " VARVE_LOGS=1 shows it again");
    varve::testing::lives l{seed + i};
    l.run(6, sum);
  }
  std::cout << "lives: " << sum.lives << " (deaths " << sum.deaths << ", power losses " << sum.power_losses
            << ", stopped inside a call " << sum.crashes_inside_calls << "), records checked " << sum.records_checked
            << ", of them chunks " << sum.chunks_checked << ", unfinished claims " << sum.unfinished_claims
            << ", lives with finished appends behind one " << sum.unfinished_before_finished << ", stepped over "
            << sum.stepped_over << ", cut " << sum.cut_records << ", batches dropped whole " << sum.batches_dropped
            << ", trims " << sum.trims << " and " << sum.trims_cut_short << " cut short, truncations " << sum.truncations
            << " and " << sum.truncations_cut_short << " cut short, segments out of dropped files " << sum.recycled << '\n';
  if (logs >= 100)
    CHECK((sum.trims_cut_short > 0 && sum.truncations_cut_short > 0 && sum.recycled > 0 && sum.chunks_checked > 0));
}
