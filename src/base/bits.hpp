// SPDX-License-Identifier: MIT
//
// bits.hpp - arithmetic on sizes and addresses. Layer base.
#pragma once

#include <bit>
#include <cstdint>

namespace varve::core {

static_assert(std::endian::native == std::endian::little, "the format is little-endian, and is mapped, not converted");

/// The least multiple of `unit`, a power of two, that is not below `value`. The caller sees to it that it does not wrap.
[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) noexcept {
  return (value + unit - 1) & ~(unit - 1);
}

[[nodiscard]] constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t unit) noexcept {
  return value & ~(unit - 1);
}

}  // namespace varve::core
