// SPDX-License-Identifier: MIT
//
// segment_header_test.cpp - the four sectors of a segment: what they hold, and when one of them counts.
#include "format/segment_header.hpp"

#include <functional>
#include <string>

#include "support/catch.hpp"
#include "unit/format/frame_builder.hpp"

namespace {

using namespace varve::format;
using varve::testing::get;

constexpr std::uint64_t salt = 0x9c3f5a7e12d4b680;

identity sane_identity() {
  return {.features = {.compatible = 0x11, .read_only_compatible = 0x22, .incompatible = 0x33},
          .checksum_kind = 2,
          .frame_alignment_log2 = 3,
          .version_info_bytes = 4,
          .number = 7,
          .file_bytes = segment_bytes_min,
          .capacity = segment_bytes_min,
          .created_ns = 8,
          .index_stride_bytes = index_stride_default,
          .version_info = {'i', 'n', 'f', 'o'}};
}

activation sane_activation() {
  return {.base = 1000, .salt = salt, .epoch = 3, .predecessor = 6, .predecessor_salt = salt_top_bit | 1, .time_ns = 9};
}

end sane_end() { return {.salt = salt, .offset = 4096 + 96, .last = 1002, .successor = 8, .cause = end_cause::roll}; }

seal sane_seal() { return {.salt = salt, .offset = 4096 + 96, .last = 1002, .frames = 3}; }

}  // namespace

TEST_CASE("each field of the identity stands at its offset", "[format]") {
  auto fields = sane_identity();
  fields.log[0] = std::byte{0xa0};
  fields.log[15] = std::byte{0xaf};
  const auto bytes = encode(fields);
  CHECK(get(bytes, 16, 1) == 0xa0);
  CHECK(get(bytes, 31, 1) == 0xaf);
  CHECK(get(bytes, 32, 4) == 0x11);
  CHECK(get(bytes, 36, 4) == 0x22);
  CHECK(get(bytes, 40, 4) == 0x33);
  CHECK(get(bytes, 44, 1) == 2);
  CHECK(get(bytes, 45, 1) == 3);
  CHECK(get(bytes, 46, 1) == 4);
  CHECK(get(bytes, 48, 8) == 7);
  CHECK(get(bytes, 56, 8) == segment_bytes_min);
  CHECK(get(bytes, 64, 8) == segment_bytes_min);
  CHECK(get(bytes, 72, 8) == 8);
  CHECK(get(bytes, 80, 4) == index_stride_default);
  CHECK(varve::testing::text_of(std::span{bytes}.subspan(88, 4)) == "info");
}

TEST_CASE("each field of the activation stands at its offset", "[format]") {
  const auto bytes =
      encode(activation{.base = 1, .salt = 2, .epoch = 3, .predecessor = 4, .predecessor_salt = 5, .time_ns = 6});
  for (std::size_t field = 1; field <= 6; ++field) CHECK(get(bytes, 8 + 8 * field, 8) == field);
}

TEST_CASE("each field of the end stands at its offset", "[format]") {
  const auto bytes = encode(end{.salt = 1, .offset = 2, .last = 3, .successor = 4, .cause = end_cause::recovery});
  for (std::size_t field = 1; field <= 4; ++field) CHECK(get(bytes, 8 + 8 * field, 8) == field);
  CHECK(get(bytes, 48, 4) == 3);
}

TEST_CASE("each field of the seal stands at its offset", "[format]") {
  auto fields = seal{.salt = 1, .offset = 2, .last = 3, .frames = 4, .time_first_ns = 5, .time_last_ns = 6, .digest = 7};
  fields.hash_chain[0] = std::byte{0xc0};
  fields.hash_chain[31] = std::byte{0xcf};
  const auto bytes = encode(fields);
  for (std::size_t field = 1; field <= 7; ++field) CHECK(get(bytes, 8 + 8 * field, 8) == field);
  CHECK(get(bytes, 72, 1) == 0xc0);
  CHECK(get(bytes, 103, 1) == 0xcf);
}

TEST_CASE("the four sectors of a segment header follow each other, before the first frame", "[format]") {
  CHECK(identity_offset == 0);
  CHECK(activation_offset == identity_offset + sector_bytes);
  CHECK(end_offset == activation_offset + sector_bytes);
  CHECK(seal_offset == end_offset + sector_bytes);
  CHECK(seal_offset + sector_bytes <= segment_header_bytes);
}

TEST_CASE("version information of any length the byte can hold stays inside of its field", "[format]") {
  identity fields{};
  fields.version_info.fill('v');
  for (unsigned size = 0; size <= 255; ++size) {
    fields.version_info_bytes = static_cast<std::uint8_t>(size);
    const auto decoded = decode<identity>(encode(fields));
    REQUIRE(decoded);
    CHECK(decoded->info() == std::string(size, 'v'));
  }
}

