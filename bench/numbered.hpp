// SPDX-License-Identifier: MIT
//
// numbered.hpp - payloads whose first word is their record's number, so that a reader can tell that it got the right one.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace bench {

class numbered_payload {
 public:
  explicit numbered_payload(std::size_t bytes)
      : bytes_(bytes < sizeof(std::uint64_t) ? sizeof(std::uint64_t) : bytes, 'v') {}

  /// Valid until the next call.
  [[nodiscard]] std::string_view operator()(std::uint64_t number) noexcept {
    std::memcpy(bytes_.data(), &number, sizeof number);
    return {bytes_.data(), bytes_.size()};
  }

 private:
  std::vector<char> bytes_;
};

[[nodiscard]] inline std::uint64_t number_in(std::string_view payload) noexcept {
  std::uint64_t number = 0;
  if (payload.size() >= sizeof number) std::memcpy(&number, payload.data(), sizeof number);
  return number;
}

}  // namespace bench
