// SPDX-License-Identifier: MIT
#include "format/file_name.hpp"

#include <algorithm>
#include <charconv>

namespace varve::format {
namespace {

constexpr std::size_t digits = 20;

constexpr std::string_view ending(file_kind kind) noexcept { return kind == file_kind::segment ? ".seg" : ".idx"; }

}  // namespace

file_name name_of(file_kind kind, std::uint64_t number) noexcept {
  file_name name;
  for (std::size_t i = digits; i-- > 0; number /= 10) name.text[i] = static_cast<char>('0' + number % 10);
  std::ranges::copy(ending(kind), name.text.begin() + digits);
  return name;
}

std::optional<std::uint64_t> parse_name(file_kind kind, std::string_view name) noexcept {
  if (name.size() != digits + ending(kind).size() || name.substr(digits) != ending(kind)) return std::nullopt;
  const auto number_text = name.substr(0, digits);
  if (!std::ranges::all_of(number_text, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(number_text.data(), number_text.data() + digits, number);
  if (fault != std::errc{} || number == 0) return std::nullopt;  // too large for 64 bits, or 0
  return number;
}

}  // namespace varve::format
