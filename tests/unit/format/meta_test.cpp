// SPDX-License-Identifier: MIT
//
// meta_test.cpp - varve.meta: what it holds, and what a foreign program may not make us believe.
#include "format/meta.hpp"

#include <functional>

#include "support/catch.hpp"
#include "unit/format/frame_builder.hpp"

namespace {

using namespace varve::format;
using varve::testing::get;

meta sane_meta() {
  return {.features = {.compatible = 0x11, .read_only_compatible = 0x22, .incompatible = 0x33},
          .checksum_kind = 1,
          .frame_alignment_log2 = 3,
          .segment_bytes = segment_bytes_default,
          .index_stride_bytes = index_stride_default,
          .created_ns = 0x0102030405060708};
}

}  // namespace

TEST_CASE("each field of the meta stands at its offset", "[format]") {
  auto fields = sane_meta();
  fields.times = 1;
  fields.log[0] = std::byte{0xa0};
  fields.log[15] = std::byte{0xaf};
  const auto bytes = encode(fields);
  CHECK(get(bytes, 16, 1) == 0xa0);
  CHECK(get(bytes, 31, 1) == 0xaf);
  CHECK(get(bytes, 32, 4) == 0x11);
  CHECK(get(bytes, 36, 4) == 0x22);
  CHECK(get(bytes, 40, 4) == 0x33);
  CHECK(get(bytes, 44, 1) == 1);
  CHECK(get(bytes, 45, 1) == 3);
  CHECK(get(bytes, 46, 1) == 1);
  CHECK(get(bytes, 48, 8) == segment_bytes_default);
  CHECK(get(bytes, 56, 4) == index_stride_default);
  CHECK(get(bytes, 64, 8) == 0x0102030405060708);
}

TEST_CASE("a meta with the sizes that varve offers is sane", "[format]") {
  auto fields = sane_meta();
  CHECK(is_sane(fields));
  for (const auto bytes : {segment_bytes_min, segment_bytes_min + segment_bytes_unit, segment_bytes_max}) {
    fields.segment_bytes = bytes;
    CHECK(is_sane(fields));
  }
  for (std::uint8_t kind = 1; kind <= 5; ++kind) {
    fields.checksum_kind = kind;
    CHECK(is_sane(fields));
  }
  fields.times = 1;
  CHECK(is_sane(fields));
}

TEST_CASE("a valid meta with fields that make no sense is refused, one by one", "[format]") {
  struct row {
    const char* what_is_wrong;
    std::function<void(meta&)> spoil;
  };
  const row rows[] = {
      {"everything is 0", [](meta& m) { m = {}; }},
      {"segments of 0 bytes", [](meta& m) { m.segment_bytes = 0; }},
      {"segments one unit too small", [](meta& m) { m.segment_bytes = segment_bytes_min - segment_bytes_unit; }},
      {"segments one unit too large", [](meta& m) { m.segment_bytes = segment_bytes_max + segment_bytes_unit; }},
      {"segments of 2^64 - 64 KiB", [](meta& m) { m.segment_bytes = ~std::uint64_t{0xffff}; }},
      {"segments of an odd size", [](meta& m) { m.segment_bytes = segment_bytes_min + 4096; }},
      {"checksum 0", [](meta& m) { m.checksum_kind = 0; }},
      {"checksum 6", [](meta& m) { m.checksum_kind = 6; }},
      {"alignment of 1", [](meta& m) { m.frame_alignment_log2 = 0; }},
      {"alignment of 16", [](meta& m) { m.frame_alignment_log2 = 4; }},
      {"stride 0, by which somebody would divide", [](meta& m) { m.index_stride_bytes = 0; }},
      {"times, but not whether", [](meta& m) { m.times = 2; }},
      {"stride that is no power of two", [](meta& m) { m.index_stride_bytes = 5000; }},
  };
  for (const auto& [what_is_wrong, spoil] : rows) {
    auto fields = sane_meta();
    spoil(fields);
    INFO(what_is_wrong);
    CHECK(!is_sane(fields));
    CHECK(decode<meta>(encode(fields)));  // the sector itself is valid: only sense can tell
  }
}
