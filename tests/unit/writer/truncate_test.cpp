// SPDX-License-Identifier: MIT
//
// Dropping the newest records: exact, durable, and nothing of them ever returns.
#include <poll.h>

#include <atomic>
#include <thread>

#include <varve/varve.hpp>

#include "chain/truncation_history.hpp"
#include "format/segment_header.hpp"
#include "format/state.hpp"
#include "support/catch.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"

namespace varve::testing {
namespace {

const log_options small{.segment_bytes = 64 * 1024, .spare_segments = 2};

/// About sixteen to a segment.
std::string large(std::uint64_t s, char of) { return std::to_string(s) + std::string(4000, of); }

void append_large(log& l, std::uint64_t count, char of = 'a') {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(l.append(large(l.published_sequence().value + 1, of)).has_value());
}

template <class Result>
errc code_of(const Result& r) {
  REQUIRE_FALSE(r.has_value());
  return r.error().code();
}

format::state state_of(const std::filesystem::path& dir) {
  const auto a = read_sector<format::state>(dir / "varve.state", 0);
  const auto b = read_sector<format::state>(dir / "varve.state", 4096);
  return a.generation > b.generation ? a : b;
}

}  // namespace

TEST_CASE("a log is truncated behind an exact sequence, stays so, and goes on there", "[truncate]") {
  const fast_dir dir;
  {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    append_all(*l, "abcde");
    REQUIRE(l->truncate_after({3}).has_value());
    CHECK(l->published_sequence() == sequence{3});
    CHECK(l->durable_sequence() == sequence{3});
    CHECK(l->stats().claimed == sequence{3});
    CHECK(code_of(l->read({4})) == errc::past_end);
    CHECK(texts_of(*l) == "a b c ");
    REQUIRE(l->truncate_after({3}).has_value());
    CHECK(code_of(l->truncate_after({4})) == errc::past_end);
    CHECK(code_of(l->truncate_after({~std::uint64_t{0}})) == errc::past_end);
    CHECK(l->append("D") == sequence{4});
    CHECK(texts_of(*l) == "a b c D ");
    CHECK(l->sync() == sequence{4});
    CHECK_FALSE(l->failure());
  }
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  CHECK(l->recovery().kept == 4);
  CHECK(texts_of(*l) == "a b c D ");
}

TEST_CASE("whatever ends the process behind a truncation, it is truncated", "[truncate][G6]") {
  const fast_dir dir;
  const bool goes_on = GENERATE(false, true);
  die_with(dir.path(), small, [&](log& l) {
    append_all(l, "abcde");
    must(l.truncate_after({2}).has_value());
    if (goes_on) append_all(l, "CD");
  });
  if (GENERATE(false, true)) make_power_loss(dir.path());
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  CHECK(texts_of(*v) == (goes_on ? "a b C D " : "a b "));
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  CHECK(texts_of(*l) == (goes_on ? "a b C D " : "a b "));
  const auto report = verify(dir.path());
  REQUIRE(report);
  CHECK(rows_of(*report).empty());
}

TEST_CASE("a truncation that its process did not live to end is ended by the next open, or never was", "[truncate][G6]") {
  const fast_dir dir;
  struct row {
    const char* point;
    int nth;
    bool happens;
  };
  const row r =
      GENERATE(row{"truncate.held", 1, false}, row{"truncate.before_state", 1, false}, row{"truncate.decided", 1, true},
               row{"repair.before_sync", 1, true}, row{"seal.before_store", 1, true}, row{"repair.before_remove", 1, true},
               row{"repair.before_remove", 3, true}, row{"truncate.before_clear", 1, true}, row{"roll.begun", 1, true},
               row{"roll.activated", 1, true});
  INFO(r.point << ' ' << r.nth);
  {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    append_large(*l, 100);
  }
  die_with(dir.path(), small, [&](log& l) {
    die_at(r.point, r.nth);
    must(l.truncate_after({20}).has_value());
    must(false);
  });
  CHECK((state_of(dir.path()).truncate_intent != 0) == (r.happens && std::string_view{r.point}.substr(0, 4) != "roll"));
  if (GENERATE(false, true)) make_power_loss(dir.path());
  const std::uint64_t last = r.happens ? 20 : 100;
  {
    const auto v = log_view::open(dir.path());
    REQUIRE(v);
    CHECK(v->published_sequence().value == last);
    const auto report = verify(dir.path());
    REQUIRE(report);
    CHECK(rows_of(*report).empty());
    const auto described = v->describe();
    REQUIRE(described);
    CHECK(described->damaged == 0);
  }
  if (GENERATE(false, true)) die_opening(dir.path(), "repair.before_sync");
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  CHECK(state_of(dir.path()).truncate_intent == 0);
  CHECK(l->published_sequence().value == last);
  for (std::uint64_t s = 1; s <= last; ++s) CHECK(l->read({s})->text() == large(s, 'a'));
  append_large(*l, 5, 'b');
  CHECK(l->read({last + 5})->text() == large(last + 5, 'b'));
}

TEST_CASE("a truncation at the border of a segment leaves that as it is", "[truncate]") {
  const fast_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_large(*l, 100);
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  const auto second = v->segments()->at(1);
  const auto path = segment_path(dir.path(), second.number);
  const auto end = read_part(path, format::end_offset, format::sector_bytes);
  REQUIRE(l->truncate_after({second.sequences.end.value - 1}).has_value());
  CHECK(read_part(path, format::end_offset, format::sector_bytes) == end);
  CHECK(l->stats().segments == 3);
  CHECK(l->append("next") == second.sequences.end);
}

TEST_CASE("a truncation is exact inside a batch", "[truncate][G4]") {
  const fast_dir dir;
  const std::string_view batch[] = {"b", "c", "d", "e"};
  const auto life = [&](log& l) {
    append_all(l, "a");
    must(l.append_batch(batch).has_value());
    must(l.truncate_after({3}).has_value());
  };
  SECTION("after a death") { die_with(dir.path(), small, life); }
  SECTION("after a death with new records") {
    die_with(dir.path(), small, [&](log& l) {
      life(l);
      append_all(l, "DE");
    });
  }
  SECTION("after a power loss") {
    die_with(dir.path(), small, life);
    make_power_loss(dir.path());
  }
  SECTION("after a close") {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    life(*l);
  }
  const auto report = verify(dir.path());
  REQUIRE(report);
  CHECK(rows_of(*report).empty());
  auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024, .recovery = recovery_mode::strict});
  REQUIRE(l);
  CHECK(texts_of(*l).substr(0, 6) == "a b c ");
  CHECK(l->recovery().cut_records == 0);
  const auto next = l->published_sequence().value + 1;
  CHECK(l->append("x") == sequence{next});
}

