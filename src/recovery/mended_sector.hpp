// SPDX-License-Identifier: MIT
//
// mended_sector.hpp - reads a sector of which one byte is wrong. Layer recovery; pure.
//
// Which byte it is, and what stood there, is found by trying: of 130,000 changes only the right one makes the checksum of 64
// bits match. Only for reading what a damaged log holds; nobody opens a log for writing by what was found so.
#pragma once

#include <cstring>
#include <optional>

#include "format/sector.hpp"

namespace varve::core {

template <class S>
struct read_sector {
  std::optional<S> fields{};
  bool mended = false;  // one byte was wrong
  bool newer = false;   // it is of a version that we do not know
};

template <format::sector_structure S>
[[nodiscard]] read_sector<S> read_or_mend(const format::sector& bytes) noexcept {
  const auto whole = format::decode<S>(bytes);
  if (whole) return {.fields = *whole};
  if (whole.error() == format::sector_fault::newer) return {.newer = true};
  std::uint64_t magic = 0;
  std::memcpy(&magic, bytes.data(), sizeof magic);
  const std::uint64_t wrong = magic ^ S::magic;
  // All wrong bits lie in one byte, or the magic is right and the byte is elsewhere.
  const int shift = wrong == 0 ? 0 : std::countr_zero(wrong) / 8 * 8;
  if ((wrong >> shift & ~std::uint64_t{0xff}) != 0) return {};
  format::sector tried = bytes;
  if (wrong != 0) {
    std::memcpy(tried.data(), &S::magic, sizeof magic);
    const auto mended = format::decode<S>(tried);
    return mended ? read_sector<S>{.fields = *mended, .mended = true} : read_sector<S>{};
  }
  for (std::size_t at = sizeof magic; at < tried.size(); ++at) {
    for (unsigned flipped = 1; flipped < 256; ++flipped) {
      tried[at] = bytes[at] ^ static_cast<std::byte>(flipped);
      if (const auto mended = format::decode<S>(tried)) return {.fields = *mended, .mended = true};
    }
    tried[at] = bytes[at];
  }
  return {};
}

}  // namespace varve::core
