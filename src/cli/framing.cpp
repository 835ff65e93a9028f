// SPDX-License-Identifier: MIT

#include "cli/framing.hpp"

namespace varve::cli {
namespace {

whole_records whole_lines(std::string_view text, std::size_t searched) noexcept {
  const std::size_t newline = text.substr(searched).rfind('\n');
  if (newline == std::string_view::npos) return {};
  const std::string_view lines = text.substr(0, searched + newline + 1);
  return {.bytes = lines.size(), .count = static_cast<std::uint64_t>(std::ranges::count(lines, '\n'))};
}

// From the start, whatever was searched before: a piece without a whole record is one header to look at.
whole_records whole_prefixed(std::string_view text) noexcept {
  whole_records found;
  for (std::string_view rest = text; rest.size() >= length_prefix_bytes; rest = text.substr(found.bytes)) {
    const std::size_t length = prefixed_length(rest);
    if (rest.size() - length_prefix_bytes < length) break;
    found.bytes += length_prefix_bytes + length;
    ++found.count;
  }
  return found;
}

}  // namespace

whole_records find_whole_records(framing how, std::string_view text, std::size_t searched) noexcept {
  return how == framing::lines ? whole_lines(text, searched) : whole_prefixed(text);
}

std::uint64_t record_bytes_at_least(framing how, std::string_view text) noexcept {
  if (how == framing::lines) return text.size();
  return text.size() < length_prefix_bytes ? 0 : prefixed_length(text);
}

}  // namespace varve::cli
