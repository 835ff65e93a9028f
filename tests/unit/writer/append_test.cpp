// SPDX-License-Identifier: MIT
//
// Appending: sizes at their edges, pieces, batches, types, and what is refused with nothing claimed.
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

struct open_log {
  temp_dir dir;
  log l = *log::open(dir.path(), {.segment_bytes = 64 * 1024});
  static constexpr std::uint64_t largest = format::payload_bytes_max(64 * 1024);  // of a segment of the log

  void reopen() {
    REQUIRE(l.close().has_value());
    auto again = log::open(dir.path(), {.recovery = recovery_mode::strict});
    REQUIRE(again);
    l = std::move(*again);
  }
};

std::string pattern(std::uint64_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 + bytes);
  return text;
}

/// More than there is memory for: it must be refused by its size.
std::span<const std::byte> never_read(std::uint64_t bytes) {
  static constexpr std::byte byte{};
  return {&byte, bytes};
}

}  // namespace

TEST_CASE("payloads of every size around the edges come back as they were", "[append][G1]") {
  open_log o;
  std::vector<std::string> texts;
  for (const std::uint64_t bytes :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{8}, std::uint64_t{9}, std::uint64_t{4095},
        std::uint64_t{4096}, std::uint64_t{4097}, o.largest - 1, o.largest, std::uint64_t{0}, o.largest, o.largest - 8})
    texts.push_back(pattern(bytes));
  for (std::size_t i = 0; i < texts.size(); ++i) CHECK(o.l.append(texts[i])->value == i + 1);
  const auto check = [&] {
    for (std::size_t i = 0; i < texts.size(); ++i) CHECK((o.l.read({i + 1})->text() == texts[i]));
  };
  check();
  o.reopen();
  check();
}

TEST_CASE("a record of 4120 bytes less than a segment takes one by itself", "[append]") {
  open_log o;
  CHECK(o.largest == 64 * 1024 - 4120);
  for (int i = 0; i < 3; ++i) REQUIRE(o.l.append(pattern(o.largest)).has_value());
  CHECK(o.l.stats().rolls == 2);
}

TEST_CASE("what no segment can hold is too_large: the limit is said, and nothing is claimed", "[append][G7]") {
  open_log o;
  append_all(o.l, "a");
  const std::uint64_t most = o.l.record_bytes_max();
  CHECK(most == (std::uint64_t{4} << 30) - 4120);
  const auto e = o.l.append(never_read(most + 1));
  REQUIRE_FALSE(e);
  CHECK(e.error().code() == errc::too_large);
  CHECK(e.error().limit() == most);
  CHECK(e.error().offset() == 0);
  CHECK(o.l.stats().claimed.value == 1);
  CHECK(o.l.append("b")->value == 2);
  CHECK(o.l.stats().rolls == 0);
}

TEST_CASE("a length that no memory holds is refused before anything is added up", "[append][G7]") {
  open_log o;
  const auto absurd = never_read(~std::size_t{0} / 2);
  CHECK(o.l.append(absurd).error().code() == errc::too_large);
  const std::span<const std::byte> pieces[] = {absurd, absurd, absurd};
  CHECK(o.l.append_pieces(pieces).error().code() == errc::too_large);
  CHECK(o.l.append_batch(pieces).error().code() == errc::too_large);
  CHECK(o.l.stats().claimed.value == 0);
}

TEST_CASE("pieces make one record, whatever their number and sizes", "[append]") {
  open_log o;
  const std::string parts[] = {"", "a", pattern(7), "", pattern(4096), pattern(13), ""};
  std::vector<std::span<const std::byte>> pieces;
  std::string whole;
  for (const auto& p : parts) {
    pieces.push_back(std::as_bytes(std::span{p}));
    whole += p;
  }
  CHECK(o.l.append_pieces(pieces, {.type = 3})->value == 1);
  CHECK(o.l.append_pieces({})->value == 2);
  CHECK((o.l.read({1})->text() == whole));
  CHECK(o.l.read({1})->type() == 3);
  CHECK(o.l.read({2})->text().empty());
  o.reopen();
  CHECK((o.l.read({1})->text() == whole));
}

TEST_CASE("pieces that are too large together are refused, with nothing claimed", "[append][G7]") {
  open_log o;
  const auto half = never_read(o.l.record_bytes_max() / 2 + 1);
  const std::span<const std::byte> pieces[] = {half, half};
  const auto e = o.l.append_pieces(pieces);
  CHECK(e.error().code() == errc::too_large);
  CHECK(e.error().limit() == o.l.record_bytes_max());
  CHECK(o.l.stats().claimed.value == 0);
}

TEST_CASE("a batch gets neighbouring sequences, and stands in one segment", "[append][G4]") {
  open_log o;
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < 16; ++i) texts.push_back(pattern(i * 150));
  std::vector<std::string_view> batch{texts.begin(), texts.end()};
  std::uint64_t next = 1;
  for (int round = 0; round < 12; ++round) {
    append_all(o.l, "x");
    const auto range = o.l.append_batch(batch);
    REQUIRE(range);
    CHECK((*range == sequence_range{{next + 1}, {next + 17}}));
    CHECK(range->size() == 16);
    CHECK(place_of(o.dir.path(), next + 1).segment == place_of(o.dir.path(), next + 16).segment);
    next += 17;
  }
  CHECK(o.l.stats().rolls >= 3);
  std::uint64_t s = 0;
  for (const auto& r : o.l.records()) {
    REQUIRE(r);
    const std::uint64_t in_round = s++ % 17;
    CHECK((in_round == 0 ? r->text() == "x" : r->text() == texts[in_round - 1]));
    CHECK(r->batch_goes_on() == (in_round != 0 && in_round != 16));
  }
  CHECK(s == next - 1);
}

