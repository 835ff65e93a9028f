// SPDX-License-Identifier: MIT
//
// Sectors in mapped memory: what is stored is loaded, and what is half stored is absent.
#include "segment/mapped_sector.hpp"

#include "format/segment_header.hpp"
#include "unit/segment/memory_segment.hpp"

namespace varve::testing {
namespace {

using namespace core;

const format::end complete{.salt = test_salt, .offset = 4096 + 96, .last = 3, .successor = 8};

}  // namespace

TEST_CASE("a sector that was stored is loaded as it was", "[segment]") {
  alignas(8) std::byte place[format::sector_bytes]{};
  const auto sector = format::encode(complete);
  store_sector(place, sector);
  CHECK((load_sector(place) == sector));
}

TEST_CASE("a sector of which only the first words are stored is absent", "[segment][G5]") {
  alignas(8) std::byte place[format::sector_bytes];
  const auto sector = format::encode(complete);
  for (const int leftover : {0x00, 0xee}) {
    for (std::size_t words = 0; words < format::sector_bytes / 8; ++words) {
      std::memset(place, leftover, sizeof place);
      std::memcpy(place, sector.data(), words * 8);
      const auto loaded = load_sector(place);
      CHECK_FALSE(format::decode<format::end>(loaded).has_value());
    }
  }
}

TEST_CASE("an end is read once it is complete, and only of this use of the file", "[segment][G6]") {
  const auto s = memory_segment();
  CHECK_FALSE(s->read_end());
  s->write_end(complete);
  const auto e = s->read_end();
  REQUIRE(e);
  CHECK(e->offset == complete.offset);
  CHECK(e->last == 3);
  CHECK(e->successor == 8);
  CHECK(s->take_header_dirty());
  CHECK_FALSE(s->take_header_dirty());

  auto other_salt = complete;
  other_salt.salt ^= 1;
  s->write_end(other_salt);
  CHECK_FALSE(s->read_end());
}

TEST_CASE("an end whose offset is not stored yet is none", "[segment][G5]") {
  const auto s = memory_segment();
  auto sector = format::encode(complete);
  std::memset(sector.data() + offsetof(format::end, offset), 0, 8);
  store_sector(s->writable_bytes().data() + format::end_offset, sector);
  CHECK_FALSE(s->read_end());
}

TEST_CASE("an end that a segment cannot have is none, though its checksum matches", "[segment][G7]") {
  const auto s = memory_segment(format::segment_bytes_min, 10);
  const format::end possible{.salt = test_salt, .offset = 4096 + 96, .last = 12};
  s->write_end(possible);
  CHECK(s->read_end());
  for (const std::uint64_t offset :
       {std::uint64_t{4088}, std::uint64_t{4097}, format::segment_bytes_min + 8, ~std::uint64_t{7}}) {
    auto e = possible;
    e.offset = offset;
    s->write_end(e);
    CHECK_FALSE(s->read_end());
  }
  for (const std::uint64_t last : {std::uint64_t{9}, std::uint64_t{0}, std::uint64_t{14}, ~std::uint64_t{0}}) {
    auto e = possible;
    e.last = last;
    s->write_end(e);
    CAPTURE(last);
    CHECK_FALSE(s->read_end());
  }
}

TEST_CASE("begin() makes a segment part of the log, and its header is to be synced", "[segment]") {
  const auto s = memory_segment();
  s->begin({.base = 100, .salt = test_salt | 1, .epoch = 5, .predecessor = 6, .predecessor_salt = test_salt});
  CHECK(s->facts().base == 100);
  CHECK(s->facts().salt == (test_salt | 1));
  CHECK(s->facts().epoch == 5);
  const auto a = format::decode<format::activation>(load_sector(s->bytes().data() + format::activation_offset));
  REQUIRE(a);
  CHECK(a->base == 100);
  CHECK(a->predecessor == 6);
  CHECK(s->take_header_dirty());
}

}  // namespace varve::testing
