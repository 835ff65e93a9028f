// SPDX-License-Identifier: MIT
//
// What an open does to the files of a log whose writer died: rows A, C, F to I, and K to P of the recovery table.
#include <string>
#include <string_view>
#include <vector>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

const log_options small{.segment_bytes = 64 * 1024};

result<log> reopen(const std::filesystem::path& dir) { return log::open(dir, {.recovery = recovery_mode::strict}); }

}  // namespace

TEST_CASE("row A on files: what was appended survives the death of its process", "[recovery][G1]") {
  const temp_dir dir;
  die_after(dir.path(), "abc");
  auto l = reopen(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c ");
  CHECK(rows_of(l->recovery()) == "");
  CHECK(l->recovery().kept == 3);
  CHECK_FALSE(l->recovery().clean);
  CHECK(l->durable_sequence().value == 3);
}

TEST_CASE("row C on files: without checksums, too, a death loses nothing", "[recovery][G1]") {
  const temp_dir dir;
  die_after(dir.path(), "abc", 0, {.segment_bytes = 64 * 1024, .checksum = checksum::none});
  auto l = reopen(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c ");
  CHECK(rows_of(l->recovery()) == "");
}

TEST_CASE("row F on files: below the mark an invalid frame is refused by name, and no byte changes", "[recovery][G5]") {
  const bool clear = GENERATE(false, true);
  const temp_dir dir;
  die_after(dir.path(), "abcde", 3);
  const auto place = place_of(dir.path(), 2);
  clear ? clear_stamp(dir.path(), 2) : flip_payload_bit(dir.path(), 2);
  const auto before = image_of(dir.path());
  auto l = log::open(dir.path());
  REQUIRE_FALSE(l);
  CHECK(l.error().code() == errc::damaged);
  CHECK(l.error().segment() == place.segment);
  CHECK(l.error().offset() == place.offset);
  CHECK(l.error().first_sequence() == 2);
  CHECK(l.error().path() == dir.path().string());
  CHECK((image_of(dir.path()) == before));
}

TEST_CASE("row G on files: a log whose durable segment is missing is refused", "[recovery][G5]") {
  const temp_dir dir;
  die_with(dir.path(), small, [](log& l) {
    const std::string large(20'000, 'x');
    for (int i = 0; i < 8; ++i) must(l.append(large).has_value());
    must(l.sync().has_value());
  });
  std::filesystem::remove(segment_path(dir.path(), place_of(dir.path(), 8).segment));
  const auto before = image_of(dir.path());
  auto l = log::open(dir.path());
  REQUIRE_FALSE(l);
  CHECK(l.error().code() == errc::incomplete);
  CHECK((image_of(dir.path()) == before));
}

TEST_CASE("row H on files: a death leaves records in many segments, and all are kept", "[recovery][G1]") {
  const temp_dir dir;
  die_with(dir.path(), small, [](log& l) {
    sleep_at("sync.before_mark");  // so that nothing is sealed: recovery must walk through all of it
    for (char c = 'a'; c <= 'z'; ++c) must(l.append(std::string(10'000, c)).has_value());
  });
  auto l = reopen(dir.path());
  REQUIRE(l);
  CHECK(l->recovery().kept == 26);
  CHECK(rows_of(l->recovery()) == "");
  for (char c = 'a'; c <= 'z'; ++c)
    CHECK(l->read({static_cast<std::uint64_t>(c - 'a' + 1)})->text() == std::string(10'000, c));
}

TEST_CASE("row I on files: a recovery that died after it had written an end is done again", "[recovery][G6]") {
  const temp_dir dir;
  die_after(dir.path(), "abc");
  die_opening(dir.path(), "seal.before_store");  // the end is written, and no segment follows yet
  auto l = reopen(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c ");
  CHECK(l->append("d")->value == 4);
}

TEST_CASE("row K on files: a batch whose writer died between its stamps is gone as a whole", "[recovery][G4]") {
  const int stamps = GENERATE(1, 2, 3);
  const temp_dir dir;
  die_with(dir.path(), small, [&](log& l) {
    append_all(l, "ab");
    die_at("publish.between_stamps", stamps);
    const std::string_view batch[] = {"1", "2", "3", "4"};
    static_cast<void>(l.append_batch(batch));
    must(false);
  });
  auto l = reopen(dir.path());
  REQUIRE(l);
  // The head is a hole (M), each stamped one behind it an orphan.
  CHECK(rows_of(l->recovery()) == "M" + std::string(static_cast<std::size_t>(stamps), 'K'));
  CHECK(texts_of(*l) == "a b - - - - ");
  CHECK(l->recovery().stepped_over == 4);
  CHECK(l->recovery().kept == 6);
  CHECK(l->append("g")->value == 7);
}

TEST_CASE("row L on files: an invalid frame above the mark was no mere death, and the log is cut there", "[recovery][G3]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 2);
  flip_payload_bit(dir.path(), 5);
  const auto place = place_of(dir.path(), 5);
  auto l = log::open(dir.path());
  REQUIRE(l);
  CHECK(rows_of(l->recovery()) == "LQ");
  CHECK(l->recovery().findings.back().offset == place.offset);
  CHECK(l->recovery().findings.back().segment == place.segment);
  CHECK(l->recovery().findings.back().sequences.first.value == 5);
  CHECK(l->recovery().cut_records == 2);
  CHECK(l->recovery().cut_bytes == 64);
  CHECK(texts_of(*l) == "a b c d ");
  CHECK(l->append("new")->value == 5);
}

TEST_CASE("row L on files: the head of a batch without the rest was no mere death, and all of the batch goes",
          "[recovery][G4]") {
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = 64 * 1024}, [](log& l) {
    append_all(l, "a");
    const std::string_view batch[] = {"b", "c", "d"};
    must(l.append_batch(batch).has_value());
    append_all(l, "e");
  });
  const std::uint64_t lost = GENERATE(3U, 4U);
  CAPTURE(lost);
  clear_stamp(dir.path(), lost);
  auto l = log::open(dir.path());
  REQUIRE(l);
  CHECK(rows_of(l->recovery()).starts_with("L"));
  CHECK(l->recovery().stepped_over == 0);
  CHECK(texts_of(*l) == "a ");
  CHECK(l->append("new")->value == 2);
}

TEST_CASE("row M on files: dead claims become abandoned, and every record around them is kept", "[recovery][G1][G3]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdefgh", 1);
  for (const std::uint64_t s : {3U, 4U, 7U}) clear_stamp(dir.path(), s);
  auto l = reopen(dir.path());  // strict: nothing is cut
  REQUIRE(l);
  CHECK(rows_of(l->recovery()) == "MM");
  CHECK(l->recovery().stepped_over == 3);
  CHECK(l->recovery().cut_records == 0);
  REQUIRE(l->recovery().findings.size() == 2);
  CHECK((l->recovery().findings[0].sequences == sequence_range{{3}, {5}}));
  CHECK((l->recovery().findings[1].sequences == sequence_range{{7}, {8}}));
  CHECK(texts_of(*l) == "a b - - e f - h ");
  CHECK(l->append("i")->value == 9);
}

TEST_CASE("row M: a hole that cannot hold the claims before what lies behind is not stepped over", "[recovery][G3]") {
  // A stamp that says 100 five frames too early: there is no room for the claims between.
  const temp_dir dir;
  die_after(dir.path(), "abcd");
  const auto place = place_of(dir.path(), 3);
  const auto file = segment_path(dir.path(), place.segment);
  const auto salt = read_sector<format::activation>(file, format::activation_offset).salt;
  clear_stamp(dir.path(), 2);
  for (const std::uint64_t s : {3U, 4U}) {
    // Valid in itself, whatever its number.
    const auto at = place_of(dir.path(), s);
    const auto header = format::filler(format::frame_kind::lost, (s + 97) ^ salt, at.offset, at.extent);
    patch(file, at.offset, std::as_bytes(std::span{&header, 1}));
  }
  auto l = reopen(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == "a ");
  CHECK(l->append("new")->value == 2);
}

TEST_CASE("row N on files: a dead claim at the end of a segment is stepped over", "[recovery][G1][G3]") {
  const temp_dir dir;
  die_with(dir.path(), small, [](log& l) {
    sleep_at("sync.before_mark");                                                          // nothing is sealed
    for (char c = 'a'; c <= 'h'; ++c) must(l.append(std::string(20'000, c)).has_value());  // three to a segment
  });
  REQUIRE(place_of(dir.path(), 3).segment != place_of(dir.path(), 4).segment);
  clear_stamp(dir.path(), 3);
  auto l = reopen(dir.path());
  REQUIRE(l);
  CHECK(rows_of(l->recovery()) == "N");
  CHECK(l->recovery().kept == 8);
  CHECK(l->read({3}).error().code() == errc::abandoned);
  for (const char c : std::string{"abdefgh"}) CHECK(l->read({static_cast<std::uint64_t>(c - 'a' + 1)})->text()[0] == c);
}

TEST_CASE("row O on files: a dead claim before a torn frame is judged as a power loss", "[recovery][G3]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 1);
  flip_payload_bit(dir.path(), 4);
  clear_stamp(dir.path(), 3);
  SECTION("prefix cuts") {
    auto l = log::open(dir.path());
    REQUIRE(l);
    CHECK(rows_of(l->recovery()) == "OR");
    CHECK(texts_of(*l) == "a b ");
  }
  SECTION("strict refuses, and changes nothing") {
    const auto before = image_of(dir.path());
    auto l = reopen(dir.path());
    REQUIRE_FALSE(l);
    CHECK(l.error().code() == errc::would_cut);
    CHECK(l.error().first_sequence() == 3);
    CHECK((image_of(dir.path()) == before));
  }
}

TEST_CASE("row P on files: claims behind the last finished one give their sequences back", "[recovery][G3]") {
  const temp_dir dir;
  die_after(dir.path(), "abcd");
  clear_stamp(dir.path(), 3);
  clear_stamp(dir.path(), 4);
  auto l = reopen(dir.path());
  REQUIRE(l);
  CHECK(rows_of(l->recovery()) == "");
  CHECK(l->append("new")->value == 3);
  CHECK(texts_of(*l) == "a b new ");
}

// ---- Whatever the row.

TEST_CASE("after an unclean end appending goes on in a fresh segment with a fresh salt", "[recovery][G6]") {
  const temp_dir dir;
  die_after(dir.path(), "ab");
  const auto old = place_of(dir.path(), 1).segment;
  die_after(dir.path(), "cd");
  const auto fresh = place_of(dir.path(), 3).segment;
  CHECK(fresh > old);
  const auto salt_of = [&](std::uint64_t number) {
    return read_sector<format::activation>(segment_path(dir.path(), number), format::activation_offset).salt;
  };
  CHECK(salt_of(fresh) != salt_of(old));
  const auto end = read_sector<format::end>(segment_path(dir.path(), old), format::end_offset);
  CHECK(end.last == 2);
  CHECK(end.cause == format::end_cause::recovery);
  CHECK(texts_of(*reopen(dir.path())) == "a b c d ");
}

TEST_CASE("a frame that comes in full after its claim was given back never returns", "[recovery][G6]") {
  // The dead claim's stamp is stored late, as if its page had reached the disk in a later power loss.
  const temp_dir dir;
  die_after(dir.path(), "abcd");
  const auto place = place_of(dir.path(), 4);
  const auto file = segment_path(dir.path(), place.segment);
  const auto late = read_part(file, place.offset, place.extent);
  clear_stamp(dir.path(), 4);
  {
    REQUIRE(texts_of(*reopen(dir.path())) == "a b c ");
  }
  patch(file, place.offset, late);
  const bool power = GENERATE(false, true);
  if (power) make_power_loss(dir.path());
  auto l = reopen(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c ");
  CHECK(l->append("new")->value == 4);
  CHECK(texts_of(*l) == "a b c new ");
}

TEST_CASE("openings that die one after another leave no empty segments behind", "[recovery][G7]") {
  const temp_dir dir;
  die_after(dir.path(), "ab");
  for (int i = 0; i < 5; ++i) die_with(dir.path(), small, [](log&) {});
  auto l = reopen(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b ");
  CHECK(l->stats().segments == 2);
}

TEST_CASE("recovery that dies at any of its points is done again by the next open", "[recovery][G1][G4]") {
  const char* const point = GENERATE("repair.before_stamps", "repair.before_sync", "repair.before_remove",
                                     "seal.before_store", "prepare.before_sync", "state.before_store", "state.before_sync");
  CAPTURE(point);
  const temp_dir dir;
  die_after(dir.path(), "abcdefgh", 1);
  for (const std::uint64_t s : {3U, 4U, 7U}) clear_stamp(dir.path(), s);
  for (int life = 1; life <= 3; ++life) die_opening(dir.path(), point, life);
  die_with(dir.path(), small, [](log&) {});  // leaves an empty segment for repair to remove
  for (int life = 1; life <= 3; ++life) die_opening(dir.path(), point, life);
  auto l = reopen(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b - - e f - h ");
  CHECK(l->recovery().cut_records == 0);
}

TEST_CASE("on_progress is called while an unclean log is scanned, and grows to its end", "[recovery]") {
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = 4 << 20}, [](log& l) {
    for (int i = 0; i < 60; ++i) must(l.append(std::string(60'000, 'x')).has_value());
  });
  std::vector<recovery_progress> seen;
  auto l = log::open(dir.path(), {.on_progress = [&](const recovery_progress& p) { seen.push_back(p); }});
  REQUIRE(l);
  REQUIRE(seen.size() >= 2);
  for (std::size_t i = 1; i < seen.size(); ++i) CHECK(seen[i].bytes_done > seen[i - 1].bytes_done);
  CHECK(seen.back().bytes_done <= seen.back().bytes_total);
}

}  // namespace varve::testing
