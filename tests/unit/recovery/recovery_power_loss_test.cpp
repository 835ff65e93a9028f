// SPDX-License-Identifier: MIT
//
// What an open does to the files of a log after a power loss, and to a copy of a log: rows A, D to G, I, P, Q and R.
#include <string>
#include <string_view>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

const log_options unprotected{.segment_bytes = 64 * 1024, .checksum = checksum::none};
const log_options strictly{.recovery = recovery_mode::strict};

void copy_recursively(const fs::path& from, const fs::path& to) { fs::copy(from, to, fs::copy_options::recursive); }

}  // namespace

TEST_CASE("row A on files: after a power loss whatever is whole is kept, also above the mark", "[recovery][G2][G3]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 2);
  make_power_loss(dir.path());
  auto l = log::open(dir.path(), strictly);
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c d e f ");
  CHECK(rows_of(l->recovery()) == "");
  CHECK(l->durable_sequence().value == 6);
}

TEST_CASE("rows D and E on files: without checksums the log is cut at the mark", "[recovery][G2][G3]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 4, unprotected);
  make_power_loss(dir.path());
  SECTION("prefix") {
    auto l = log::open(dir.path());
    REQUIRE(l);
    CHECK(texts_of(*l) == "a b c d ");
    CHECK(rows_of(l->recovery()) == "E");
    CHECK(l->recovery().cut_records == 2);
    CHECK(l->append("new")->value == 5);
  }
  SECTION("strict") {
    const auto before = image_of(dir.path());
    const auto l = log::open(dir.path(), strictly);
    REQUIRE_FALSE(l);
    CHECK(l.error().code() == errc::would_cut);
    CHECK((image_of(dir.path()) == before));
  }
}

TEST_CASE("row F on files: after a power loss, too, what had been synced is never cut", "[recovery][G2][G5]") {
  const bool clear = GENERATE(false, true);
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 4);
  make_power_loss(dir.path());
  const auto place = place_of(dir.path(), 4);
  clear ? clear_stamp(dir.path(), 4) : flip_payload_bit(dir.path(), 4);
  const auto before = image_of(dir.path());
  const auto l = log::open(dir.path());
  REQUIRE_FALSE(l);
  CHECK(l.error().code() == errc::damaged);
  CHECK(l.error().segment() == place.segment);
  CHECK(l.error().offset() == place.offset);
  CHECK(l.error().first_sequence() == 4);
  CHECK((image_of(dir.path()) == before));
}

TEST_CASE("row P on files: a power loss that lost the newest pages leaves a shorter log", "[recovery][G3]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 2);
  make_power_loss(dir.path());
  const auto from = place_of(dir.path(), 4);
  patch(segment_path(dir.path(), from.segment), from.offset, byte_vector(200));
  auto l = log::open(dir.path(), strictly);
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c ");
  CHECK(rows_of(l->recovery()) == "");
}

TEST_CASE("row Q on files: a torn frame is cut with all that follows, and it is said how much", "[recovery][G3][G5]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 2);
  make_power_loss(dir.path());
  const auto place = place_of(dir.path(), 4);
  flip_payload_bit(dir.path(), 4);
  SECTION("prefix") {
    auto l = log::open(dir.path());
    REQUIRE(l);
    CHECK(texts_of(*l) == "a b c ");
    CHECK(rows_of(l->recovery()) == "Q");
    CHECK(l->recovery().cut_records == 3);
    CHECK(l->recovery().cut_bytes == 3 * 32);
    CHECK(l->recovery().kept == 3);
    const auto& f = l->recovery().findings.at(0);
    CHECK(f.segment == place.segment);
    CHECK(f.offset == place.offset);
    CHECK((f.sequences == sequence_range{{4}, {7}}));
    CHECK(l->append("new")->value == 4);
    CHECK(texts_of(*l) == "a b c new ");
  }
  SECTION("strict") {
    const auto before = image_of(dir.path());
    const auto l = log::open(dir.path(), strictly);
    REQUIRE_FALSE(l);
    CHECK(l.error().code() == errc::would_cut);
    CHECK(l.error().segment() == place.segment);
    CHECK(l.error().offset() == place.offset);
    CHECK(l.error().first_sequence() == 4);
    CHECK((image_of(dir.path()) == before));
    CHECK(log::open(dir.path()).has_value());  // and prefix can still have it
  }
}

