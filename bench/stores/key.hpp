// SPDX-License-Identifier: MIT
//
// key.hpp - a record's number as the key of a map: 8 bytes, big-endian, so that keys are in the order of the records.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace bench {

class key {
 public:
  explicit key(std::uint64_t number) noexcept
      : bytes_{std::bit_cast<std::array<char, 8>>(std::endian::native == std::endian::little ? __builtin_bswap64(number)
                                                                                             : number)} {}
  [[nodiscard]] std::string_view text() const noexcept { return {bytes_.data(), bytes_.size()}; }

 private:
  std::array<char, 8> bytes_;
};

}  // namespace bench
