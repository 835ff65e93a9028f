// SPDX-License-Identifier: MIT
//
// matrix.hpp - many cases of rescue, one after another, and how they went, column by column.
//
// Case n is case n wherever it is played: its number is its seed. VARVE_SEED=n plays that one alone; VARVE_RESCUE_FIRST is
// the number of the first one otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rescue/judge.hpp"

namespace varve::testing::rescue {

struct row {
  std::uint64_t cases = 0, opened = 0, damaged = 0, incomplete = 0, refused = 0, accepted = 0;
  std::uint64_t saved = 0, missing = 0, removed = 0;

  void add(const outcome& o);
};

class matrix {
 public:
  /// More that is to be looked at in a case: throws violation.
  using further = std::function<void(const judge&)>;

  /// Cases first, first + step, ... while they are below end.
  void play(std::uint64_t first, std::uint64_t end, std::uint64_t step, const further& also = {});
  /// One line for each column, to be read by people and by ./dev soak.
  void print() const;

  std::vector<std::string> failures;  // a line each
  std::uint64_t cases = 0;

 private:
  void play_one(const history& h, std::uint64_t number, const further& also);

  std::map<std::string, row> rows_;
};

/// Plays the part of the matrix that is `part` of `parts`, and fails the running test if a promise is broken.
void play_part(std::uint64_t part, std::uint64_t parts, std::uint64_t cases, const matrix::further& also = {});

}  // namespace varve::testing::rescue
