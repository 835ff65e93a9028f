// SPDX-License-Identifier: MIT
//
// Any steps that one can make with a log, and that a machine can make with it, against a vector.
#include "support/model.hpp"

#include <ostream>

#include "support/property.hpp"

namespace varve::testing {
namespace {

using kind = step::kind;

/// What a program does, without anything that goes wrong.
constexpr kind calm[] = {kind::append, kind::append,  kind::append_large, kind::append_durable, kind::batch,
                         kind::claim,  kind::publish, kind::abandon,      kind::sync,           kind::look,
                         kind::close,  kind::trim,    kind::entry,        kind::checkpoint};
/// Records are large, so that segments end, go and come back.
constexpr kind trims[] = {kind::append,     kind::append_large,  kind::append_large, kind::append_large, kind::append_large,
                          kind::batch,      kind::sync,          kind::trim,         kind::trim,         kind::claim,
                          kind::publish,    kind::look,          kind::write_back,   kind::close,        kind::kill,
                          kind::lose_power, kind::open_and_stop, kind::entry,        kind::checkpoint};
/// Both ends go, again and again.
constexpr kind cuts[] = {kind::append,    kind::append, kind::append_large, kind::append_large, kind::batch,
                         kind::batch,     kind::sync,   kind::trim,         kind::truncate,     kind::truncate,
                         kind::truncate,  kind::reset,  kind::claim,        kind::publish,      kind::look,
                         kind::close,     kind::kill,   kind::lose_power,   kind::stop_in_call, kind::stop_in_call,
                         kind::fail_call, kind::entry,  kind::checkpoint};
constexpr kind deaths[] = {kind::append,        kind::append,     kind::append_large, kind::batch, kind::claim,
                           kind::publish,       kind::sync,       kind::close,        kind::kill,  kind::look,
                           kind::open_and_stop, kind::lose_power, kind::entry};

rc::Gen<step> any_step() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(0U, step_kinds), rc::gen::arbitrary<std::uint8_t>(),
                     rc::gen::arbitrary<std::uint16_t>()),
      [](const auto& parts) { return step{static_cast<kind>(std::get<0>(parts)), std::get<1>(parts), std::get<2>(parts)}; });
}

template <std::size_t N>
rc::Gen<step> one_of(const kind (&some)[N]) {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(std::size_t{0}, N), rc::gen::arbitrary<std::uint8_t>(),
                     rc::gen::arbitrary<std::uint16_t>()),
      [&some](const auto& parts) { return step{some[std::get<0>(parts)], std::get<1>(parts), std::get<2>(parts)}; });
}

/// How many segments were made of files that had been dropped.
std::uint64_t live_through(const std::vector<step>& steps, unsigned sum) {
  try {
    model m{static_cast<checksum>(1 + sum % 5), sum / 5 % 2 == 1, 1};
    for (const step& s : steps) m.apply(s);
    m.finish();
    return m.recycled();
  } catch (const broken_promise& broken) {
    RC_FAIL(broken.what());
  }
  return 0;
}

std::uint64_t check_lives(int cases, const rc::Gen<step>& steps) {
  std::uint64_t recycled = 0;
  check_property(cases, [&](unsigned sum) { recycled += live_through(*rc::gen::container<std::vector<step>>(steps), sum); });
  return recycled;
}

}  // namespace

std::ostream& operator<<(std::ostream& to, const step& s) { return to << to_string(s); }

// Goal: G1 to G4. Method: RapidCheck makes the steps, and takes away those that a failure does not need.
TEST_CASE("whatever a program does with a log, it holds what a vector would", "[property][G3][G4]") {
  check_lives(300, one_of(calm));
}

TEST_CASE("through deaths and losses of power a log keeps what a vector would, or its durable beginning",
          "[property][recovery][G1][G2][G3][G4][G6]") {
  check_lives(600, one_of(deaths));
}

// Files that are used again are full of what was trimmed.
TEST_CASE("whatever is trimmed, through deaths and losses of power, all behind it is there and nothing before it",
          "[property][recovery][trim][G1][G2][G3][G4][G6]") {
  CHECK(check_lives(600, one_of(trims)) > 0);
}

TEST_CASE(
    "wherever a log is truncated, through deaths and losses of power, it ends just there, and nothing that went returns",
    "[property][recovery][truncate][G1][G2][G3][G4][G6][G7]") {
  check_lives(1000, one_of(cuts));
}

TEST_CASE("through any steps, with calls that fail, full disks and recoveries that are cut short, no promise is broken",
          "[property][recovery][G1][G2][G3][G4][G6][G7]") {
  check_lives(1000, any_step());
}

}  // namespace varve::testing
