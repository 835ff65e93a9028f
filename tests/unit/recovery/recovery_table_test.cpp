// SPDX-License-Identifier: MIT
//
// The recovery table by itself: all that can be found has one row, and each row says what its case deserves. What the rows
// do to files is in recovery_death_test.cpp and recovery_power_loss_test.cpp.
#include "recovery/recovery_table.hpp"

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace varve::core;

namespace {

constexpr ending endings[] = {ending::living, ending::clean, ending::death, ending::power_loss};
constexpr region regions[] = {region::durable, region::tail};
constexpr finding findings[] = {finding::frame,   finding::unprotected, finding::orphan,    finding::broken,
                                finding::nothing, finding::gap,         finding::successor, finding::end};
constexpr behind behinds[] = {behind::nothing, behind::frame, behind::broken, behind::boundary, behind::misfit};

template <class See>
void for_all_circumstances(See see) {
  for (const auto e : endings)
    for (const auto r : regions)
      for (const auto f : findings)
        for (const auto b : behinds) see(circumstances{.ending = e, .region = r, .finding = f, .behind = b});
}

std::string text_of(const circumstances& c) {
  const auto number = [](auto value) { return std::to_string(static_cast<unsigned>(value)); };
  return "ending " + number(c.ending) + ", region " + number(c.region) + ", finding " + number(c.finding) + ", behind " +
         number(c.behind);
}

/// A representative case of a row, and what is to be done about it.
void expect(char letter, const circumstances& c, action what) {
  CAPTURE(text_of(c));
  const row& r = decide(c);
  CHECK(std::string(1, r.letter) == std::string(1, letter));
  CHECK(r.action == what);
}

constexpr auto tail = region::tail;
constexpr auto durable = region::durable;
constexpr auto no_matter = behind::nothing;  // looked at only where nothing stands

}  // namespace

TEST_CASE("every combination of findings has exactly one row", "[recovery][G3][G5]") {
  std::size_t combinations = 0;
  for_all_circumstances([&](const circumstances& c) {
    ++combinations;
    std::string matching;
    for (const row& r : recovery_rows())
      if (r.matches(c)) matching += r.letter;
    CAPTURE(text_of(c), matching);
    CHECK(matching.size() == 1);
    CHECK(decide(c).letter == matching[0]);
  });
  CHECK(combinations == 320);
}

TEST_CASE("every row is reached by some combination, and says why", "[recovery]") {
  std::set<char> reached;
  for_all_circumstances([&](const circumstances& c) { reached.insert(decide(c).letter); });
  for (const row& r : recovery_rows()) {
    CAPTURE(r.letter);
    CHECK(reached.contains(r.letter));
    CHECK(std::string{r.cause}.size() > 10);
  }
}

TEST_CASE("no two rows share a letter, nor with a finding about a whole file", "[recovery]") {
  std::set<char> letters{row_foreign_segment, row_header_damaged,  row_activation_torn,
                         row_incomplete,      row_segment_missing, row_state_stale};
  CHECK(letters.size() == 6);
  for (const row& r : recovery_rows()) {
    CAPTURE(r.letter);
    CHECK(letters.insert(r.letter).second);
  }
}

// ---- Promises over all combinations.

TEST_CASE("at or below the durable mark nothing is ever cut or stepped over", "[recovery][G2][G5]") {
  for_all_circumstances([](const circumstances& c) {
    if (c.region != durable) return;
    CAPTURE(text_of(c));
    const action what = decide(c).action;
    CHECK((what == action::keep || what == action::next_segment || what == action::refuse));
  });
}

TEST_CASE("what fails validation below the mark is refused, however the log ended", "[recovery][G5]") {
  for_all_circumstances([](const circumstances& c) {
    if (c.region != durable || c.finding == finding::frame || c.finding == finding::unprotected) return;
    if (c.finding == finding::successor) return;
    CAPTURE(text_of(c));
    CHECK(decide(c).action == action::refuse);
  });
}

TEST_CASE("a power loss never stops a log from opening", "[recovery][G5]") {
  for_all_circumstances([](const circumstances& c) {
    if (c.ending != ending::power_loss || c.region != tail) return;
    CAPTURE(text_of(c));
    CHECK(decide(c).action != action::refuse);
    CHECK(decide(c).action != action::as_power_loss);  // that would never end
  });
}

TEST_CASE("after a mere death nothing is cut: a frame is kept, or stepped over, or it was no mere death", "[recovery][G3]") {
  for_all_circumstances([](const circumstances& c) {
    if (c.ending != ending::death || c.region != tail) return;
    CAPTURE(text_of(c));
    CHECK(decide(c).action != action::cut);
    CHECK(decide(c).action != action::refuse);
  });
}

TEST_CASE("only a death leaves something to step over", "[recovery][G3]") {
  for_all_circumstances([](const circumstances& c) {
    const action what = decide(c).action;
    if (what != action::lose && what != action::step_over) return;
    CAPTURE(text_of(c));
    CHECK(c.ending == ending::death);
    CHECK(c.region == tail);
  });
}

TEST_CASE("an unprotected frame above the mark is not believed after a power loss", "[recovery][G3]") {
  for (const auto b : behinds) CHECK(decide({ending::power_loss, tail, finding::unprotected, b}).action == action::cut);
}

