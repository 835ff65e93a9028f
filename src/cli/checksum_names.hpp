// SPDX-License-Identifier: MIT
//
// checksum_names.hpp - the checksums of payloads, as they are called on the command line and in JSON. Layer tool.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <varve/options.hpp>

namespace varve::cli {

inline const std::map<std::string, checksum> checksums = {{"xxh3", checksum::xxh3},
                                                          {"crc32c", checksum::crc32c},
                                                          {"crc32", checksum::crc32},
                                                          {"crc64", checksum::crc64},
                                                          {"none", checksum::none}};

[[nodiscard]] inline std::string_view checksum_name(checksum kind) noexcept {
  for (const auto& [name, value] : checksums) {
    if (value == kind) return name;
  }
  return "?";
}

}  // namespace varve::cli
