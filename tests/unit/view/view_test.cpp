// SPDX-License-Identifier: MIT
//
// A view beside a writer that lives, rolls, dies and comes back, and of logs that nobody writes.
#include <thread>

#include <varve/log_view.hpp>
#include <varve/varve.hpp>

#include "format/live.hpp"
#include "os/file.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"
#include "support/stepwise_writer.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

const log_options small{.segment_bytes = 64 * 1024};
const recovery_mode strict = recovery_mode::strict;

/// What a reader hands out from where it stands to the end for now; an error as its name.
std::string rest_of(reader& r) {
  std::string all;
  for (;;) {
    const auto next = r.next();
    if (!next) return all + std::string{name_of(next.error().code())};
    if (!*next) return all;
    (all += (*next)->text().substr(0, 1));
  }
}

stepwise_writer::step letters(std::string text, std::size_t bytes = 1) {
  return [text, bytes](log& l) {
    for (const char c : text) must(l.append(std::string(bytes, c)).has_value());
  };
}
void synced(log& l) { must(l.sync().has_value()); }
void closed(log& l) { must(l.close().has_value()); }

/// Appends a letter in a thread that dies before its last store, and then others.
stepwise_writer::step unfinished(char first, std::string others) {
  return [first, others](log& l) {
    auto* const held = new held_point{"publish.before_stamp"};  // until the process dies
    auto* const dead = new std::thread{[&l, first] { static_cast<void>(l.append(std::string_view{&first, 1})); }};
    static_cast<void>(dead);
    held->wait_until_reached();
    append_all(l, others);
  };
}

}  // namespace

TEST_CASE("a view sees each record as soon as it is published", "[view][G1][G8]") {
  const temp_dir dir;
  stepwise_writer w{dir.path(), {letters("ab"), letters("c"), synced}};
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = v->reader();
  REQUIRE(r);
  CHECK(v->published_sequence().value == 0);
  CHECK(v->read({1}).error().code() == errc::not_yet);
  CHECK(rest_of(*r) == "");
  w.go();
  CHECK(v->read({2})->text() == "b");
  CHECK(rest_of(*r) == "ab");
  CHECK(v->read({3}).error().code() == errc::not_yet);
  w.go();
  CHECK(rest_of(*r) == "c");
  CHECK(v->durable_sequence().value == 0);
  w.go();
  CHECK(v->durable_sequence().value == 3);
  CHECK(v->first_sequence().value == 1);
}

TEST_CASE("the durable mark of a view never goes back, though a look may meet both slots half written", "[view][G2][G8]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  append_all(*l, "abc");
  REQUIRE(l->sync().has_value());
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  append_all(*l, "d");
  REQUIRE(l->sync().has_value());
  CHECK(v->durable_sequence().value == 4);
  for (const std::uint64_t slot : format::mark_slot_offset) patch(dir.path() / format::live_name, slot, byte_vector(512));
  CHECK(v->durable_sequence().value == 4);
  CHECK(v->stats()->at.durable.value == 4);
}