TEST_CASE("a log that was truncated to nothing keeps its next sequence", "[truncate]") {
  const fast_dir dir;
  const bool was_trimmed = GENERATE(false, true);
  {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    append_all(*l, "abcde");
    if (was_trimmed) REQUIRE(l->trim_before({4}).has_value());
    const std::uint64_t first = l->first_sequence().value;
    if (was_trimmed) CHECK(code_of(l->truncate_after({2})) == errc::trimmed);
    REQUIRE(l->truncate_after({first - 1}).has_value());
    CHECK(l->first_sequence().value == first);
    CHECK(l->published_sequence().value == first - 1);
    if (GENERATE(false, true)) REQUIRE(l->close().has_value());
  }
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  CHECK(l->append("x") == sequence{was_trimmed ? 4U : 1U});
  CHECK(texts_of(*l) == (was_trimmed ? "trimmed trimmed trimmed x " : "x "));
}

TEST_CASE("a log that is reset goes on with any sequence, and nothing of what it held returns", "[truncate][G6]") {
  const fast_dir dir;
  const std::uint64_t next = GENERATE(1U, 30U, 50U, 70U, 101U, 5000U);
  const bool dies = GENERATE(false, true);
  const auto life = [&](log& l) {
    for (std::uint64_t i = 0; i < 100; ++i) must(l.append(large(i + 1, 'a')).has_value());
    must(l.trim_before({60}).has_value());  // leaves files to be used again, whose numbers lie behind `next`
    must(l.reset({next}).has_value());
    must(l.first_sequence().value == next && l.published_sequence().value == next - 1);
    must(l.durable_sequence().value == next - 1);
    must(l.append("x") == sequence{next});
    must(l.sync().has_value());
  };
  if (dies) {
    die_with(dir.path(), small, life);
    make_power_loss(dir.path());
  } else {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    life(*l);
  }
  const auto report = verify(dir.path());
  REQUIRE(report);
  CHECK(rows_of(*report).empty());
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  CHECK(l->first_sequence().value == next);
  CHECK(l->read({next})->text() == "x");
  CHECK(l->append("y") == sequence{next + 1});
  CHECK(code_of(l->reset({})) == errc::bad_option);
  CHECK(code_of(l->reset({format::sequence_max + 1})) == errc::bad_option);
  REQUIRE(l->reset({format::sequence_max - 1}).has_value());
  CHECK(l->append("last but one").has_value());
}

TEST_CASE("a reader behind a truncation says so until it is moved, however far the log has grown; others go on",
          "[truncate][reader]") {
  const fast_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_large(*l, 100);
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  REQUIRE(v->published_sequence() == sequence{100});
  const bool beside = GENERATE(false, true);
  const auto reader_at = [&](std::uint64_t s) { return beside ? *v->reader({s}) : *l->reader({s}); };
  // In the middle of a segment, at its border, in the same segment, at the cut, before it.
  const std::uint64_t last = GENERATE(15U, 20U, 31U, 95U);
  auto far = reader_at(101), near = reader_at(last + 2), at = reader_at(last + 1), before = reader_at(last);
  const auto held = near.next()->value().pin();
  near = reader_at(last + 2);
  REQUIRE(l->truncate_after({last}).has_value());
  CHECK(code_of(near.next()) == errc::truncated);
  if (GENERATE(false, true)) append_large(*l, 120, 'b');
  const bool grown = l->published_sequence().value > last;
  CHECK(code_of(near.next()) == errc::truncated);
  CHECK(code_of(far.next()) == errc::truncated);
  CHECK(code_of(far.wait(std::chrono::steady_clock::now())) == errc::truncated);
  CHECK(held.text() == large(last + 2, 'a'));
  CHECK(before.next()->value().text() == large(last, 'a'));
  for (auto* r : {&at, &before}) {
    const auto next = r->next();
    REQUIRE(next.has_value());
    CHECK(next->has_value() == grown);
    if (grown) CHECK((*next)->text() == large(last + 1, 'b'));
  }
  REQUIRE(near.seek({last + 1}).has_value());
  CHECK(near.next()->has_value() == grown);
}

