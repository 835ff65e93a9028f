// SPDX-License-Identifier: MIT

#include "cli/json.hpp"

#include <array>
#include <limits>
#include <stdexcept>

namespace varve::cli {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::uint8_t, 256> sextets = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(64);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return table;
}();

constexpr unsigned octet(char c) noexcept { return static_cast<unsigned char>(c); }

}  // namespace

bool is_utf8(std::string_view bytes) noexcept {
  for (std::size_t i = 0; i < bytes.size();) {
    const unsigned lead = octet(bytes[i++]);
    if (lead < 0x80) continue;
    const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || bytes.size() - i < more) return false;  // C0, C1: overlong; above F4: too large
    const unsigned second = octet(bytes[i]);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90)) return false;  // overlong
    if ((lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F)) return false;  // surrogate, too large
    for (std::size_t k = 0; k < more; ++k) {
      if ((octet(bytes[i++]) & 0xC0) != 0x80) return false;
    }
  }
  return true;
}

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::size_t i = 0;
  for (; bytes.size() - i >= 3; i += 3) {
    const unsigned group = octet(bytes[i]) << 16 | octet(bytes[i + 1]) << 8 | octet(bytes[i + 2]);
    for (const unsigned shift : {18U, 12U, 6U, 0U}) text += alphabet[group >> shift & 63];
  }
  if (const std::size_t rest = bytes.size() - i; rest != 0) {
    const unsigned group = octet(bytes[i]) << 16 | (rest == 2 ? octet(bytes[i + 1]) << 8 : 0);
    text += alphabet[group >> 18 & 63];
    text += alphabet[group >> 12 & 63];
    text += rest == 2 ? alphabet[group >> 6 & 63] : '=';
    text += '=';
  }
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const std::string_view digits = text.substr(0, text.size() - padding);

  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  unsigned group = 0, bits = 0;
  for (const char c : digits) {
    const unsigned sextet = sextets[octet(c)];
    if (sextet == 64) return std::nullopt;
    group = group << 6 | sextet;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(group >> bits & 0xFF);
      group &= (1U << bits) - 1;
    }
  }
  if (group != 0) return std::nullopt;  // bits that belong to no byte
  return bytes;
}

void add_bytes(nlohmann::ordered_json& object, const char* name, const char* base64_name, std::string_view bytes) {
  if (is_utf8(bytes)) {
    object[name] = bytes;
  } else {
    object[base64_name] = base64_encode(bytes);
  }
}

nlohmann::ordered_json sequences_json(std::uint64_t first, std::uint64_t last) { return {{"first", first}, {"last", last}}; }

std::string one_line(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

record_line parse_record_line(std::string_view line) {
  nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
  if (object.is_discarded()) throw std::invalid_argument("not JSON");
  if (!object.is_object()) throw std::invalid_argument("not a JSON object");
  record_line record;

  const auto text = object.find("text"), base64 = object.find("base64"), type = object.find("type");
  const bool has_text = text != object.end(), has_base64 = base64 != object.end();
  if (has_text == has_base64) throw std::invalid_argument("one of \"text\" and \"base64\" must be there");
  nlohmann::json& payload = has_text ? *text : *base64;
  if (!payload.is_string()) throw std::invalid_argument("\"text\" and \"base64\" must be strings");
  record.payload = std::move(payload.get_ref<std::string&>());
  if (has_base64) {
    std::optional<std::string> bytes = base64_decode(record.payload);
    if (!bytes) throw std::invalid_argument("\"base64\" is not base64");
    record.payload = std::move(*bytes);
  }

  if (type != object.end()) {
    constexpr std::uint64_t type_max = std::numeric_limits<std::uint16_t>::max();
    if (!type->is_number_unsigned() || type->get<std::uint64_t>() > type_max) {
      throw std::invalid_argument("\"type\" must be a whole number from 0 to 65535");
    }
    record.type = type->get<std::uint16_t>();
  }
  return record;
}

}  // namespace varve::cli
