// SPDX-License-Identifier: MIT
//
// framing.hpp - where the records of a stream begin and end. Layer tool.
//
// Two ways, and one set of questions: what stands whole at the start of a piece, how long its first record is at least, and
// each record in turn. So reading and appending know nothing of either.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace varve::cli {

enum class framing : std::uint8_t {
  lines,            // a newline ends each
  length_prefixed,  // 32 bits of length, little-endian, before each
};

/// A place in the input.
struct input_place {
  framing unit = framing::lines;
  std::uint64_t number = 0;  // of the line or record, from 1; 0: no place
  std::uint64_t byte = 0;    // where it begins, from 0
};

constexpr std::size_t length_prefix_bytes = 4;

[[nodiscard]] constexpr std::array<char, length_prefix_bytes> length_prefix(std::uint32_t length) noexcept {
  std::array<char, length_prefix_bytes> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(length >> 8 * i & 0xFF);
  return bytes;
}

/// `text` has at least the four bytes.
[[nodiscard]] constexpr std::uint32_t prefixed_length(std::string_view text) noexcept {
  std::uint32_t length = 0;
  for (std::size_t i = length_prefix_bytes; i-- > 0;) length = length << 8 | static_cast<unsigned char>(text[i]);
  return length;
}

/// The records that stand whole at the start of a piece.
struct whole_records {
  std::size_t bytes = 0;
  std::uint64_t count = 0;
};

/// searched  so many bytes of `text`, from its start, are known to hold no whole record.
[[nodiscard]] whole_records find_whole_records(framing how, std::string_view text, std::size_t searched) noexcept;

/// How long the record that begins `text`, and is not whole there, is at least.
[[nodiscard]] std::uint64_t record_bytes_at_least(framing how, std::string_view text) noexcept;

/// Calls `take(payload, offset of the record in text)` until it returns false. A last line may lack its newline.
template <class F>
bool each_record(framing how, std::string_view text, F take) {
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const bool prefixed = how == framing::length_prefixed;
    const std::size_t before = prefixed ? length_prefix_bytes : 0, behind = prefixed ? 0 : 1;
    const std::size_t length = prefixed ? prefixed_length(rest) : std::min(rest.find('\n'), rest.size());
    if (!take(rest.substr(before, length), at)) return false;
    at += before + length + behind;
  }
  return true;
}

}  // namespace varve::cli
