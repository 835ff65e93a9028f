// SPDX-License-Identifier: MIT
//
// Readers pass damage: an error says how far it goes, a reader can be put on the next readable record, and seek() never
// says yes to where it is not.
#include <set>

#include <varve/varve.hpp>

#include "damage/damaged_log.hpp"
#include "format/segment_header.hpp"
#include "support/fast_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

std::string text_of(std::uint64_t s) { return "record-" + std::to_string(s) + std::string(s % 40, '.'); }

/// Many small records in segments of 64 KiB; the index knows hardly any of them, so all is found by walking.
struct long_log {
  fast_dir place;
  const fs::path dir = place.path() / "log";
  const std::uint64_t records;

  explicit long_log(std::uint64_t count, std::uint32_t stride = 65536) : records(count) {
    auto l = log::open(dir, {.segment_bytes = 65536, .index_stride_bytes = stride});
    REQUIRE(l);
    for (std::uint64_t s = 1; s <= records; ++s) REQUIRE(l->append(text_of(s)).has_value());
    REQUIRE(l->close().has_value());
  }
};

/// What README says: take the next record; at damage go on after the last sequence that is out of reach.
template <class Log>
std::set<std::uint64_t> read_by_the_recipe(const Log& log) {
  std::set<std::uint64_t> seen, named;
  auto reader = log.reader();
  if (!reader && reader.error().code() == errc::damaged) {
    for (auto s = reader.error().first_sequence(); s <= reader.error().last_sequence(); ++s) named.insert(s);
    reader = log.reader({reader.error().last_sequence() + 1});
  }
  REQUIRE(reader);
  for (std::uint64_t steps = 0;; ++steps) {
    REQUIRE(steps < 20'000);
    const std::uint64_t before = reader->position().value;
    const auto next = reader->next();
    if (next && !*next) break;
    if (next) {
      const std::uint64_t s = (*next)->sequence().value;
      if ((*next)->text() != text_of(s) || !seen.insert(s).second) FAIL_CHECK("record " << s);
      continue;
    }
    const error& e = next.error();
    REQUIRE(e.code() == errc::damaged);
    CHECK(reader->position().value == before);
    CHECK(e.first_sequence() == before);
    REQUIRE(e.last_sequence() >= e.first_sequence());
    for (auto s = e.first_sequence(); s <= e.last_sequence(); ++s) CHECK(named.insert(s).second);
    auto moved = reader->seek({e.last_sequence() + 1});
    while (!moved) {  // more of it follows
      REQUIRE(moved.error().code() == errc::damaged);
      for (auto s = moved.error().first_sequence(); s <= moved.error().last_sequence(); ++s) named.insert(s);
      moved = reader->seek({moved.error().last_sequence() + 1});
    }
  }
  for (std::uint64_t s = 1; s <= log.published_sequence().value; ++s)
    if (seen.contains(s) == named.contains(s)) FAIL_CHECK("neither read nor named, or both: " << s);
  return seen;
}

/// read() and seek() reach just what the recipe does.
template <class Log>
void check_each(const Log& log, const std::set<std::uint64_t>& readable) {
  auto reader = log.reader({log.published_sequence().value + 1});
  REQUIRE(reader);
  for (std::uint64_t s = 1; s <= log.published_sequence().value; ++s) {
    const bool is_readable = readable.contains(s);
    const auto r = log.read({s});
    bool is_right = r.has_value() == is_readable;
    if (!r)
      is_right = is_right && r.error().code() == errc::damaged && r.error().first_sequence() <= s &&
                 r.error().last_sequence() >= s && !readable.contains(r.error().last_sequence());
    const auto moved = reader->seek({s});
    is_right = is_right && (moved || !is_readable);
    if (moved) is_right = is_right && reader->position().value == s && reader->next().has_value() == is_readable;
    if (!is_right) FAIL_CHECK("sequence " << s);
  }
}

std::set<std::uint64_t> all_but(std::uint64_t records, const std::set<std::uint64_t>& gone) {
  std::set<std::uint64_t> all;
  for (std::uint64_t s = 1; s <= records; ++s)
    if (!gone.contains(s)) all.insert(s);
  return all;
}

}  // namespace

TEST_CASE("after a damaged byte of a frame every other record is within reach, by any way", "[damage][reader][G5]") {
  const long_log l{1500, GENERATE(512U, 65536U)};
  const auto image = image_of(l.dir);
  for (const std::uint64_t spoiled : {1U, 2U, 400U, 1500U}) {
    const auto place = place_of(l.dir, spoiled);
    const auto file = segment_path(l.dir, place.segment);
    const auto expected = all_but(l.records, {spoiled});
    for (const std::uint64_t at : {0U, 9U, 16U, 17U, 19U, 20U, 21U, 24U}) {  // stamp, checksum, length, kind, flags, payload
      for (const int flipped : {1, 0x10, 0x80}) {
        CAPTURE(spoiled, at, flipped);
        const auto byte = read_part(file, place.offset + at, 1)[0] ^ static_cast<std::byte>(flipped);
        patch(file, place.offset + at, std::span{&byte, 1});
        const auto view = log_view::open(l.dir);
        REQUIRE(view);
        CHECK((read_by_the_recipe(*view) == expected));
        check_each(*view, expected);
        {
          const auto writer = log::open(l.dir);
          REQUIRE(writer);
          CHECK((read_by_the_recipe(*writer) == expected));
        }
        restore(l.dir, image);
      }
    }
  }
}

