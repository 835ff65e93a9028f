// SPDX-License-Identifier: MIT
//
// sequence.hpp - the number of a frame in a log.
//
// Invariants
//   I1  The first frame of a log has sequence 1; every further frame has the next number, in the order of the bytes.
//   I2  A sequence stays below 2^63 (at a thousand million appends a second: 292 years).
#pragma once

#include <compare>
#include <cstdint>

namespace varve {

/// The number of one record. The value 0 means "none"; where a starting point is asked for it means "the first there is".
struct sequence {
  std::uint64_t value = 0;

  auto operator<=>(const sequence&) const = default;
  friend constexpr sequence operator+(sequence s, std::uint64_t n) noexcept { return {s.value + n}; }
};

/// The sequences from `first` up to, but without, `end`.
struct sequence_range {
  sequence first, end;

  bool operator==(const sequence_range&) const = default;
  [[nodiscard]] constexpr std::uint64_t size() const noexcept { return end.value - first.value; }
};

}  // namespace varve