TEST_CASE("an empty batch is bad_option, and claims nothing", "[append][G7]") {
  open_log o;
  const auto e = o.l.append_batch(std::span<const std::string_view>{});
  REQUIRE_FALSE(e);
  CHECK(e.error().code() == errc::bad_option);
  CHECK(e.error().path() == "payloads");
  CHECK(o.l.stats().claimed.value == 0);
}

TEST_CASE("a batch of one is a record like any other", "[append][G4]") {
  open_log o;
  const std::string_view one[] = {"a"};
  CHECK((*o.l.append_batch(one) == sequence_range{{1}, {2}}));
  for (const auto& r : o.l.records()) CHECK_FALSE(r->batch_goes_on());
}

TEST_CASE("a batch may fill a segment to its last byte; what none can hold is too_large with the limit",
          "[append][G4][G7]") {
  open_log o;
  // n frames of 24 bytes and no payload, and one that takes the rest.
  const std::uint64_t room = o.largest + format::frame_header_bytes, empty = 99;
  const std::string rest = pattern(room - (empty + 1) * format::frame_header_bytes);
  std::vector<std::string_view> batch(empty, std::string_view{});
  batch.push_back(rest);
  CHECK((*o.l.append_batch(batch) == sequence_range{{1}, {101}}));
  CHECK((*o.l.append_batch(batch) == sequence_range{{101}, {201}}));
  CHECK(o.l.stats().rolls == 1);
  CHECK((o.l.read({200})->text() == rest));

  const std::uint64_t limit = o.l.record_bytes_max() - empty * format::frame_header_bytes;  // of all of them together
  const auto more = never_read(limit + 1);
  batch.back() = {reinterpret_cast<const char*>(more.data()), more.size()};
  const auto e = o.l.append_batch(batch);
  REQUIRE_FALSE(e);
  CHECK(e.error().code() == errc::too_large);
  CHECK(e.error().limit() == limit);
  CHECK(o.l.stats().claimed.value == 200);
}

TEST_CASE("a record that just fits what is left of a segment does not roll, and one unit more does", "[append]") {
  open_log o;
  const std::uint64_t room = o.largest + format::frame_header_bytes;
  REQUIRE(o.l.append(pattern(1000)).has_value());
  const std::uint64_t left = room - format::frame_bytes(1000);
  const bool fits = GENERATE(true, false);
  REQUIRE(o.l.append(pattern(left - format::frame_header_bytes + (fits ? 0 : 1))).has_value());
  CHECK(o.l.stats().rolls == (fits ? 0 : 1));
  REQUIRE(o.l.append("").has_value());
  CHECK(o.l.stats().rolls == 1);
  CHECK(o.l.read({3})->text().empty());
}

TEST_CASE("segments of many small records hold as many as fit", "[append]") {
  open_log o;
  const std::uint64_t room = o.largest + format::frame_header_bytes, per_segment = room / format::frame_header_bytes;
  for (std::uint64_t s = 1; s <= 3 * per_segment; ++s) REQUIRE(o.l.append("")->value == s);
  CHECK(o.l.stats().rolls == 2);
  o.reopen();
  CHECK(o.l.published_sequence().value == 3 * per_segment);
  std::uint64_t s = 0;
  for (const auto& r : o.l.records()) REQUIRE(r->sequence().value == ++s);
  CHECK(s == 3 * per_segment);
}

TEST_CASE("however many segments a log fills, few of them stay mapped", "[append][G7]") {
  open_log o;
  const std::string whole(o.largest, 'w');
  for (std::uint64_t s = 1; s <= 400; ++s) REQUIRE(o.l.append(whole)->value == s);
  REQUIRE(o.l.stats().rolls == 399);
  std::ifstream maps{"/proc/self/maps"};
  std::size_t mapped = 0;
  for (std::string line; std::getline(maps, line);) mapped += line.ends_with(".seg") ? 1U : 0U;
  // Those that wait to be sealed are bounded as well: no roll goes on while 64 of them do.
  CHECK(mapped > 0);
  CHECK(mapped < 100);
  CHECK(o.l.read({1})->text() == whole);
}

TEST_CASE("claims of more than 64 KiB are made like any other", "[append]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), {.segment_bytes = 512 * 1024});
  REQUIRE(l);
  std::uint64_t s = 0;
  for (const std::uint64_t bytes : {65'000U, 65'512U, 65'513U, 70'000U, 100U, 200'000U, 507'816U, 1U, 300'000U, 300'000U}) {
    CHECK(l->append(pattern(bytes))->value == ++s);
    CHECK((l->read({s})->text() == pattern(bytes)));
  }
}

}  // namespace varve::testing
