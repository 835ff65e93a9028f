// SPDX-License-Identifier: MIT
//
// authorship.hpp - payloads that say who wrote them, so that a test needs no copy of what it appended.
//
// The first 8 bytes are life, writer and counter, the counter lowest; all others follow from them. A payload of 8 bytes or
// more is unlike any other payload of any life; a shorter one holds the low bytes of its counter.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "support/dice.hpp"

namespace varve::testing {

/// The record number `counter` of thread `writer` in the life `life` of a log.
struct authorship {
  std::uint32_t life = 0;     // below 2^16
  std::uint32_t writer = 0;   // below 2^8
  std::uint64_t counter = 0;  // below 2^40

  bool operator==(const authorship&) const = default;
  [[nodiscard]] constexpr std::uint64_t word() const noexcept {
    return std::uint64_t{life} << 48 | std::uint64_t{writer} << 40 | counter;
  }
  [[nodiscard]] static constexpr authorship of(std::uint64_t word) noexcept {
    return {.life = static_cast<std::uint32_t>(word >> 48),
            .writer = static_cast<std::uint32_t>(word >> 40 & 0xff),
            .counter = word & ((std::uint64_t{1} << 40) - 1)};
  }
};

/// Calls `with(bytes, offset)` for each run of up to 8 bytes of the payload.
template <class With>
void for_each_word_of_payload(const authorship& author, std::size_t size, With with) noexcept {
  std::uint64_t word = author.word();
  dice others{word};
  for (std::size_t offset = 0; offset < size; offset += sizeof word) {
    with(std::as_bytes(std::span{&word, 1}).first(std::min(sizeof word, size - offset)), offset);
    word = others.next();
  }
}

inline void write_payload(const authorship& author, std::span<std::byte> to) noexcept {
  for_each_word_of_payload(author, to.size(), [to](std::span<const std::byte> bytes, std::size_t offset) {
    std::memcpy(to.data() + offset, bytes.data(), bytes.size());
  });
}

[[nodiscard]] inline std::vector<std::byte> payload_of(const authorship& author, std::size_t size) {
  std::vector<std::byte> payload(size);
  write_payload(author, payload);
  return payload;
}

[[nodiscard]] inline bool is_payload_of(const authorship& author, std::span<const std::byte> payload) noexcept {
  bool same = true;
  for_each_word_of_payload(author, payload.size(), [&](std::span<const std::byte> bytes, std::size_t offset) {
    same = same && std::memcmp(payload.data() + offset, bytes.data(), bytes.size()) == 0;
  });
  return same;
}

/// Who wrote this payload, by its own account; for 8 bytes or more.
[[nodiscard]] inline authorship claimed_author(std::span<const std::byte> payload) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, payload.data(), std::min(payload.size(), sizeof word));
  return authorship::of(word);
}

}  // namespace varve::testing
