// SPDX-License-Identifier: MIT
//
// pictures.hpp - results as SVG files, drawn by gnuplot.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results.hpp"

namespace report {

struct picture {
  std::string file, title;
};

/// Draws what there are results for, and says what it drew. A gnuplot that fails is what is missing in the list.
[[nodiscard]] std::vector<picture> draw(const results& r, const std::filesystem::path& directory);

}  // namespace report