// ---- Row by row.

TEST_CASE("row A: a valid frame is kept", "[recovery][G1][G2]") {
  expect('A', {ending::death, tail, finding::frame, no_matter}, action::keep);
  expect('A', {ending::power_loss, tail, finding::frame, no_matter}, action::keep);
  expect('A', {ending::living, durable, finding::frame, no_matter}, action::keep);
}

TEST_CASE("row B: a valid frame of a log that was closed is kept", "[recovery][G2]") {
  expect('B', {ending::clean, durable, finding::frame, no_matter}, action::keep);
  expect('B', {ending::clean, durable, finding::unprotected, no_matter}, action::keep);
}

TEST_CASE("row C: after a death a frame without checksum is kept", "[recovery][G1]") {
  expect('C', {ending::death, tail, finding::unprotected, no_matter}, action::keep);
}

TEST_CASE("row D: after a power loss a frame without checksum is kept if it was durable", "[recovery][G2]") {
  expect('D', {ending::power_loss, durable, finding::unprotected, no_matter}, action::keep);
}

TEST_CASE("row E: after a power loss a frame without checksum is cut if it was not durable", "[recovery][G3]") {
  expect('E', {ending::power_loss, tail, finding::unprotected, no_matter}, action::cut);
}

TEST_CASE("row F: what was durable and is not valid is damage", "[recovery][G5]") {
  expect('F', {ending::clean, durable, finding::broken, no_matter}, action::refuse);
  expect('F', {ending::death, durable, finding::nothing, behind::frame}, action::refuse);
  expect('F', {ending::power_loss, durable, finding::orphan, no_matter}, action::refuse);
}

TEST_CASE("row G: a segment that was durable and is missing is damage", "[recovery][G5]") {
  expect('G', {ending::power_loss, durable, finding::end, no_matter}, action::refuse);
}

TEST_CASE("row H: at the end of a segment the log goes on in its successor", "[recovery]") {
  expect('H', {ending::power_loss, tail, finding::successor, no_matter}, action::next_segment);
  expect('H', {ending::clean, durable, finding::successor, no_matter}, action::next_segment);
}

TEST_CASE("row I: at an end above the mark without a successor the log ends", "[recovery]") {
  expect('I', {ending::death, tail, finding::end, no_matter}, action::stop);
}

TEST_CASE("row J: behind the end of a log that was closed nothing counts", "[recovery][G6]") {
  expect('J', {ending::clean, tail, finding::frame, no_matter}, action::stop);
  expect('J', {ending::clean, tail, finding::nothing, behind::frame}, action::stop);
}

TEST_CASE("row K: after a death the rest of a batch without a head is given up", "[recovery][G4]") {
  expect('K', {ending::death, tail, finding::orphan, no_matter}, action::lose);
}

TEST_CASE("row L: a stamp with an invalid frame was no mere death", "[recovery][G3]") {
  expect('L', {ending::death, tail, finding::broken, no_matter}, action::as_power_loss);
}

TEST_CASE("row M: an unfinished claim with a finished one behind it is stepped over", "[recovery][G1][G3]") {
  expect('M', {ending::death, tail, finding::nothing, behind::frame}, action::step_over);
}

TEST_CASE("row N: an unfinished claim at the end of a segment is stepped over", "[recovery][G1][G3]") {
  expect('N', {ending::death, tail, finding::nothing, behind::boundary}, action::step_over);
}

TEST_CASE("row O: what lies behind an unfinished claim and does not fit was no mere death", "[recovery][G3]") {
  expect('O', {ending::death, tail, finding::nothing, behind::broken}, action::as_power_loss);
  expect('O', {ending::death, tail, finding::nothing, behind::misfit}, action::as_power_loss);
}

TEST_CASE("row P: where nothing stands and nothing follows the log ends", "[recovery]") {
  expect('P', {ending::death, tail, finding::nothing, behind::nothing}, action::stop);
  expect('P', {ending::power_loss, tail, finding::nothing, behind::nothing}, action::stop);
  expect('P', {ending::living, tail, finding::nothing, behind::nothing}, action::stop);
}

TEST_CASE("row Q: a power loss cuts at a torn frame, and at a batch without a head", "[recovery][G3][G4]") {
  expect('Q', {ending::power_loss, tail, finding::broken, no_matter}, action::cut);
  expect('Q', {ending::power_loss, tail, finding::orphan, no_matter}, action::cut);
}

TEST_CASE("row R: a power loss cuts at a lost frame, whatever came through behind it", "[recovery][G3]") {
  expect('R', {ending::power_loss, tail, finding::nothing, behind::frame}, action::cut);
  expect('R', {ending::power_loss, tail, finding::nothing, behind::boundary}, action::cut);
}

TEST_CASE("row S: beside a living writer an unfinished claim is the end for now", "[recovery][G3][G8]") {
  expect('S', {ending::living, tail, finding::nothing, behind::frame}, action::stop);
}

TEST_CASE("row T: beside a living writer an invalid frame is damage", "[recovery][G5]") {
  expect('T', {ending::living, tail, finding::broken, no_matter}, action::refuse);
}
