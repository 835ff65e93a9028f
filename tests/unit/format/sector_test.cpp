// SPDX-License-Identifier: MIT
//
// sector_test.cpp - what every structure of 512 bytes promises: it is whole, or it is not there.
#include "format/sector.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include "format/index.hpp"
#include "format/live.hpp"
#include "format/meta.hpp"
#include "format/segment_header.hpp"
#include "format/state.hpp"
#include "support/catch.hpp"
#include "unit/format/frame_builder.hpp"

// All structures that are sectors, for TEMPLATE_TEST_CASE.
#define VARVE_SECTORS meta, state, mark, identity, activation, end, seal, index_header

namespace {

using namespace varve::format;
using varve::testing::get;
using varve::testing::put;

/// A structure whose fields hold something everywhere, reserved ones too.
template <class S>
S filled(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  sector bytes;
  for (auto& b : bytes) b = static_cast<std::byte>(random() % 256);
  return std::bit_cast<S>(bytes);
}

void refresh_checksum(sector& bytes) { put(bytes, 504, varve::core::sum_of_structure(std::span{bytes}.first(504)), 8); }

template <class S>
std::string verdict(const sector& bytes) {
  const auto decoded = decode<S>(bytes);
  if (decoded) return "valid";
  return decoded.error() == sector_fault::newer ? "newer" : "absent";
}

}  // namespace

TEMPLATE_TEST_CASE("a sector comes back as it was written, its head aside", "[format]", VARVE_SECTORS) {
  const auto bytes = encode(filled<TestType>(1));
  const auto decoded = decode<TestType>(bytes);
  REQUIRE(decoded);
  CHECK(decoded->head.magic == TestType::magic);
  CHECK(decoded->head.version == version);
  CHECK(decoded->head.reserved == 0);
  const auto original = std::bit_cast<sector>(filled<TestType>(1));
  CHECK(std::ranges::equal(std::span{bytes}.subspan(16, 488), std::span{original}.subspan(16, 488)));
  CHECK(encode(*decoded) == bytes);
}

TEMPLATE_TEST_CASE("a sector begins with its magic, its version and zero, and ends with its checksum", "[format]",
                   VARVE_SECTORS) {
  const auto bytes = encode(filled<TestType>(2));
  CHECK(get(bytes, 0, 8) == TestType::magic);
  CHECK(get(bytes, 8, 4) == 2);
  CHECK(get(bytes, 12, 4) == 0);
  CHECK(get(bytes, 504, 8) == varve::core::sum_of_structure(std::span{bytes}.first(504)));
}

TEMPLATE_TEST_CASE("zeroed and erased sectors are absent", "[format][G6]", VARVE_SECTORS) {
  sector bytes{};
  CHECK(verdict<TestType>(bytes) == "absent");
  refresh_checksum(bytes);
  CHECK(verdict<TestType>(bytes) == "absent");
  bytes.fill(std::byte{0xff});
  CHECK(verdict<TestType>(bytes) == "absent");
}

TEMPLATE_TEST_CASE("every single flipped bit makes a sector absent", "[format][G5]", VARVE_SECTORS) {
  for (const auto& fields : {TestType{}, filled<TestType>(3)}) {
    const auto whole = encode(fields);
    for (std::size_t bit = 0; bit < 8 * sector_bytes; ++bit) {
      auto bytes = whole;
      bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      if (verdict<TestType>(bytes) != "absent") FAIL("bit " << bit << ": " << verdict<TestType>(bytes));
    }
  }
}

TEMPLATE_TEST_CASE("a mixture of two versions of a sector is absent, wherever it was torn", "[format][G5]", VARVE_SECTORS) {
  const auto before = encode(filled<TestType>(4)), after = encode(filled<TestType>(5));
  for (std::size_t torn = 16 + 8; torn < 504; torn += 8) {
    sector bytes = before;
    std::copy_n(after.begin(), torn, bytes.begin());
    CHECK(verdict<TestType>(bytes) == "absent");
    bytes = after;
    std::copy_n(before.begin(), torn, bytes.begin());
    CHECK(verdict<TestType>(bytes) == "absent");
  }
}