TEST_CASE("a view goes on when the writer rolls", "[view][G8]") {
  const temp_dir dir;
  stepwise_writer w{dir.path(), {letters("ab"), letters("cdefghijklmnopqrst", 20'000), letters("uvwxyz", 20'000)}};
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = v->reader();
  REQUIRE(r);
  w.go();
  CHECK(rest_of(*r) == "ab");
  w.go();
  CHECK(v->published_sequence().value == 20);
  CHECK(rest_of(*r) == "cdefghijklmnopqrst");
  w.go();
  CHECK(v->read({26})->text() == std::string(20'000, 'z'));
  CHECK(rest_of(*r) == "uvwxyz");
  const auto stats = v->stats();
  REQUIRE(stats);
  CHECK(stats->segments >= 8);
  CHECK(stats->at.published.value == 26);
}

TEST_CASE("a view stops before an unfinished claim, and goes on when it is finished", "[view][G3][G8]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_all(*l, "ab");
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = v->reader();
  REQUIRE(r);
  held_point held{"publish.before_stamp"};
  std::thread late{[&] { append_all(*l, "c"); }};
  held.wait_until_reached();
  append_all(*l, "de");
  CHECK(v->published_sequence().value == 2);
  CHECK(rest_of(*r) == "ab");
  CHECK(v->read({4}).error().code() == errc::not_yet);
  const auto report = verify(dir.path());
  REQUIRE(report);
  CHECK(rows_of(*report) == "");  // row S: no finding
  CHECK(report->kept == 2);
  held.release();
  late.join();
  CHECK(rest_of(*r) == "cde");
}

TEST_CASE("a view outlives its writer: it shows what recovery will keep, and then what recovery kept",
          "[view][G1][G3][G8]") {
  const temp_dir dir;
  stepwise_writer w{dir.path(), {letters("ab"), unfinished('c', "de")}};
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = v->reader();
  auto early = v->reader();
  REQUIRE((r && early));
  w.go();
  CHECK(rest_of(*r) == "ab");
  w.go();
  CHECK(rest_of(*r) == "");
  w.kill();
  const auto before = image_of(dir.path());
  CHECK(v->published_sequence().value == 5);
  CHECK(rest_of(*r) == "de");
  CHECK(rest_of(*early) == "abde");
  CHECK(texts_of(*v) == "a b - d e ");
  CHECK((image_of(dir.path()) == before));
  {
    stepwise_writer again{dir.path(), {letters("fg"), closed}};
    CHECK(texts_of(*v) == "a b - d e ");
    again.go();
    CHECK(texts_of(*v) == "a b - d e f g ");
    CHECK(rest_of(*r) == "fg");
    again.go();
    CHECK(rest_of(*r) == "");
    CHECK(v->durable_sequence().value == 7);
  }
  CHECK(texts_of(*v) == "a b - d e f g ");
}

TEST_CASE("a view opened on a dead log shows what recovery will keep, and seeks to any of it", "[view][G1][G4][G8]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdefgh");
  for (const std::uint64_t s : {1U, 3U, 4U, 7U}) clear_stamp(dir.path(), s);
  const auto before = image_of(dir.path());
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  CHECK(texts_of(*v) == "- b - - e f - h ");
  for (std::uint64_t s = 1; s <= 9; ++s) {
    auto r = v->reader({s});
    REQUIRE(r);
    const std::string expected = std::string{"bbeeefhh"}.substr(0, 8);
    const auto next = r->next();
    REQUIRE(next);
    if (s <= 8) CHECK((*next)->text() == expected.substr(s - 1, 1));
    if (s == 9) CHECK_FALSE(next->has_value());
  }
  CHECK((image_of(dir.path()) == before));
  auto l = log::open(dir.path(), {.recovery = strict});
  REQUIRE(l);
  CHECK(texts_of(*l) == texts_of(*v));
}

TEST_CASE("a view of a log after a power loss shows the prefix that an open would keep", "[view][G3][G8]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdefgh", 2);
  clear_stamp(dir.path(), 5);
  make_power_loss(dir.path());
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  CHECK(texts_of(*v) == "a b c d ");
  auto l = log::open(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c d ");
  CHECK(l->append("new")->value == 5);
  CHECK(texts_of(*v) == "a b c d new ");
}

TEST_CASE("beside a writer that is still recovering, a view shows what recovery will leave", "[view][G3][G4][G8]") {
  const temp_dir dir;
  const bool power_lost = GENERATE(false, true);
  CAPTURE(power_lost);
  die_after(dir.path(), "abcdef", 2, small);
  clear_stamp(dir.path(), 4);
  if (power_lost) make_power_loss(dir.path());
  const std::string_view expected = power_lost ? "a b c " : "a b c - e f ";
  const auto before = log_view::open(dir.path());
  REQUIRE(before);
  CHECK(texts_of(*before) == expected);
  child_process recovering{[&] {
    sleep_at("repair.before_sync");
    return log::open(dir.path()) ? 0 : 1;
  }};
  const auto directory = os::open_directory(dir.path());
  for (bool has_owner = false; !has_owner;) {
    const auto live = os::open_file(*directory, format::live_name, os::access::read);
    has_owner = *os::is_locked_for_life(*live);
  }
  for (int i = 0; i < 20; ++i) {  // whatever it is doing just now
    CHECK(texts_of(*before) == expected);
    CHECK(texts_of(*log_view::open(dir.path())) == expected);
    const std::string rows = rows_of(*verify(dir.path()));
    CHECK((rows.empty() || rows == (power_lost ? "R" : "M")));  // none once it is repaired
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  recovering.end();
  const auto l = log::open(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == expected);
}

TEST_CASE("a view of a closed log goes on when appending goes on in the same segment", "[view][G8]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    append_all(*l, "abc");
  }
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = v->reader();
  auto at_end = v->reader({4});
  REQUIRE((r && at_end));
  CHECK(rest_of(*r) == "abc");
  const auto pin = v->read({2});
  for (int life = 0; life < 3; ++life) {
    auto l = log::open(dir.path());
    REQUIRE(l);
    CHECK(l->recovery().clean);
    append_all(*l, "de");
    CHECK(rest_of(*r) == "de");
    CHECK(rest_of(*at_end) == "de");
  }
  CHECK(segment_numbers(dir.path()).size() == 1);
  CHECK(texts_of(*v) == "a b c d e d e d e ");
  CHECK(pin->text() == "b");
}

TEST_CASE("a view opened while a writer is about to open the log is not left behind", "[view][G1][G8]") {
  const bool clean = GENERATE(true, false);
  CAPTURE(clean);
  const temp_dir dir;
  if (clean) {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    append_all(*l, "abc");
  } else {
    die_after(dir.path(), "abc");
  }
  held_point held{"state.before_store"};
  std::optional<result<log>> l;
  std::thread opening{[&] { l.emplace(log::open(dir.path())); }};
  held.wait_until_reached();
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = v->reader();
  REQUIRE(r);
  std::string seen = rest_of(*r);
  held.release();
  opening.join();
  REQUIRE(l->has_value());
  append_all(**l, "de");
  seen += rest_of(*r);
  CHECK(seen == "abcde");
  CHECK(v->published_sequence().value == 5);
  const std::string large(30'000, 'x');
  for (int i = 0; i < 5; ++i) REQUIRE((*l)->append(large).has_value());
  CHECK(rest_of(*r) == "xxxxx");
}

TEST_CASE("a view that looks anew while a new writer trims misses no segment in the middle", "[view][trim][G8]") {
  const int held_file = GENERATE(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
  CAPTURE(held_file);
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  const std::string large(30'000, 'x');
  for (int i = 0; i < 20; ++i) REQUIRE(l->append(large).has_value());
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = v->reader();
  REQUIRE(r);
  CHECK(rest_of(*r) == std::string(20, 'x'));
  REQUIRE(l->close().has_value());
  l = log::open(dir.path(), small);
  REQUIRE(l);
  held_point held{"files.before_next", held_file};
  std::thread looking{[&] { static_cast<void>(v->published_sequence()); }};
  held.wait_until_reached();
  const auto trimmed = l->trim_before({17});
  held.release();
  looking.join();
  REQUIRE(trimmed.has_value());
  REQUIRE(l->append("y").has_value());
  CHECK(rest_of(*r) == "y");  // and nothing of a truncation
  CHECK(v->first_sequence().value == 17);
}

TEST_CASE("a view of a log that is still empty sees its first record", "[view][G8]") {
  const temp_dir dir;
  {
    REQUIRE(log::open(dir.path(), small).has_value());
  }
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = v->reader();
  REQUIRE(r);
  CHECK(rest_of(*r) == "");
  CHECK(v->published_sequence().value == 0);
  auto l = log::open(dir.path());
  append_all(*l, "a");
  CHECK(rest_of(*r) == "a");
}

TEST_CASE("a view names what it cannot open", "[view][G7]") {
  const temp_dir dir;
  CHECK(log_view::open(dir.path() / "nothing").error().code() == errc::not_found);
  CHECK(log_view::open(dir.path()).error().code() == errc::not_found);
  write_new_file(dir.path() / "file", "mine");
  CHECK(log_view::open(dir.path()).error().code() == errc::not_a_log);
  CHECK(log_view::open(dir.path() / "file").error().code() == errc::not_a_log);
  CHECK(verify(dir.path()).error().code() == errc::not_a_log);
}

TEST_CASE("segments() tells every file, its records and its state", "[view]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), {.segment_bytes = 65'536, .version_info = "unit test"});
  REQUIRE(l);
  for (int i = 0; i < 7; ++i) REQUIRE(l->append(std::string(20'000, 'x')).has_value());
  while (l->stats().prepared < 2) std::this_thread::yield();  // no file is in the making meanwhile
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  const auto all = v->segments();
  REQUIRE(all);
  REQUIRE(all->size() >= 3);
  using state = enum segment_description::state;  // a member has the same name
  CHECK(((*all)[0].state == state::ended || (*all)[0].state == state::sealed));
  CHECK((*all)[2].state == state::active);
  for (std::size_t i = 3; i < all->size(); ++i) CHECK((*all)[i].state == state::prepared);
  CHECK(((*all)[0].sequences == sequence_range{{1}, {4}}));
  CHECK(((*all)[1].sequences == sequence_range{{4}, {7}}));
  CHECK(((*all)[2].sequences == sequence_range{{7}, {8}}));
  CHECK((*all)[0].used_bytes == 4096 + 3 * 20'024);
  CHECK((*all)[2].used_bytes == 4096 + 20'024);
  for (const auto& s : *all) {
    CHECK(s.version_info == "unit test");
    CHECK(s.file_bytes == 65'536);
  }
}

}  // namespace varve::testing
