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
constexpr kind calm[] = {kind::append,  kind::append,  kind::append_large, kind::append_durable, kind::batch, kind::claim,
                         kind::publish, kind::abandon, kind::sync,         kind::look,           kind::close};
constexpr kind deaths[] = {kind::append, kind::append,  kind::append_large,  kind::batch,
                           kind::claim,  kind::publish, kind::sync,          kind::close,
                           kind::kill,   kind::look,    kind::open_and_stop, kind::lose_power};

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

void live_through(const std::vector<step>& steps, unsigned sum) {
  try {
    model m{static_cast<checksum>(1 + sum % 5), 1};
    for (const step& s : steps) m.apply(s);
    m.finish();
  } catch (const broken_promise& broken) {
    RC_FAIL(broken.what());
  }
}

void check_lives(int cases, const rc::Gen<step>& steps) {
  check_property(cases, [&](unsigned sum) { live_through(*rc::gen::container<std::vector<step>>(steps), sum); });
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

TEST_CASE("through any steps, with calls that fail, full disks and recoveries that are cut short, no promise is broken",
          "[property][recovery][G1][G2][G3][G4][G6][G7]") {
  check_lives(1000, any_step());
}

}  // namespace varve::testing