TEST_CASE("row R on files: a lost frame cuts, though the cache had written what was behind it", "[recovery][G3]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 1);
  make_power_loss(dir.path());
  clear_stamp(dir.path(), 3);
  auto l = log::open(dir.path());
  REQUIRE(l);
  CHECK(rows_of(l->recovery()) == "R");
  CHECK(texts_of(*l) == "a b ");
  CHECK(l->recovery().stepped_over == 0);
}

TEST_CASE("a batch that a power loss took a part of goes as a whole", "[recovery][G4]") {
  const std::uint64_t torn = GENERATE(3U, 4U, 5U, 6U);
  const bool flipped = GENERATE(true, false);
  CAPTURE(torn, flipped);
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = 64 * 1024}, [](log& l) {
    append_all(l, "ab");
    const std::string_view batch[] = {"c", "d", "e", "f"};
    must(l.append_batch(batch).has_value());
    append_all(l, "gh");
  });
  make_power_loss(dir.path());
  flipped ? flip_payload_bit(dir.path(), torn) : clear_stamp(dir.path(), torn);
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  CHECK(texts_of(*v) == "a b ");
  auto l = log::open(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b ");
  CHECK(l->recovery().cut_records >= 6 - 2);
  CHECK(l->append("new")->value == 3);
}

TEST_CASE("an orphan after a power loss is cut: the head of its batch is a frame that does not go on", "[recovery][G4]") {
  // The head is overwritten by a whole frame of its own, of the same size: only another program could do that.
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = 64 * 1024}, [](log& l) {
    append_all(l, "a");
    const std::string_view batch[] = {"b", "c"};
    must(l.append_batch(batch).has_value());
  });
  make_power_loss(dir.path());
  const auto head = place_of(dir.path(), 2);
  const auto file = segment_path(dir.path(), head.segment);
  const auto salt = read_sector<format::activation>(file, format::activation_offset).salt;
  format::frame_header header{.stamp = format::stamp_of(2, salt), .length = 1};
  const auto payload = read_part(file, head.offset + format::frame_header_bytes, 1);
  header.checksum = format::frame_checksum(checksum::xxh3, header, head.offset, payload);
  patch(file, head.offset, std::as_bytes(std::span{&header, 1}));
  auto l = log::open(dir.path());
  REQUIRE(l);
  CHECK(rows_of(l->recovery()) == "Q");
  CHECK(texts_of(*l) == "a b ");
}

