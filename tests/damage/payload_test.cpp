// SPDX-License-Identifier: MIT
//
// Damage in a record that was durable: it is reported where it is, and nothing else suffers.
#include "damage/damaged_log.hpp"

namespace varve::testing {

TEST_CASE("a flipped payload bit is reported by read, with segment, offset and sequence", "[damage][G5]") {
  const closed_log c;
  const auto place = place_of(c.dir, 5);
  flip_payload_bit(c.dir, 5);
  auto l = log::open(c.dir);
  REQUIRE(l);  // a clean log opens by its headers
  const auto r = l->read({5});
  REQUIRE_FALSE(r);
  CHECK(r.error().code() == errc::damaged);
  CHECK(r.error().segment() == place.segment);
  CHECK(r.error().offset() == place.offset);
  CHECK(r.error().first_sequence() == 5);
  CHECK(r.error().last_sequence() == 5);
  for (const std::uint64_t s : {1U, 2U, 3U, 4U, 6U, 7U, 8U, 9U}) CHECK(l->read({s})->text() == c.text(s));
  CHECK(l->append("still open")->value == 10);
  CHECK(l->read({10})->text() == "still open");
}

TEST_CASE("a reader stands still at damage, and goes on behind it when told to", "[damage][G5]") {
  const closed_log c;
  flip_payload_bit(c.dir, 5);
  const bool by_view = GENERATE(false, true);
  std::optional<result<log>> l;
  std::optional<result<log_view>> v;
  by_view ? void(v.emplace(log_view::open(c.dir))) : void(l.emplace(log::open(c.dir)));
  auto made = by_view ? (*v)->reader() : (*l)->reader();
  REQUIRE(made);
  for (std::uint64_t s = 1; s <= 4; ++s) CHECK((*made->next())->sequence().value == s);
  for (int tries = 0; tries < 3; ++tries) {
    const auto r = made->next();
    REQUIRE_FALSE(r);
    CHECK(r.error().code() == errc::damaged);
    CHECK(r.error().first_sequence() == 5);
    CHECK(made->position().value == 5);
  }
  REQUIRE(made->seek({6}).has_value());
  for (std::uint64_t s = 6; s <= 9; ++s) CHECK((*made->next())->text() == c.text(s));
  CHECK_FALSE((*made->next()).has_value());
}

TEST_CASE("damage is an element of a range, and its last one", "[damage][G5]") {
  const closed_log c;
  flip_payload_bit(c.dir, 5);
  const auto v = log_view::open(c.dir);
  REQUIRE(v);
  std::string seen;
  for (const auto& r : v->records()) seen += r ? r->text()[0] : '!';
  CHECK(seen == "1234!");
}

TEST_CASE("a reader comes to an end in a log whose only record is damaged", "[damage][G5]") {
  // What is durable stands above the end that the survey finds, which is the segment's base.
  const temp_dir place;
  const auto dir = place.path() / "log";
  die_after(dir, "a", 1);
  flip_payload_bit(dir, 1);
  const auto v = log_view::open(dir);
  REQUIRE(v);
  auto made = v->reader();
  REQUIRE(made);
  const auto r = made->next();
  REQUIRE_FALSE(r);
  CHECK(r.error().code() == errc::damaged);
  CHECK(r.error().first_sequence() == 1);
  CHECK(v->read({1}).error().code() == errc::damaged);
}

TEST_CASE("verify finds a flipped payload bit in any segment", "[damage][G5][G8]") {
  const closed_log c;
  const std::uint64_t s = GENERATE(1U, 5U, 9U);
  const auto place = place_of(c.dir, s);
  flip_payload_bit(c.dir, s);
  const auto report = c.verified();
  CHECK(rows_of(report) == "F");
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].segment == place.segment);
  CHECK(report.findings[0].offset == place.offset);
  CHECK((report.findings[0].sequences == sequence_range{{s}, {s + 1}}));
  CHECK(report.kept == 9);
  CHECK(report.cut_records == 0);
}

TEST_CASE("verify_at_open meets damage in a sealed segment that the seal would hide, and changes nothing", "[damage][G5]") {
  const closed_log c;
  CHECK(log::open(c.dir, {.verify_at_open = true})->published_sequence().value == 9);
  for (const std::uint64_t s : {1U, 5U, 9U}) {
    const closed_log spoiled;
    flip_payload_bit(spoiled.dir, s);
    const auto place = place_of(spoiled.dir, s);
    const auto refusal = spoiled.refused(errc::damaged, {.verify_at_open = true});
    CHECK(refusal.segment() == place.segment);
    CHECK(refusal.offset() == place.offset);
    CHECK(refusal.first_sequence() == s);
    CHECK(log::open(spoiled.dir)->published_sequence().value == 9);
  }
}

TEST_CASE("verify finds each of several damages, and a cleared stamp", "[damage][G5]") {
  const closed_log c;
  flip_payload_bit(c.dir, 2);
  clear_stamp(c.dir, 4);
  flip_payload_bit(c.dir, 9);
  const auto report = c.verified();
  CHECK(rows_of(report) == "FFF");
  REQUIRE(report.findings.size() == 3);
  CHECK((report.findings[0].sequences == sequence_range{{2}, {3}}));
  CHECK((report.findings[1].sequences == sequence_range{{4}, {5}}));
  CHECK((report.findings[2].sequences == sequence_range{{9}, {10}}));
}

TEST_CASE("a cleared stamp below the mark is damage, never the end of the log", "[damage][G5]") {
  const closed_log c;
  const std::uint64_t s = GENERATE(1U, 3U, 5U, 9U);
  clear_stamp(c.dir, s);
  auto l = log::open(c.dir);
  REQUIRE(l);
  CHECK(l->published_sequence().value == 9);
  CHECK(l->read({s}).error().code() == errc::damaged);
  std::uint64_t count = 0;
  std::optional<error> last;
  for (const auto& r : l->records()) {
    if (r) CHECK(r->sequence().value == ++count);
    if (!r) last = r.error();
  }
  CHECK(count == s - 1);
  REQUIRE(last);
  CHECK(last->code() == errc::damaged);
  CHECK(last->first_sequence() == s);
}

TEST_CASE("a record that holds a whole other frame is not taken apart when it is damaged", "[damage][G5][G6]") {
  // The payload is a frame with a stamp that fits, made by somebody who knows the salt; not its checksum, which he could
  // also make: that is documented as not protected.
  temp_dir dir;
  {
    auto l = log::open(dir.path(), {.segment_bytes = format::segment_bytes_min});
    REQUIRE(l);
    REQUIRE(l->append("first").has_value());
    REQUIRE(l->append(std::string(200, 'y')).has_value());
    REQUIRE(l->append("third").has_value());
    REQUIRE(l->close().has_value());
  }
  const auto inner = place_of(dir.path(), 2);
  const auto third = place_of(dir.path(), 3);
  const auto file = segment_path(dir.path(), inner.segment);
  patch(file, inner.offset + format::frame_header_bytes, read_part(file, third.offset, third.extent));
  auto l = log::open(dir.path());
  REQUIRE(l);
  CHECK(l->read({2}).error().code() == errc::damaged);
  CHECK(l->read({3})->text() == "third");
  CHECK(rows_of(*verify(dir.path())) == "F");
}

}  // namespace varve::testing
