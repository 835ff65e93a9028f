// SPDX-License-Identifier: MIT
//
// sizes.hpp - numbers, sizes and times as people write and read them. Layer tool.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace varve::cli {

/// "65536", "64K", "64KiB", "64MiB", "1G" (also in small letters); the units are powers of 1024. nullopt for anything else.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

/// Decimal digits only, no sign: "010" is ten.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text) noexcept;

/// "200us", "5ms", "1s": digits and a unit, nothing between. nullopt for anything else.
[[nodiscard]] std::optional<std::chrono::microseconds> parse_duration(std::string_view text) noexcept;

/// "200us", "5ms", "1s": in the largest unit that leaves a whole number.
[[nodiscard]] std::string duration_text(std::chrono::microseconds duration);

/// "64 MiB", "1.5 GiB", "17 B".
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// "1,234,567".
[[nodiscard]] std::string count_text(std::uint64_t count);

/// "1 segment", "1,234 segments".
[[nodiscard]] std::string segments_text(std::uint64_t count);

}  // namespace varve::cli
