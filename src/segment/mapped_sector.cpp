// SPDX-License-Identifier: MIT
#include "segment/mapped_sector.hpp"

#include <cstdint>
#include <cstring>

#include "os/shared.hpp"

namespace varve::core {
namespace {

constexpr std::size_t word_bytes = sizeof(std::uint64_t);
using sector_words = std::uint64_t[format::sector_bytes / word_bytes];

}  // namespace

void store_sector(std::byte* place, const format::sector& sector) noexcept {
  sector_words words;
  std::memcpy(words, sector.data(), sizeof words);
  for (const std::uint64_t word : words) {
    // relaxed: a mixture fails its checksum.
    shared::store(shared::place_at<std::uint64_t>(place), word, std::memory_order_relaxed, "sector:word");
    place += word_bytes;
  }
}

format::sector load_sector(const std::byte* place) noexcept {
  sector_words words;
  for (std::uint64_t& word : words) {
    // relaxed: as above.
    word = shared::load(shared::place_at<std::uint64_t>(place), std::memory_order_relaxed, "sector:word");
    place += word_bytes;
  }
  format::sector sector;
  std::memcpy(sector.data(), words, sizeof words);
  return sector;
}

}  // namespace varve::core