TEST_CASE("a reader goes on after a segment that is missing, whatever number it has", "[damage][reader][G5]") {
  const long_log l{6000};
  const auto numbers = segment_numbers(l.dir);
  REQUIRE(numbers.size() >= 4);
  std::vector<std::uint64_t> bases;
  for (const auto number : numbers)
    if (const auto a = read_sector<format::activation>(segment_path(l.dir, number), format::activation_offset); a.base != 0)
      bases.push_back(a.base);
  bases.push_back(l.records + 1);
  const std::size_t lost = GENERATE(0U, 1U, 2U);
  const std::size_t more = GENERATE(0U, 1U);
  std::set<std::uint64_t> gone;
  for (std::size_t i = lost; i <= lost + more; ++i) {
    fs::remove(segment_path(l.dir, numbers[i]));
    for (auto s = bases[i]; s < bases[i + 1]; ++s) gone.insert(s);
  }
  CAPTURE(lost, more);
  const auto expected = all_but(l.records, gone);
  const auto view = log_view::open(l.dir);
  REQUIRE(view);
  CHECK((read_by_the_recipe(*view) == expected));
  check_each(*view, expected);
}

TEST_CASE("a reader reads a segment whose identity or activation is damaged", "[damage][reader][G5]") {
  const long_log l{4000};
  const auto numbers = segment_numbers(l.dir);
  const std::size_t index = GENERATE(0U, 1U, 2U);
  const auto at = GENERATE(format::identity_offset, format::activation_offset);
  if (GENERATE(true, false)) {
    flip_bit(segment_path(l.dir, numbers.at(index)), at + 17);
  } else {
    patch(segment_path(l.dir, numbers.at(index)), at, byte_vector(512));
  }
  CAPTURE(index, at);
  const auto view = log_view::open(l.dir);
  REQUIRE(view);
  CHECK((read_by_the_recipe(*view) == all_but(l.records, {})));
}

TEST_CASE("a reader passes a page that is zeroed, and many damaged records one after the other", "[damage][reader][G5]") {
  const long_log l{3000};
  const auto file = segment_path(l.dir, segment_numbers(l.dir).at(1));
  std::set<std::uint64_t> gone;
  if (GENERATE(true, false)) {
    const std::uint64_t from = 8192 * GENERATE(1U, 3U), to = from + 4096;
    for (std::uint64_t s = 1; s <= l.records; ++s) {
      const auto place = place_of(l.dir, s);
      const bool is_there = segment_path(l.dir, place.segment) == file;
      if (is_there && place.offset < to && place.payload + place.payload_bytes > from) gone.insert(s);
    }
    patch(file, from, byte_vector(4096));
  } else {
    for (std::uint64_t s = 700; s < 720; ++s) gone.insert(s);
    for (const auto s : gone) flip_payload_bit(l.dir, s);
  }
  const auto view = log_view::open(l.dir);
  REQUIRE(view);
  const auto expected = all_but(l.records, gone);
  CHECK((read_by_the_recipe(*view) == expected));
  check_each(*view, expected);
}

TEST_CASE("a reader that stands after damage at the end meets the next record that comes", "[damage][reader][G5]") {
  const long_log l{100};
  flip_bit(segment_path(l.dir, 1), place_of(l.dir, 100).offset + 17);
  auto writer = log::open(l.dir);
  REQUIRE(writer);
  auto reader = writer->reader({101});
  REQUIRE(reader);
  CHECK(reader->position().value == 101);
  CHECK_FALSE(reader->next()->has_value());
  for (std::uint64_t s = 101; s < 104; ++s) {
    REQUIRE(writer->append(text_of(s)).has_value());
    const auto next = reader->next();
    REQUIRE(next);
    REQUIRE(*next);
    CHECK((*next)->sequence().value == s);
  }
}

TEST_CASE("a view beside a writer sees what comes after damage", "[damage][reader][view][G5]") {
  const long_log l{100};
  clear_stamp(l.dir, GENERATE(1U, 50U, 100U));
  auto writer = log::open(l.dir);
  REQUIRE(writer);
  const auto view = log_view::open(l.dir);
  REQUIRE(view);
  for (std::uint64_t s = 101; s < 104; ++s) {
    REQUIRE(writer->append(text_of(s)).has_value());
    const auto r = view->read({s});
    REQUIRE(r);
    CHECK(r->text() == text_of(s));
  }
}

TEST_CASE("where records are not checked as they are read, a length that is wrong hides no record", "[damage][reader][G5]") {
  const long_log l{300};
  flip_bit(segment_path(l.dir, 1), place_of(l.dir, 100).offset + 17);  // 256 bytes longer
  const auto view = log_view::open(l.dir, {.verify_on_read = false});
  REQUIRE(view);
  auto reader = view->reader({99});
  REQUIRE(reader);
  for (std::uint64_t s = 99; s <= 300; ++s) {
    CAPTURE(s);
    const auto next = reader->next();
    REQUIRE(next);
    REQUIRE(*next);
    CHECK((*next)->sequence().value == s);
    if (s != 100) CHECK((*next)->text() == text_of(s));
  }
}

}  // namespace varve::testing