TEST_CASE("a reader that did not step between two truncations is told of the lower one", "[truncate][reader]") {
  const fast_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_all(*l, "abcdefghij");
  auto r = *l->reader({8});
  REQUIRE(l->truncate_after({7}).has_value());
  append_all(*l, "HIJ");
  REQUIRE(l->truncate_after({3}).has_value());
  append_all(*l, "DEFGHIJ");
  CHECK(code_of(r.next()) == errc::truncated);
  REQUIRE(l->truncate_after({9}).has_value());
  CHECK(code_of(r.next()) == errc::truncated);
}

TEST_CASE("truncations are remembered for who has not looked since, the oldest of many inexactly", "[truncate]") {
  core::truncations all;
  CHECK(all.lowest_since(0) == core::none_yet);
  all.note(10, 1);
  all.note(20, 2);
  CHECK(all.lowest_since(0) == 10);
  CHECK(all.lowest_since(1) == 20);
  CHECK(all.lowest_since(2) == core::none_yet);
  all.note(15, 3);
  CHECK(all.lowest_since(1) == 15);
  CHECK(all.lowest_since(0) == 10);
  for (std::uint64_t turn = 4; turn < 200; ++turn) {
    all.note(100 + turn, turn);
    CHECK(all.lowest_since(turn - 1) == 100 + turn);
    CHECK(all.lowest_since(0) == 10);
  }
}

TEST_CASE("a truncation waits for open claims, and lets their thread neither wait for it nor hold it up", "[truncate]") {
  const fast_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_all(*l, "abc");
  auto own = l->claim(10);
  REQUIRE(own);
  CHECK(code_of(l->truncate_after({2})) == errc::would_block_itself);
  CHECK(code_of(l->reset({2})) == errc::would_block_itself);
  std::atomic<bool> is_over = false;
  result<void> done;
  std::thread truncating{[&] {
    done = l->truncate_after({2});
    is_over = true;
  }};
  // Held, sooner or later; then an append of this thread would wait for its own claim.
  result<sequence> appended = sequence{};
  while (appended) appended = l->append("behind");
  CHECK(appended.error().code() == errc::would_block_itself);
  CHECK(appended.error().first_sequence() == 4);
  CHECK(l->trim_before({2}).has_value());  // nor does this wait
  CHECK_FALSE(is_over);
  REQUIRE(own->publish().has_value());
  truncating.join();
  REQUIRE(done.has_value());
  CHECK(texts_of(*l) == "trimmed b ");
  CHECK(l->append("c") == sequence{3});
}

TEST_CASE("appends and syncs that come while a log is truncated wait, and then go on", "[truncate]") {
  const fast_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_all(*l, "abc");
  held_point point{"truncate.decided"};
  std::thread truncating{[&] { CHECK(l->truncate_after({1}).has_value()); }};
  point.wait_until_reached();
  result<sequence> appended = sequence{};
  std::atomic<bool> has_appended = false;
  std::thread appending{[&] {
    appended = l->append("B", {.durability = immediate()});
    has_appended = true;
  }};
  CHECK(l->sync({3}, std::chrono::steady_clock::time_point::max()).has_value());  // was durable before it went
  while (l->stats().waits == 0) std::this_thread::yield();
  CHECK_FALSE(has_appended);
  point.release();
  truncating.join();
  appending.join();
  CHECK(appended == sequence{2});
  CHECK(l->durable_sequence() == sequence{2});
  CHECK(l->sync({2}).has_value());
  CHECK(texts_of(*l) == "a B ");
}

TEST_CASE("an event for a sequence that went waits for the one that takes its place", "[truncate]") {
  const fast_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_all(*l, "abc");
  REQUIRE(l->truncate_after({1}).has_value());
  const auto is_raised = [](const event& e) {
    pollfd one{.fd = e.descriptor(), .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, 0) == 1;
  };
  const auto durable = l->durable_event({3});
  REQUIRE(durable);
  CHECK_FALSE(is_raised(*durable));
  append_all(*l, "BC");
  REQUIRE(l->sync().has_value());
  CHECK(is_raised(*durable));
}

TEST_CASE("a reset moves what was checkpointed and archived back", "[truncate]") {
  const fast_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_all(*l, "abc");
  const auto before = state_of(dir.path());
  REQUIRE(l->truncate_after({1}).has_value());
  const auto after = state_of(dir.path());
  CHECK(after.epoch == before.epoch + 1);
  CHECK(after.durable_floor == 1);
  CHECK(after.truncate_intent == 0);
}

}  // namespace varve::testing
