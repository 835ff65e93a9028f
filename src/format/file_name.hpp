// SPDX-License-Identifier: MIT
//
// file_name.hpp - names of segment and index files: twenty digits, ".seg" or ".idx". Layer format; pure.
//
//      00000000000000000007.seg
//      00000000000000000007.idx
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace varve::format {

enum class file_kind : std::uint8_t { segment, index };

/// A file name with its terminating zero.
struct file_name {
  std::array<char, 25> text{};
  [[nodiscard]] const char* c_str() const noexcept { return text.data(); }
  [[nodiscard]] std::string_view view() const noexcept { return {text.data(), 24}; }
};

[[nodiscard]] file_name name_of(file_kind kind, std::uint64_t number) noexcept;

/// The number in a name of just this form; nullopt for anything else. Numbers are 1 to 2^64 - 1.
[[nodiscard]] std::optional<std::uint64_t> parse_name(file_kind kind, std::string_view name) noexcept;

}  // namespace varve::format
