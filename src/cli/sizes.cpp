// SPDX-License-Identifier: MIT

#include "cli/sizes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace varve::cli {
namespace {

constexpr std::string_view unit_letters = "KMGT";

constexpr char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::optional<std::uint64_t> value = parse_number(text.substr(0, digits));
  const std::string_view unit = text.substr(digits);
  if (!value || unit.empty()) return value;
  // "MB" is refused: half of its readers take it for 1,000,000.
  const bool known = unit.size() == 1 || (unit.size() == 3 && upper(unit[1]) == 'I' && upper(unit[2]) == 'B');
  const std::size_t power = unit_letters.find(upper(unit[0]));
  if (!known || power == std::string_view::npos) return std::nullopt;
  const std::uint64_t factor = std::uint64_t{1} << 10 * (power + 1);
  if (*value > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
  return *value * factor;
}

std::optional<std::chrono::microseconds> parse_duration(std::string_view text) noexcept {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<std::uint64_t> value = parse_number(text.substr(0, digits));
  const std::string_view unit = text.substr(digits);
  constexpr std::uint64_t second = 1'000'000;
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 6> units = {
      {{"us", 1}, {"ms", 1000}, {"s", second}, {"min", 60 * second}, {"h", 3600 * second}, {"d", 24 * 3600 * second}}};
  const auto* const known = std::ranges::find(units, unit, [](const auto& u) { return u.first; });
  const std::uint64_t factor = known == units.end() ? 0 : known->second;
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  if (!value || factor == 0 || *value > most / factor) return std::nullopt;
  return std::chrono::microseconds(static_cast<std::int64_t>(*value * factor));
}

std::string duration_text(std::chrono::microseconds duration) {
  const auto count = duration.count();
  if (count % 1'000'000 == 0) return fmt::format("{}s", count / 1'000'000);
  if (count % 1000 == 0) return fmt::format("{}ms", count / 1000);
  return fmt::format("{}us", count);
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  std::uint64_t whole = bytes, scale = 1;
  for (; whole >= 1024; whole /= 1024, scale *= 1024) ++unit;
  if (bytes % scale == 0) return fmt::format("{} {}", whole, units[unit]);
  return fmt::format("{:.1f} {}", static_cast<double>(bytes) / static_cast<double>(scale), units[unit]);
}

std::string count_text(std::uint64_t count) {
  std::string text = fmt::format("{}", count);
  for (std::size_t i = text.size(); i > 3;) text.insert(i -= 3, 1, ',');
  return text;
}

std::string segments_text(std::uint64_t count) { return count_text(count) + (count == 1 ? " segment" : " segments"); }

}  // namespace varve::cli
