// SPDX-License-Identifier: MIT
//
// live_test.cpp - varve.live: the marks, the writer's words and the wake page.
#include "format/live.hpp"

#include <cstring>

#include "support/catch.hpp"
#include "unit/format/frame_builder.hpp"

namespace {

using namespace varve::format;
using varve::testing::get;

}  // namespace

TEST_CASE("each field of a mark stands at its offset", "[format]") {
  const auto bytes = encode(mark{.epoch = 1, .segment = 2, .offset = 3, .sequence = 4});
  for (std::size_t field = 1; field <= 4; ++field) CHECK(get(bytes, 8 + 8 * field, 8) == field);
  for (std::size_t at = 48; at < 504; ++at) REQUIRE(bytes[at] == std::byte{0});
}

TEST_CASE("marks and writer's words share no sector, and the wake page shares no page with them", "[format]") {
  CHECK(mark_slot_offset[0] / sector_bytes != mark_slot_offset[1] / sector_bytes);
  CHECK(writer_words_offset >= mark_slot_offset[1] + sector_bytes);
  CHECK(writer_words_offset + sizeof(writer_words) <= live_page_bytes);
  CHECK(wake_page_offset == live_page_bytes);
  CHECK(live_file_bytes == wake_page_offset + 2 * live_page_bytes);
  for (const std::uint64_t page : {4096U, 16'384U, 65'536U}) CHECK(wake_page_offset % page == 0);
}

TEST_CASE("each word of the writer and of the wake page stands at its offset, aligned for atomic access", "[format]") {
  std::byte bytes[32];
  const writer_words writer{.epoch = 1, .published = 2, .process = 3, .published_check = 4};
  std::memcpy(bytes, &writer, sizeof writer);
  for (std::size_t field = 0; field < 4; ++field) CHECK(get(bytes, 8 * field, 8) == field + 1);
  const wake_words wake{.awaited = 1, .futex = 2, .fenced = 3};
  STATIC_REQUIRE(sizeof wake == 16);
  std::memcpy(bytes, &wake, sizeof wake);
  CHECK(get(bytes, 0, 8) == 1);
  CHECK(get(bytes, 8, 4) == 2);
  CHECK(get(bytes, 12, 4) == 3);
  CHECK(writer_words_offset % alignof(writer_words) == 0);
}

TEST_CASE("a torn mark leaves the other slot's mark whole", "[format][G5]") {
  const auto older = encode(mark{.epoch = 5, .segment = 1, .offset = 4128, .sequence = 1});
  auto newer = encode(mark{.epoch = 5, .segment = 1, .offset = 4160, .sequence = 2});
  newer[40] = std::byte{0};
  CHECK(decode<mark>(older));
  CHECK(!decode<mark>(newer));
}
