// SPDX-License-Identifier: MIT
//
// aims.hpp - what varve set out to reach, and whether it did.
#pragma once

#include <string>

#include "results.hpp"

namespace report {

/// A table with one line for each aim: its worst case, and met or not. What was not measured says so.
[[nodiscard]] std::string aims_table(const results& r);

}  // namespace report