TEMPLATE_TEST_CASE("each thing that can be wrong with a sector's head has its exact fault", "[format][G5]", VARVE_SECTORS) {
  struct row {
    const char* what_is_wrong;
    std::size_t at, size;
    std::uint64_t value;
    const char* expected;
  };
  for (const auto& [what_is_wrong, at, size, value, expected] : {
           row{"nothing", 8, 4, 2, "valid"},
           row{"version 1", 8, 4, 1, "valid"},
           row{"magic 0", 0, 8, 0, "absent"},
           row{"another magic", 0, 8, magic_of("VARVNONE"), "absent"},
           row{"version 0, which never was", 8, 4, 0, "absent"},
           row{"version 3", 8, 4, 3, "newer"},
           row{"version 2^32 - 1", 8, 4, 0xffffffff, "newer"},
           row{"something in the reserved word", 12, 4, 1, "newer"},
           row{"the highest bit of the reserved word", 12, 4, 0x80000000, "newer"},
       }) {
    INFO(what_is_wrong);
    auto bytes = encode(filled<TestType>(6));
    put(bytes, at, value, size);
    if (bytes != encode(filled<TestType>(6))) CHECK(verdict<TestType>(bytes) == "absent");  // the checksum comes first
    refresh_checksum(bytes);
    CHECK(verdict<TestType>(bytes) == expected);
  }
}

TEST_CASE("no two structures have one magic, and none is mistaken for another", "[format][G5]") {
  const std::set<std::uint64_t> magics{meta::magic,       state::magic, mark::magic, identity::magic,
                                       activation::magic, end::magic,   seal::magic, index_header::magic};
  CHECK(magics.size() == 8);
  CHECK(!magics.contains(0));
  CHECK(verdict<seal>(encode(end{})) == "absent");
  CHECK(verdict<end>(encode(seal{})) == "absent");
  CHECK(verdict<state>(encode(mark{})) == "absent");
}

TEST_CASE("a magic stands in the file as its letters", "[format]") {
  CHECK(magic_of("ABCDEFGH") == 0x4847464544434241);
  const auto bytes = encode(meta{});
  CHECK(varve::testing::text_of(std::span{bytes}.first(8)) == "VARVMETA");
}

TEST_CASE("an unknown compatible feature is ignored, another one forbids writing, a third one reading too", "[format]") {
  for (int bit = 0; bit < 32; ++bit) {
    const auto feature = std::uint32_t{1} << bit;
    CHECK(may_read({.compatible = feature}));
    CHECK(may_write({.compatible = feature}));
    CHECK(may_read({.read_only_compatible = feature}));
    CHECK(!may_write({.read_only_compatible = feature}));
    CHECK(!may_read({.incompatible = feature}));
    CHECK(!may_write({.incompatible = feature}));
  }
  CHECK(may_read({}));
  CHECK(may_write({}));
}

TEST_CASE("a checksum is known by the numbers 1 to 5", "[format]") {
  for (unsigned number = 0; number <= 255; ++number)
    CHECK(is_checksum_kind(static_cast<std::uint8_t>(number)) == (number >= 1 && number <= 5));
}

TEST_CASE("an index stride is a power of two within its bounds", "[format]") {
  CHECK(is_index_stride(index_stride_min));
  CHECK(is_index_stride(index_stride_default));
  CHECK(is_index_stride(index_stride_max));
  for (const std::uint32_t bytes : {0U, 1U, index_stride_min / 2, index_stride_min + 1, 5000U, index_stride_max * 2, ~0U})
    CHECK(!is_index_stride(bytes));
}

TEST_CASE("frames begin and end behind the header, aligned, within the capacity", "[format]") {
  CHECK(is_frame_boundary(4096, 65'536));
  CHECK(is_frame_boundary(4104, 65'536));
  CHECK(is_frame_boundary(65'536, 65'536));
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{4088}, std::uint64_t{4097}, std::uint64_t{4100},
                                     std::uint64_t{65'544}, ~std::uint64_t{7}})
    CHECK(!is_frame_boundary(offset, 65'536));
}
