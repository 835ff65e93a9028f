// SPDX-License-Identifier: MIT
//
// index_test.cpp - the sparse index: its header, its slots, and who stores which.
#include "format/index.hpp"

#include <random>

#include "support/catch.hpp"
#include "unit/format/frame_builder.hpp"

namespace {

using namespace varve::format;
using varve::testing::get;

constexpr std::uint64_t salt = 0x9c3f5a7e12d4b6a5;  // its low 6 bits are 0x25

}  // namespace

TEST_CASE("each field of the index header stands at its offset", "[format]") {
  index_header fields{.number = 1, .slots = 2, .stride_bytes = 3};
  fields.log[0] = std::byte{0xa0};
  fields.log[15] = std::byte{0xaf};
  const auto bytes = encode(fields);
  CHECK(get(bytes, 16, 1) == 0xa0);
  CHECK(get(bytes, 31, 1) == 0xaf);
  CHECK(get(bytes, 32, 8) == 1);
  CHECK(get(bytes, 40, 8) == 2);
  CHECK(get(bytes, 48, 4) == 3);
}

TEST_CASE("a slot holds sequence, offset and six bits of the salt, each in its bits", "[format]") {
  CHECK(encode_slot({.sequence_less_base = 1, .offset = 0}, 0) == 1);
  CHECK(encode_slot({.sequence_less_base = 0, .offset = 8}, 0) == std::uint64_t{1} << 28);
  CHECK(encode_slot({.sequence_less_base = 0, .offset = 0}, 1) == std::uint64_t{1} << 58);
  CHECK(encode_slot({.sequence_less_base = 0x0abcdef, .offset = 0x12345678 * 8ULL}, salt) == 0x95234567'80abcdef);
}

TEST_CASE("a slot comes back as it was stored, up to the largest segment", "[format]") {
  constexpr std::uint64_t offset_max = segment_bytes_max - frame_header_bytes;
  constexpr std::uint64_t frames_max = (segment_bytes_max - segment_header_bytes) / frame_header_bytes;
  for (const std::uint64_t offset : {segment_header_bytes, segment_header_bytes + 8, segment_bytes_min, offset_max}) {
    for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{1}, frames_max}) {
      const auto word = encode_slot({.sequence_less_base = sequence, .offset = offset}, salt);
      CHECK(word != 0);  // no frame begins within the header, so no slot in use looks empty
      const auto slot = decode_slot(word, salt);
      REQUIRE(slot);
      CHECK(slot->sequence_less_base == sequence);
      CHECK(slot->offset == offset);
    }
  }
}

TEST_CASE("an empty slot says nothing, even for a salt whose low bits are zero", "[format][G9]") {
  CHECK(!decode_slot(0, salt));
  CHECK(!decode_slot(0, salt_top_bit));
}

TEST_CASE("a slot of another salt says nothing, unless six bits of it agree", "[format][G6][G9]") {
  const auto word = encode_slot({.sequence_less_base = 5, .offset = 8192}, salt);
  for (std::uint64_t difference = 1; difference < 64; ++difference) CHECK(!decode_slot(word, salt ^ difference));
  CHECK(decode_slot(word, salt ^ 64));  // why a lookup is checked against the frame
}

TEST_CASE("a slot of any bits decodes to something that fits its fields", "[format][G9]") {
  std::mt19937_64 random{19};
  for (int round = 0; round < 10'000; ++round) {
    const auto word = random(), some_salt = random();
    const auto slot = decode_slot(word, some_salt);
    if (!slot) continue;
    REQUIRE(slot->sequence_less_base < std::uint64_t{1} << 28);
    REQUIRE(slot->offset < std::uint64_t{1} << 33);  // beyond any segment: the reader compares it with the segment's end
    REQUIRE(slot->offset % 8 == 0);
    REQUIRE(encode_slot(*slot, some_salt) == word);
  }
}

TEST_CASE("there is a slot for every boundary below the capacity", "[format]") {
  CHECK(slots_of(65'536, 4096) == 16);
  CHECK(slots_of(65'537, 4096) == 17);
  CHECK(slots_of(segment_bytes_max, index_stride_min) == std::uint64_t{1} << 23);
  CHECK(slots_of(segment_bytes_min, index_stride_max) == 1);
}

TEST_CASE("a frame stores the slot of the last boundary that it crosses or reaches, and no other", "[format]") {
  struct row {
    const char* what;
    std::uint64_t begin, end;
    std::optional<std::uint64_t> expected;
  };
  constexpr std::uint64_t capacity = 65'536;
  for (const auto& [what, begin, end, expected] : {
           row{"within a stride", 4096, 4128, std::nullopt},
           row{"up to just before a boundary", 4096, 8184, std::nullopt},
           row{"up to a boundary", 8160, 8192, 2},
           row{"from a boundary on", 8192, 8224, std::nullopt},
           row{"over a boundary", 8184, 8208, 2},
           row{"over several boundaries: the last one", 8184, 40'960 + 8, 10},
           row{"up to one of several boundaries", 8184, 40'960, 10},
           row{"to the end of the segment: nothing follows", 60'000, 65'536, std::nullopt},
           row{"to where no further frame fits", 60'000, 65'520, std::nullopt},
           row{"to where just one more fits", 61'432, 65'512, 15},
       }) {
    INFO(what);
    CHECK(slot_crossed(begin, end, capacity, 4096) == expected);
  }
}

TEST_CASE("each slot has one owner, and names the first frame at or behind its boundary", "[format][G9]") {
  std::mt19937_64 random{23};
  constexpr std::uint64_t capacity = 1 << 20;
  std::vector<std::uint64_t> slots(slots_of(capacity, 4096));
  std::vector<std::uint64_t> begins;
  std::uint64_t at = segment_header_bytes;
  while (true) {
    begins.push_back(at);
    const std::uint64_t next = at + 24 + random() % 1500 * 8;
    if (next > capacity) break;
    if (const auto slot = slot_crossed(at, next, capacity, 4096)) {
      REQUIRE(*slot < slots.size());
      REQUIRE(slots[*slot] == 0);  // one owner
      slots[*slot] = encode_slot({.sequence_less_base = begins.size(), .offset = next}, salt);
    }
    at = next;
  }
  std::size_t used = 0;
  for (std::size_t k = 0; k < slots.size(); ++k) {
    const auto slot = decode_slot(slots[k], salt);
    if (!slot) continue;
    ++used;
    REQUIRE(slot->offset >= k * 4096);
    REQUIRE(slot->offset < (k + 1) * 4096);
    REQUIRE(begins[slot->sequence_less_base] == slot->offset);
    REQUIRE(begins[slot->sequence_less_base - 1] < k * 4096);
  }
  CHECK(used > 50);
}