TEST_CASE("a cut in a segment drops all later ones, and their records do not come back", "[recovery][G3][G6]") {
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = 64 * 1024}, [](log& l) {
    sleep_at("sync.before_mark");  // nothing is sealed
    for (char c = 'a'; c <= 'i'; ++c) must(l.append(std::string(20'000, c)).has_value());
  });
  make_power_loss(dir.path());
  flip_payload_bit(dir.path(), 5);
  const auto last = place_of(dir.path(), 9).segment;
  {
    auto l = log::open(dir.path());
    REQUIRE(l);
    CHECK(l->recovery().kept == 4);
    CHECK(l->recovery().cut_records == 5);
    CHECK(l->recovery().cut_bytes == 5 * 20'024);
    CHECK(rows_of(l->recovery()) == "QQ");  // where it was torn, and the segment behind that
    CHECK((l->recovery().findings.at(1).sequences == sequence_range{{7}, {10}}));
    CHECK_FALSE(fs::exists(segment_path(dir.path(), last)));
    CHECK(l->append("new")->value == 5);
    REQUIRE(l->sync().has_value());
    CHECK(l->read({5})->text() == "new");
    CHECK(l->read({6}).error().code() == errc::past_end);
  }
  CHECK(rows_of(*verify(dir.path())) == "");
}

TEST_CASE("what an open cut stays cut when the power fails again", "[recovery][G6]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 2);
  make_power_loss(dir.path());
  flip_payload_bit(dir.path(), 4);
  const auto cut_place = place_of(dir.path(), 4);
  for (int life = 0; life < 3; ++life) {
    die_with(dir.path(), {}, [&](log& l) {
      must(l.published_sequence().value == 3 + static_cast<std::uint64_t>(life));
      append_all(l, "x");
    });
    if (life == 0) flip_bit(segment_path(dir.path(), cut_place.segment), cut_place.offset + 24);  // it is whole again
    make_power_loss(dir.path());
  }
  auto l = log::open(dir.path(), strictly);
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c x x x ");
}

TEST_CASE("a state of which both copies of a slot are torn is no clean state: the log is walked", "[recovery][G6]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
    append_all(*l, "abc");
  }
  for (const auto& copies : format::state_copy_offset) {
    const auto image = image_of(dir.path());
    for (const std::uint64_t copy : copies) flip_bit(dir.path() / format::state_name, copy + 100);
    {
      auto l = log::open(dir.path(), strictly);
      REQUIRE(l);
      CHECK_FALSE(l->recovery().clean);
      CHECK(texts_of(*l) == "a b c ");
    }
    restore(dir.path(), image);
  }
}

// ---- Copies: another inode, so `clean` and the marks are believed only if everything that they speak of is there.

TEST_CASE("a copy of a closed log opens as after a power loss, and loses nothing", "[recovery][G2]") {
  const temp_dir dir;
  const auto original = dir.path() / "original", copy = dir.path() / "copy";
  {
    auto l = log::open(original, {.segment_bytes = 64 * 1024});
    REQUIRE(l);
    for (char c = 'a'; c <= 'i'; ++c) REQUIRE(l->append(std::string(20'000, c)).has_value());
  }
  copy_recursively(original, copy);
  const auto v = log_view::open(copy);
  REQUIRE(v);
  CHECK(v->published_sequence().value == 9);
  auto l = log::open(copy, strictly);
  REQUIRE(l);
  CHECK_FALSE(l->recovery().clean);
  CHECK(l->recovery().kept == 9);
  CHECK(l->read({9})->text() == std::string(20'000, 'i'));
  CHECK(l->append("new")->value == 10);
  REQUIRE(l->close().has_value());
  auto again = log::open(copy);
  REQUIRE(again);
  CHECK(again->recovery().clean);  // it is no copy any more
  CHECK(again->recovery().kept == 10);
}

TEST_CASE("a copy whose varve.live is of a later opening than its varve.state is incomplete", "[recovery][G5]") {
  const temp_dir dir;
  const auto original = dir.path() / "original", copy = dir.path() / "copy";
  die_after(original, "abc", 3);
  copy_recursively(original, copy);
  die_with(original, {}, [](log& l) {
    append_all(l, "defghi");
    must(l.sync().has_value());
  });
  fs::copy(original / format::live_name, copy / format::live_name, fs::copy_options::overwrite_existing);
  const auto before = image_of(copy);
  CHECK(log::open(copy).error().code() == errc::incomplete);
  CHECK((image_of(copy) == before));
  // That mark says how far sequences were given out: none of them is again. Nor does it say more of the next opening,
  // which has the number of that later one.
  die_with(copy, {.recovery = recovery_mode::accept_loss}, [](log& l) { append_all(l, "x"); });
  const auto again = log::open(copy);
  INFO((again ? std::string{} : again.error().message()));
  REQUIRE(again);
  CHECK(texts_of(*again) == "a b c damaged damaged damaged damaged damaged damaged x ");
}

TEST_CASE("a copy made while the log is written keeps a prefix", "[recovery][G3]") {
  const temp_dir dir;
  const auto original = dir.path() / "original", copy = dir.path() / "copy";
  auto l = log::open(original, {.segment_bytes = 64 * 1024});
  REQUIRE(l);
  for (char c = 'a'; c <= 'i'; ++c) REQUIRE(l->append(std::string(20'000, c)).has_value());
  copy_recursively(original, copy);
  REQUIRE(l->close().has_value());
  auto opened = log::open(copy);
  REQUIRE(opened);
  CHECK(opened->recovery().kept == 9);
  CHECK(opened->append("new")->value == 10);
}

TEST_CASE("a copy of a closed log without checksums is whole", "[recovery][G2]") {
  const temp_dir dir;
  const auto original = dir.path() / "original", copy = dir.path() / "copy";
  {
    auto l = log::open(original, {.segment_bytes = 64 * 1024, .checksum = checksum::none});
    append_all(*l, "abc");
  }
  copy_recursively(original, copy);
  CHECK(verify(copy)->findings.empty());
  CHECK(texts_of(*log_view::open(copy)) == "a b c ");
  auto l = log::open(copy, strictly);
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c ");
  CHECK(l->append("new")->value == 4);
}

TEST_CASE("a copy that lacks what its state says was durable is no whole one, and that is said", "[recovery][G5]") {
  const temp_dir dir;
  const auto original = dir.path() / "original", copy = dir.path() / "copy";
  {
    auto l = log::open(original, {.segment_bytes = 64 * 1024});
    for (char c = 'a'; c <= 'i'; ++c) REQUIRE(l->append(std::string(20'000, c)).has_value());
  }
  copy_recursively(original, copy);
  fs::remove(segment_path(copy, place_of(copy, 9).segment));
  const auto report = verify(copy);
  REQUIRE(report);
  CHECK(rows_of(*report) == "G");
  CHECK(report->findings[0].sequences.first.value == 7);
  CHECK(report->findings[0].sequences.end.value == 10);
  const auto v = log_view::open(copy);
  CHECK(v->durable_sequence() <= v->published_sequence());
  CHECK(log::open(copy, strictly).error().code() == errc::incomplete);
  const auto refused = log::open(copy);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::incomplete);
  CHECK(refused.error().first_sequence() == 7);
  CHECK(refused.error().last_sequence() == 9);
  const auto l = log::open(copy, {.recovery = recovery_mode::accept_loss});
  REQUIRE(l);
  CHECK(rows_of(l->recovery()) == "G");
  CHECK(l->recovery().kept == 6);
}

TEST_CASE("a copy with damage below its marks is incomplete", "[recovery][G5]") {
  // A torn frame below the mark is damage in the original. In the copy it may be that the mark is newer: either way
  // something that was durable is not here.
  const temp_dir dir;
  const auto original = dir.path() / "original", copy = dir.path() / "copy";
  die_after(original, "abcdef", 6);
  flip_payload_bit(original, 4);
  copy_recursively(original, copy);
  CHECK(log::open(original).error().code() == errc::damaged);
  const auto refused = log::open(copy);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::incomplete);
  CHECK(refused.error().first_sequence() == 4);
  auto l = log::open(copy, {.recovery = recovery_mode::accept_loss});
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c damaged e f ");
  CHECK(rows_of(l->recovery()) == "F");
}

TEST_CASE("of a copy the seals are believed: a missing segment before a sealed one is damage", "[recovery][G5]") {
  const temp_dir dir;
  const auto original = dir.path() / "original", copy = dir.path() / "copy";
  {
    auto l = log::open(original, {.segment_bytes = 64 * 1024});
    for (char c = 'a'; c <= 'i'; ++c) REQUIRE(l->append(std::string(20'000, c)).has_value());
  }
  copy_recursively(original, copy);
  fs::remove(segment_path(copy, place_of(copy, 1).segment));
  const auto before = image_of(copy);
  const auto l = log::open(copy);
  REQUIRE_FALSE(l);
  CHECK(l.error().code() == errc::incomplete);
  CHECK((image_of(copy) == before));
}

TEST_CASE("a copy that lacks a segment before others is refused whole, and keeps both sides when that is accepted",
          "[recovery][G5]") {
  const std::uint64_t missing = GENERATE(1U, 4U);
  CAPTURE(missing);
  const temp_dir dir;
  const auto original = dir.path() / "original", copy = dir.path() / "copy";
  {
    auto l = log::open(original, {.segment_bytes = 64 * 1024});
    for (char c = 'a'; c < (missing == 1 ? 'f' : 'i'); ++c) REQUIRE(l->append(std::string(20'000, c)).has_value());
  }
  copy_recursively(original, copy);
  fs::remove(segment_path(copy, place_of(copy, missing).segment));
  const auto before = image_of(copy);
  for (const auto mode : {recovery_mode::prefix, recovery_mode::strict}) {
    const auto l = log::open(copy, {.recovery = mode});
    REQUIRE_FALSE(l);
    CHECK(l.error().code() == errc::incomplete);
    CHECK((image_of(copy) == before));
  }
  auto l = log::open(copy, {.recovery = recovery_mode::accept_loss});
  REQUIRE(l);
  CHECK(l->recovery().given_up == 3);
  CHECK(l->read({missing + 3})->text() == std::string(20'000, static_cast<char>('a' + missing + 2)));
  CHECK(l->read({missing}).error().code() == errc::damaged);
}

}  // namespace varve::testing
