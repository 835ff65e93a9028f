// SPDX-License-Identifier: MIT
//
// checksum.hpp - the sums that protect bytes. Layer base. The third-party headers behind them enter in checksum.cpp only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <varve/checksum.hpp>

namespace varve::core {

/// The sum of `bytes`, zero-extended to 64 bits; 0 for checksum::none.
[[nodiscard]] std::uint64_t sum(checksum kind, std::span<const std::byte> bytes) noexcept;

/// XXH3-64, which protects varve's own structures whatever protects the payloads.
[[nodiscard]] std::uint64_t sum_of_structure(std::span<const std::byte> bytes) noexcept;

}  // namespace varve::core
