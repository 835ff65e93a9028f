// SPDX-License-Identifier: MIT
//
// property.hpp - RapidCheck as a part of a test case: the cases of one run are the same as those of the last, unless
// VARVE_SEED says otherwise, and a case that fails is made as small as it can be.
#pragma once

#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>

#include <rapidcheck.h>

#include "support/catch.hpp"
#include "support/dice.hpp"

namespace varve::testing {

/// Fails the test case if `holds` throws, or returns false, for one of `cases` arbitrary arguments.
template <class Property>
void check_property(int cases, Property holds) {
  rc::detail::TestParams how;
  how.seed = number_from_environment("VARVE_SEED", 1);
  how.maxSuccess = static_cast<int>(number_from_environment("VARVE_CASES", static_cast<std::uint64_t>(cases)));
  const auto outcome = rc::detail::checkTestable(std::move(holds), rc::detail::TestMetadata{}, how);
  std::ostringstream text;
  rc::detail::printResultMessage(outcome, text);
  INFO(text.str());
  CHECK(outcome.template is<rc::detail::SuccessResult>());
}

}  // namespace varve::testing
