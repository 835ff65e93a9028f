// SPDX-License-Identifier: MIT
//
// What a copied, half restored or spoiled log still holds is never lost, and never passed over in silence: the matrix of
// tests/rescue on the machine in memory, in parts that run beside each other.
//
// VARVE_RESCUE_CASES: how many cases all parts have together.
#include "rescue/matrix.hpp"
#include "support/catch.hpp"

namespace varve::testing::rescue {
namespace {

constexpr std::uint64_t parts = 4;

void play(std::uint64_t part) { play_part(part, parts, number_from_environment("VARVE_RESCUE_CASES", 4000)); }

}  // namespace

TEST_CASE("rescue, part 1 of 4: nothing is lost in silence", "[rescue][power][G2][G5][G6]") { play(0); }
TEST_CASE("rescue, part 2 of 4: nothing is lost in silence", "[rescue][power][G2][G5][G6]") { play(1); }
TEST_CASE("rescue, part 3 of 4: nothing is lost in silence", "[rescue][power][G2][G5][G6]") { play(2); }
TEST_CASE("rescue, part 4 of 4: nothing is lost in silence", "[rescue][power][G2][G5][G6]") { play(3); }

}  // namespace varve::testing::rescue