TEST_CASE("a valid identity with fields that make no sense is refused, one by one", "[format]") {
  struct row {
    const char* what_is_wrong;
    std::function<void(identity&)> spoil;
  };
  const row rows[] = {
      {"everything is 0", [](identity& i) { i = {}; }},
      {"number 0", [](identity& i) { i.number = 0; }},
      {"a file of 0 bytes", [](identity& i) { i.file_bytes = i.capacity = 0; }},
      {"a file of an odd size", [](identity& i) { i.file_bytes += 4096; }},
      {"a file that is too large", [](identity& i) { i.file_bytes = segment_bytes_max + segment_bytes_unit; }},
      {"a capacity beyond the file", [](identity& i) { i.capacity = i.file_bytes + 8; }},
      {"a capacity of 2^64 - 8", [](identity& i) { i.capacity = ~std::uint64_t{7}; }},
      {"a capacity within the header", [](identity& i) { i.capacity = segment_header_bytes - 8; }},
      {"a capacity that is not aligned", [](identity& i) { i.capacity -= 4; }},
      {"alignment of 64", [](identity& i) { i.frame_alignment_log2 = 6; }},
      {"checksum 0", [](identity& i) { i.checksum_kind = 0; }},
      {"checksum 6", [](identity& i) { i.checksum_kind = 6; }},
      {"stride 0", [](identity& i) { i.index_stride_bytes = 0; }},
  };
  CHECK(is_sane(sane_identity()));
  for (const auto& [what_is_wrong, spoil] : rows) {
    auto fields = sane_identity();
    spoil(fields);
    INFO(what_is_wrong);
    CHECK(!is_sane(fields));
  }
}

TEST_CASE("a valid activation with fields that make no sense is refused, one by one", "[format]") {
  struct row {
    const char* what_is_wrong;
    std::function<void(activation&)> spoil;
  };
  const row rows[] = {
      {"everything is 0", [](activation& a) { a = {}; }},
      {"base 0", [](activation& a) { a.base = 0; }},
      {"base 2^63", [](activation& a) { a.base = salt_top_bit; }},
      {"salt 0", [](activation& a) { a.salt = 0; }},
      {"a salt without its top bit, whose stamps could be 0", [](activation& a) { a.salt = 1000; }},
      {"epoch 0", [](activation& a) { a.epoch = 0; }},
      {"a predecessor without a salt", [](activation& a) { a.predecessor_salt = 0; }},
      {"a predecessor's salt without its top bit", [](activation& a) { a.predecessor_salt = 1; }},
      {"a salt of no predecessor", [](activation& a) { a.predecessor = 0; }},
  };
  CHECK(is_sane(sane_activation()));
  auto first = sane_activation();
  first.predecessor = first.predecessor_salt = 0;
  CHECK(is_sane(first));
  for (const auto& [what_is_wrong, spoil] : rows) {
    auto fields = sane_activation();
    spoil(fields);
    INFO(what_is_wrong);
    CHECK(!is_sane(fields));
  }
}

TEST_CASE("an end counts only if it is of this use of the file, complete, and possible", "[format][G6]") {
  struct row {
    const char* what_is_wrong;
    std::function<void(end&)> spoil;
  };
  const row rows[] = {
      {"another salt: left over from an earlier use", [](end& e) { e.salt ^= 2; }},
      {"offset 0: not stored yet", [](end& e) { e.offset = 0; }},
      {"an offset within the header", [](end& e) { e.offset = 4088; }},
      {"an offset that is not aligned", [](end& e) { e.offset += 4; }},
      {"an offset beyond the capacity", [](end& e) { e.offset = segment_bytes_min + 8; }},
      {"no frame, and yet some bytes", [](end& e) { e.last = 999; }},
      {"no frame, and not the sequence before the base", [](end& e) { e.offset = 4096, e.last = 998; }},
      {"a frame without bytes", [](end& e) { e.offset = 4096, e.last = 1000; }},
      {"a last sequence of 2^63", [](end& e) { e.last = salt_top_bit; }},
      {"more frames than there is room for", [](end& e) { e.last = 1004; }},
      {"cause 0", [](end& e) { e.cause = end_cause{0}; }},
      {"cause 4", [](end& e) { e.cause = end_cause{4}; }},
  };
  CHECK(belongs(sane_end(), sane_activation(), sane_identity()));
  auto smallest_frames = sane_end();
  smallest_frames.last = 1003;  // 4 frames of 24 bytes
  CHECK(belongs(smallest_frames, sane_activation(), sane_identity()));
  auto empty = sane_end();  // something larger than the segment came before any record
  empty.offset = 4096, empty.last = 999;
  CHECK(belongs(empty, sane_activation(), sane_identity()));
  auto full = sane_end();
  full.offset = segment_bytes_min;
  CHECK(belongs(full, sane_activation(), sane_identity()));
  for (const auto& [what_is_wrong, spoil] : rows) {
    auto fields = sane_end();
    spoil(fields);
    INFO(what_is_wrong);
    CHECK(!belongs(fields, sane_activation(), sane_identity()));
  }
}

TEST_CASE("a seal counts only with the salt, the offset and the last sequence of the end", "[format][G6]") {
  CHECK(belongs(sane_seal(), sane_end()));
  auto other = sane_seal();
  other.salt ^= 2;
  CHECK(!belongs(other, sane_end()));
  other = sane_seal();
  other.offset += 8;  // the end was lowered or raised since
  CHECK(!belongs(other, sane_end()));
  other = sane_seal();
  other.last += 1;
  CHECK(!belongs(other, sane_end()));
}

TEST_CASE("a successor fits by base, number and salt", "[format][G6]") {
  const auto before = sane_activation();
  const activation next{.base = 1003, .salt = salt ^ 4, .epoch = 3, .predecessor = 7, .predecessor_salt = before.salt};
  CHECK(follows(next, 7, before, 1002));
  CHECK(!follows(next, 7, before, 1001));
  CHECK(!follows(next, 7, before, 1003));
  CHECK(!follows(next, 6, before, 1002));
  auto earlier_use = before;
  earlier_use.salt ^= 2;
  CHECK(!follows(next, 7, earlier_use, 1002));
}
