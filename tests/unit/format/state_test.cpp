// SPDX-License-Identifier: MIT
//
// state_test.cpp - a slot of varve.state: what it holds, and what makes no sense in it.
#include "format/state.hpp"

#include <functional>

#include "support/catch.hpp"
#include "unit/format/frame_builder.hpp"

namespace {

using namespace varve::format;
using varve::testing::get;

state sane_state() {
  return {.generation = 1,
          .epoch = 2,
          .condition = condition::open,
          .inode = 4,
          .birth_ns = 5,
          .trim_point = 6,
          .durable_floor = 7,
          .clean_segment = 8,
          .clean_offset = 9,
          .clean_next = 10,
          .truncate_intent = 11,
          .checkpoint = 12,
          .archived = 13,
          .report_kept = 14,
          .report_cut_bytes = 15,
          .report_cut_records = 16,
          .report_stepped_over = 17};
}

}  // namespace

TEST_CASE("each field of the state stands at its offset", "[format]") {
  auto fields = sane_state();
  fields.boot[0] = std::byte{0xb0};
  fields.boot[15] = std::byte{0xbf};
  const auto bytes = encode(fields);
  CHECK(get(bytes, 16, 8) == 1);
  CHECK(get(bytes, 24, 4) == 2);
  CHECK(get(bytes, 28, 4) == 1);  // open
  CHECK(get(bytes, 32, 1) == 0xb0);
  CHECK(get(bytes, 47, 1) == 0xbf);
  for (std::size_t field = 4; field <= 17; ++field) CHECK(get(bytes, 48 + 8 * (field - 4), 8) == field);
  CHECK(is_sane(*decode<state>(bytes)));
}

TEST_CASE("the copies of a slot of the state stand in blocks that are not neighbours", "[format]") {
  for (const auto& copies : state_copy_offset) CHECK(copies[1] - copies[0] > block_bytes);
  CHECK(state_file_bytes == 16384);
  CHECK(meta_copy_offset[1] - meta_copy_offset[0] > block_bytes);
  CHECK(meta_file_bytes == 12288);
}

TEST_CASE("a valid state with fields that make no sense is refused, one by one", "[format]") {
  struct row {
    const char* what_is_wrong;
    std::function<void(state&)> spoil;
  };
  const row rows[] = {
      {"everything is 0", [](state& s) { s = {}; }},
      {"condition 0", [](state& s) { s.condition = condition{0}; }},
      {"condition 3", [](state& s) { s.condition = condition{3}; }},
      {"generation 0", [](state& s) { s.generation = 0; }},
      {"open in epoch 0", [](state& s) { s.condition = condition::open, s.epoch = 0; }},
      {"trim point 0", [](state& s) { s.trim_point = 0; }},
      {"next sequence 0", [](state& s) { s.clean_next = 0; }},
      {"a trim point that is no sequence", [](state& s) { s.trim_point = salt_top_bit; }},
      {"a floor that is no sequence", [](state& s) { s.durable_floor = salt_top_bit; }},
      {"a next sequence that is none", [](state& s) { s.clean_next = ~std::uint64_t{0}; }},
      {"an intent that is no sequence", [](state& s) { s.truncate_intent = ~std::uint64_t{0}; }},
      {"an intent in a log that is clean", [](state& s) { s.condition = condition::clean; }},
      {"an intent below what is durable", [](state& s) { s.durable_floor = s.truncate_intent; }},
  };
  CHECK(is_sane(sane_state()));
  CHECK(is_sane(state{.generation = 1,
                      .condition = condition::clean,
                      .trim_point = 1,
                      .clean_next = 1}));  // a log that was never opened for writing
  for (const auto& [what_is_wrong, spoil] : rows) {
    auto fields = sane_state();
    spoil(fields);
    INFO(what_is_wrong);
    CHECK(!is_sane(fields));
  }
}
