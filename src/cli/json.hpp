// SPDX-License-Identifier: MIT
//
// json.hpp - records as lines of JSON, and back. Layer tool.
//
// A payload is any bytes, a JSON string only valid UTF-8: what is valid goes as "text", the rest as "base64", so that
// every record comes back byte for byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace varve::cli {

/// Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;

[[nodiscard]] std::string base64_encode(std::string_view bytes);

/// Returns  nullopt unless `text` is what base64_encode() writes: padded, no white space.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

/// Adds `bytes` as `name`, or as `base64_name` if they are not UTF-8.
void add_bytes(nlohmann::ordered_json& object, const char* name, const char* base64_name, std::string_view bytes);

[[nodiscard]] nlohmann::ordered_json sequences_json(std::uint64_t first, std::uint64_t last);

/// The line that stands for a value. Bytes that are not UTF-8 are replaced: a sentence for people may quote them, whatever
/// a program needs goes through add_bytes().
[[nodiscard]] std::string one_line(const nlohmann::ordered_json& value);

struct record_line {
  std::string payload;
  std::optional<std::uint16_t> type;
};

/// Reads one line as `varve cat --format jsonl` writes it; sequence, epoch and unknown members are passed over.
///
/// Throws  std::invalid_argument saying what is wrong.
[[nodiscard]] record_line parse_record_line(std::string_view line);

}  // namespace varve::cli
