// SPDX-License-Identifier: MIT
#include "rescue/matrix.hpp"

#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <memory>

#include "support/catch.hpp"

namespace varve::testing::rescue {
namespace {

// Histories take about as long as a case. Arbitrary.
constexpr std::uint64_t cases_of_one_history = 8;
constexpr std::size_t failures_max = 20;

/// What whoever looks into a failure wants to know first.
void explain(const scene& s) {
  std::cout << "before: " << proof{s.before}.text() << "\nnow: " << proof{s.now}.text() << "\nknown: first " << s.known.first
            << ", durable " << s.known.durable << ", next " << s.known.next << '\n';
}

}  // namespace

void row::add(const outcome& o) {
  ++cases;
  opened += o.opened ? 1 : 0;
  accepted += o.accepted ? 1 : 0;
  if (!o.opened) ++(o.refusal == errc::damaged ? damaged : o.refusal == errc::incomplete ? incomplete : refused);
  saved += o.saved;
  missing += o.missing;
  removed += o.removed;
}

void matrix::play(std::uint64_t first, std::uint64_t end, std::uint64_t step, const further& also) {
  std::unique_ptr<history> h;
  std::uint64_t which = ~std::uint64_t{0};
  for (std::uint64_t number = first; number < end && failures.size() < failures_max; number += step) {
    try {
      if (number / cases_of_one_history != which) {
        which = number / cases_of_one_history;
        h.reset();
        h = std::make_unique<history>(which);
      }
      if (h) play_one(*h, number, also);
    } catch (const std::exception& e) {
      failures.push_back("VARVE_SEED=" + std::to_string(number) + ": " + e.what());
    }
  }
}

void matrix::play_one(const history& h, std::uint64_t number, const further& also) {
  dice random{mixed(number)};
  scene s;
  try {
    make_scene(h, random, s);
    judge j{s};
    if (also) also(j);
    const auto o = j.run(random);
    ++cases;
    for (const auto column :
         {ending_names[static_cast<std::size_t>(s.recipe.ending)], way_names[static_cast<std::size_t>(s.recipe.way)],
          target_names[static_cast<std::size_t>(s.recipe.target)], harm_names[static_cast<std::size_t>(s.recipe.harm)],
          std::string_view{"all"}})
      rows_[std::string{column}].add(o);
  } catch (const std::exception& e) {
    if (std::getenv("VARVE_SEED") != nullptr) explain(s);
    throw violation{s.recipe.text() + ": " + e.what()};
  }
}

void matrix::print() const {
  for (const auto& [column, r] : rows_) {
    std::cout << "rescue | " << std::left << std::setw(24) << column << std::right;
    for (const std::uint64_t n :
         {r.cases, r.opened, r.damaged, r.incomplete, r.refused, r.accepted, r.saved, r.missing, r.removed})
      std::cout << " | " << std::setw(8) << n;
    std::cout << '\n';
  }
}

void play_part(std::uint64_t part, std::uint64_t parts, std::uint64_t cases, const matrix::further& also) {
  matrix m;
  const char* const one = std::getenv("VARVE_SEED");
  if (one != nullptr && *one != '\0') {
    const std::uint64_t number = number_from_environment("VARVE_SEED", 0);
    if (number / cases_of_one_history % parts == part) m.play(number, number + 1, 1, also);
  } else {
    // A part is of whole histories.
    const std::uint64_t first = number_from_environment("VARVE_RESCUE_FIRST", 0);
    for (std::uint64_t n = first; n < first + cases; n += cases_of_one_history)
      if (n / cases_of_one_history % parts == part) m.play(n, std::min(n + cases_of_one_history, first + cases), 1, also);
    CHECK(m.cases + m.failures.size() > 0);
  }
  m.print();
  for (const auto& f : m.failures) std::cout << f << '\n';
  CHECK(m.failures.empty());
}

}  // namespace varve::testing::rescue
