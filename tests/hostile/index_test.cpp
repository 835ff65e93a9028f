// SPDX-License-Identifier: MIT
//
// What an index may say, or be. It is a hint: whatever it says, each record is found, and is the right one.
#include "format/index.hpp"

#include "format/file_name.hpp"
#include "hostile/spoiled_directory.hpp"
#include "support/dice.hpp"

namespace varve::testing {
namespace {

using path = fs::path;

constexpr std::uint64_t stride = 512, slots = format::segment_bytes_min / stride;

/// Small records of several sizes, over two segments and a part of a third.
struct indexed_log {
  static constexpr std::uint64_t count = 2000;

  fast_dir place;
  const path dir = place.path() / "log";

  indexed_log() {
    die_with(dir, {.segment_bytes = format::segment_bytes_min, .index_stride_bytes = stride}, [](log& l) {
      for (std::uint64_t s = 1; s <= count; ++s) must(l.append(text(s)).has_value());
      must(l.close().has_value());
    });
  }
  [[nodiscard]] static std::string text(std::uint64_t s) { return std::to_string(s) + std::string(s * 7 % 90, 'x'); }
  [[nodiscard]] path index(std::uint64_t number) const {
    return dir / format::name_of(format::file_kind::index, number).c_str();
  }
};

template <class Log>
std::uint64_t right_ones(const Log& l) {
  std::uint64_t right = 0;
  for (std::uint64_t s = indexed_log::count; s >= 1; --s) {  // backwards, so that no walk mends what is ahead
    const auto r = l.read({s});
    right += r && r->text() == indexed_log::text(s) && r->sequence().value == s ? 1U : 0U;
  }
  return right;
}

void fill_slots(const path& file, std::uint64_t word) {
  const std::vector<std::uint64_t> words(slots, word);
  patch(file, format::index_header_bytes, std::as_bytes(std::span{words}));
}
template <class Slot>
void for_each_slot(const path& file, Slot slot) {
  std::vector<std::uint64_t> words;
  for (std::uint64_t k = 0; k < slots; ++k) words.push_back(slot(k));
  patch(file, format::index_header_bytes, std::as_bytes(std::span{words}));
}
template <class Change>
void header_of(const path& file, Change change) {
  edit_sector<format::index_header>(file, 0, change);
}
/// A slot that bears the salt of its segment.
std::uint64_t slot_of(std::uint64_t salt, std::uint64_t sequence_less_base, std::uint64_t offset) {
  return format::encode_slot({.sequence_less_base = sequence_less_base, .offset = offset}, salt);
}

struct index_row {
  const char* name;
  void (*spoil)(const path& file, std::uint64_t salt);
};
const index_row rows[] = {
    {"not there", [](const path& f, std::uint64_t) { fs::remove(f); }},
    {"empty", [](const path& f, std::uint64_t) { fs::resize_file(f, 0); }},
    {"cut in its header", [](const path& f, std::uint64_t) { fs::resize_file(f, 500); }},
    {"cut in its slots", [](const path& f, std::uint64_t) { fs::resize_file(f, format::index_header_bytes + 100); }},
    {"cut by a byte", [](const path& f, std::uint64_t) { fs::resize_file(f, format::index_header_bytes + slots * 8 - 1); }},
    {"longer, all 16 TiB of it sparse", [](const path& f, std::uint64_t) { fs::resize_file(f, (1ULL << 44) - 4096); }},
    {"of another log", [](const path& f, std::uint64_t) { header_of(f, [](auto& h) { h.log[0] ^= std::byte{1}; }); }},
    {"of another segment", [](const path& f, std::uint64_t) { header_of(f, [](auto& h) { h.number = 77; }); }},
    {"with more slots", [](const path& f, std::uint64_t) { header_of(f, [](auto& h) { h.slots = UINT64_MAX; }); }},
    {"with no slots", [](const path& f, std::uint64_t) { header_of(f, [](auto& h) { h.slots = 0; }); }},
    {"of another stride", [](const path& f, std::uint64_t) { header_of(f, [](auto& h) { h.stride_bytes *= 2; }); }},
    {"of stride 0", [](const path& f, std::uint64_t) { header_of(f, [](auto& h) { h.stride_bytes = 0; }); }},
    {"of version 3", [](const path& f, std::uint64_t) { put_in_sector(f, 0, 8, 3, 4); }},
    {"of another magic", [](const path& f, std::uint64_t) { put_in_sector(f, 0, 0, 0, 8); }},
    {"zeros", [](const path& f, std::uint64_t) { fill_slots(f, 0); }},
    {"ones", [](const path& f, std::uint64_t) { fill_slots(f, UINT64_MAX); }},
    {"of an earlier use of the file",
     [](const path& f, std::uint64_t salt) { fill_slots(f, slot_of(salt + 1, 100, 8192)); }},
    {"all name the first frame", [](const path& f, std::uint64_t salt) { fill_slots(f, slot_of(salt, 0, 4096)); }},
    {"all name the header", [](const path& f, std::uint64_t salt) { fill_slots(f, slot_of(salt, 0, 0)); }},
    {"all name the last place there is",
     [](const path& f, std::uint64_t salt) { fill_slots(f, slot_of(salt, 0, (1ULL << 33) - 8)); }},
    {"all name the end of the segment",
     [](const path& f, std::uint64_t salt) { fill_slots(f, slot_of(salt, 0, format::segment_bytes_min)); }},
    {"all name a place just before the end",
     [](const path& f, std::uint64_t salt) { fill_slots(f, slot_of(salt, 0, format::segment_bytes_min - 8)); }},
    {"all name the highest sequence there can be",
     [](const path& f, std::uint64_t salt) { fill_slots(f, slot_of(salt, (1ULL << 28) - 1, 4096)); }},
    {"places inside of frames",
     [](const path& f, std::uint64_t salt) { for_each_slot(f, [&](auto k) { return slot_of(salt, k * 7, k * 512 + 8); }); }},
    {"places that go down",
     [](const path& f, std::uint64_t salt) {
       for_each_slot(f, [&](auto k) { return slot_of(salt, k * 7, (slots - k) * 512); });
     }},
    {"sequences that go down",
     [](const path& f, std::uint64_t salt) {
       for_each_slot(f, [&](auto k) { return slot_of(salt, (slots - k) * 7, k * 512); });
     }},
    {"sequences behind the segment, at places that are close",
     [](const path& f, std::uint64_t salt) {
       for_each_slot(f, [&](auto k) { return slot_of(salt, k * 1'000'000, 4096 + k * 8); });
     }},
    {"each the slot before",
     [](const path& f, std::uint64_t) {
       const auto was = read_part(f, format::index_header_bytes, (slots - 1) * 8);
       patch(f, format::index_header_bytes + 8, was);
     }},
    {"words by chance, of the right salt",
     [](const path& f, std::uint64_t salt) {
       dice d{1};
       for_each_slot(f, [&](auto) { return d.next() >> 6 | salt << 58; });
     }},
};

}  // namespace

TEST_CASE("an index that varve would not have written: no record is missed, and none is wrong", "[hostile][G7][G9]") {
  for (const auto& row : rows) {
    INFO(row.name);
    const indexed_log log;
    const auto numbers = segment_numbers(log.dir);
    REQUIRE(numbers.size() >= 2);
    for (const auto number : numbers)
      row.spoil(log.index(number),
                read_sector<format::activation>(segment_path(log.dir, number), format::activation_offset).salt);
    {
      const auto v = log_view::open(log.dir);
      REQUIRE(v);
      CHECK(right_ones(*v) == log.count);
    }
    for (const bool reopened : {false, true}) {
      CAPTURE(reopened);
      auto l = log::open(log.dir);
      REQUIRE(l);
      CHECK(right_ones(*l) == log.count);
      const auto added = l->append("and more");
      REQUIRE(added);
      CHECK(l->read(*added)->text() == "and more");
    }
  }
}

}  // namespace varve::testing
