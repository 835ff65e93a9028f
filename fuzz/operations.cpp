// SPDX-License-Identifier: MIT
//
// operations.cpp - fuzz target: what one does with a log, what the machine does to it, and a model that says what must be
// there.
//
// Input: checksum kind, and whether records have times (1 byte), then 4 bytes for each step.
#include <algorithm>
#include <exception>

#include "support/dice.hpp"
#include "support/model.hpp"
#include "target.hpp"

namespace varve::fuzz {
namespace {

constexpr std::size_t steps_max = 300;

}  // namespace

void run(std::span<const std::byte> input) {
  taker from{input};
  const auto kind = from.take<std::uint8_t>();
  const auto sum = static_cast<checksum>(1 + kind % 5);
  try {
    testing::model model{sum, kind / 5 % 2 == 1, 1};
    for (std::size_t i = 0; i < steps_max && !from.is_empty(); ++i) {
      const auto what = static_cast<testing::step::kind>(from.take<std::uint8_t>() % testing::step_kinds);
      const auto a = from.take<std::uint8_t>();
      const testing::step step{.what = what, .a = a, .b = from.take<std::uint16_t>()};
      trace("step", testing::to_string(step));
      model.apply(step);
    }
    model.finish();
  } catch (const std::exception& broken) {
    check(false, broken.what());
  }
}

/// Nothing to repair. But whole steps come and go, and mutations of single bytes seldom make those that fit together.
void repair(byte_vector& input, std::uint64_t seed) {
  if (input.empty()) return;
  testing::dice random{seed};
  input.resize(1 + (input.size() - 1) / 4 * 4);
  const std::size_t steps = (input.size() - 1) / 4;
  const std::size_t at = 1 + 4 * random.below(steps + 1);
  const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
  if (random.one_in(3) || at == input.size()) {
    const auto word = random.next();
    const auto bytes = std::as_bytes(std::span{&word, 1}).first(4);
    input.insert(place, bytes.begin(), bytes.end());
  } else if (random.one_in(2)) {
    input.erase(place, place + 4);
  } else if (steps > 1) {
    std::rotate(input.begin() + 1, place, input.end());
  }
}

}  // namespace varve::fuzz
