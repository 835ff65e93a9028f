// SPDX-License-Identifier: MIT
//
// checksum_test.cpp - each sum is the published function of its name, whatever path through the code computes it.
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/checksum.hpp"

namespace {

using varve::checksum;
using varve::core::sum;
using varve::core::sum_of_structure;

constexpr checksum all_kinds[] = {checksum::xxh3, checksum::crc32c, checksum::crc32, checksum::crc64, checksum::none};

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

/// Bytes i mod 251: 251 is a prime, so no block of a power of two repeats.
std::vector<std::byte> ramp(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i % 251);
  return bytes;
}

/// A reflected CRC by its definition, one bit at a time, without a table or a word of anybody else's code.
std::uint64_t crc_by_bits(std::span<const std::byte> bytes, std::uint64_t reflected_polynomial, std::uint64_t ones) {
  std::uint64_t state = ones;
  for (const std::byte b : bytes) {
    state ^= std::to_integer<std::uint64_t>(b);
    for (int bit = 0; bit < 8; ++bit) state = (state & 1) != 0 ? state >> 1 ^ reflected_polynomial : state >> 1;
  }
  return state ^ ones;
}

std::uint64_t by_definition(checksum kind, std::span<const std::byte> bytes) {
  constexpr std::uint64_t ones_32 = std::numeric_limits<std::uint32_t>::max();
  switch (kind) {
    case checksum::xxh3: return XXH3_64bits(bytes.data(), bytes.size());
    case checksum::crc32c: return crc_by_bits(bytes, 0x82f63b78, ones_32);
    case checksum::crc32: return crc_by_bits(bytes, 0xedb88320, ones_32);
    case checksum::crc64: return crc_by_bits(bytes, 0xc96c5795d7870f42, ~std::uint64_t{0});
    case checksum::none: return 0;
  }
  return 0;
}

}  // namespace

TEST_CASE("each checksum gives its published check value", "[base]") {
  const auto digits = bytes_of("123456789");
  CHECK(sum(checksum::crc32c, digits) == 0xe3069283);
  CHECK(sum(checksum::crc32, digits) == 0xcbf43926);
  CHECK(sum(checksum::crc64, digits) == 0x995dc9bbdf1939fa);
  CHECK(sum(checksum::xxh3, digits) == 0x72dcb18b67a17dff);
  CHECK(sum(checksum::none, digits) == 0);
}

TEST_CASE("each checksum of nothing is defined, with and without an address", "[base]") {
  for (const auto nothing : {std::span<const std::byte>{}, bytes_of("x").first(0)}) {
    CHECK(sum(checksum::crc32c, nothing) == 0);
    CHECK(sum(checksum::crc32, nothing) == 0);
    CHECK(sum(checksum::crc64, nothing) == 0);
    CHECK(sum(checksum::xxh3, nothing) == 0x2d06800538d394c2);
    CHECK(sum(checksum::none, nothing) == 0);
  }
}

TEST_CASE("each checksum equals its definition at every length up to 1100 bytes", "[base]") {
  // XXH3 changes its way of working at 3, 8, 16, 128 and 240 bytes and at each 1024-byte block; above 240 the call goes
  // through the dispatcher of the shared library, below it is inline. ISA-L changes at multiples of 16 up to 256.
  const auto bytes = ramp(1100);
  for (const checksum kind : all_kinds) {
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      const auto head = std::span{bytes}.first(size);
      if (sum(kind, head) != by_definition(kind, head)) FAIL("kind " << static_cast<int>(kind) << ", " << size << " bytes");
    }
  }
}

TEST_CASE("each checksum equals its definition around 240 bytes, and over many blocks", "[base]") {
  for (const std::size_t size : {239U, 240U, 241U, 242U, 1024U, 4096U, 65'535U, 65'536U, 65'537U, 1'000'003U}) {
    const auto bytes = ramp(size);
    for (const checksum kind : all_kinds) {
      INFO("kind " << static_cast<int>(kind) << ", " << size << " bytes");
      CHECK(sum(kind, bytes) == by_definition(kind, bytes));
    }
  }
}

TEST_CASE("each checksum is the same wherever in memory the bytes stand", "[base]") {
  const auto bytes = ramp(300);
  for (const checksum kind : all_kinds) {
    const auto expected = sum(kind, bytes);
    for (std::size_t shift = 1; shift < 64; ++shift) {
      std::vector<std::byte> moved(shift);
      moved.insert(moved.end(), bytes.begin(), bytes.end());
      CHECK(sum(kind, std::span{moved}.subspan(shift)) == expected);
    }
  }
}

TEST_CASE("a 32-bit checksum leaves the upper half zero", "[base]") {
  const auto bytes = ramp(1000);
  for (const checksum kind : {checksum::crc32c, checksum::crc32})
    for (std::size_t size = 0; size < bytes.size(); ++size)
      if (sum(kind, std::span{bytes}.first(size)) >> 32 != 0)
        FAIL("kind " << static_cast<int>(kind) << ", " << size << " bytes");
}

TEST_CASE("crc32c goes on over inputs that are too long for one call of ISA-L", "[base]") {
  // One call takes at most 2^31 - 1 bytes; ours takes 2^30 at a time. The pages are never touched before, so all are the
  // kernel's one page of zeros: this takes address space, not memory.
  constexpr std::size_t size = (std::size_t{1} << 30) + 4096 + 5;
  void* const pages = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(pages != MAP_FAILED);
  const std::span zeros{static_cast<const std::byte*>(pages), size};

  // The CRC of n zero bytes by squaring: a matrix over GF(2) that advances the state by 2^k zero bytes.
  std::uint32_t advance[32];
  for (int bit = 0; bit < 32; ++bit) {
    std::uint32_t state = std::uint32_t{1} << bit;
    for (int i = 0; i < 8; ++i) state = (state & 1) != 0 ? state >> 1 ^ 0x82f63b78 : state >> 1;
    advance[bit] = state;
  }
  const auto apply = [&advance](std::uint32_t state) {
    std::uint32_t result = 0;
    for (int bit = 0; bit < 32; ++bit)
      if ((state >> bit & 1) != 0) result ^= advance[bit];
    return result;
  };
  std::uint32_t expected = ~std::uint32_t{0};
  for (std::size_t left = size; left != 0; left >>= 1) {
    if ((left & 1) != 0) expected = apply(expected);
    std::uint32_t squared[32];
    for (int bit = 0; bit < 32; ++bit) squared[bit] = apply(advance[bit]);
    std::copy(std::begin(squared), std::end(squared), std::begin(advance));
  }
  CHECK(sum(checksum::crc32c, zeros) == static_cast<std::uint32_t>(~expected));
  ::munmap(pages, size);
}

TEST_CASE("structures are summed by XXH3 whatever protects the payloads", "[base]") {
  const auto bytes = ramp(504);
  CHECK(sum_of_structure(bytes) == XXH3_64bits(bytes.data(), bytes.size()));
  CHECK(sum_of_structure(bytes) == sum(checksum::xxh3, bytes));
}
