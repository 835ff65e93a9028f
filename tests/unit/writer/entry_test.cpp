// SPDX-License-Identifier: MIT
//
// Entries of several chunks: written piece by piece, all there or nothing.
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

constexpr std::uint64_t unit = format::segment_bytes_unit;
const log_options small{.segment_bytes = unit};

struct open_log {
  temp_dir dir;
  log l = *log::open(dir.path(), small);
};

errc code_of(const auto& result) { return result ? errc{} : result.error().code(); }

/// The log holds just these, from sequence 1 on.
struct expected {
  std::string text;
  bool is_chunk = false, goes_on = false;
};
template <class Log>
void check(const Log& l, const std::vector<expected>& all) {
  REQUIRE(l.published_sequence().value == all.size());
  std::uint64_t s = 0;
  for (const auto& r : l.records()) {
    INFO((r ? std::string{} : r.error().message()));
    REQUIRE(r);
    const auto& e = all[s++];
    INFO("sequence " << s);
    CHECK(r->sequence() == sequence{s});
    CHECK((r->text() == e.text));
    CHECK(r->is_chunk() == e.is_chunk);
    CHECK(r->batch_goes_on() == e.goes_on);
    CHECK(l.read({s})->is_chunk() == e.is_chunk);
    CHECK(r->pin().is_chunk() == e.is_chunk);
  }
  CHECK(s == all.size());
}

}  // namespace

TEST_CASE("the chunks of an entry are records with neighbouring sequences, and say that they are chunks",
          "[entry][append][G1]") {
  open_log o;
  REQUIRE(o.l.append("before").has_value());
  auto e = o.l.begin_entry({.type = 7});
  REQUIRE(e);
  CHECK(e->chunks() == 0);
  REQUIRE(e->write_chunk("one").has_value());
  REQUIRE(e->write_chunk(std::string_view{}).has_value());
  const std::string bytes = "three";
  REQUIRE(e->write_chunk(std::as_bytes(std::span{bytes})).has_value());
  CHECK(e->chunks() == 3);
  CHECK(e->bytes() == 8);
  CHECK((*e->publish() == sequence_range{{2}, {5}}));
  const std::string_view batch[] = {"x", "y"};
  REQUIRE(o.l.append_batch(batch).has_value());
  auto alone = o.l.begin_entry();
  REQUIRE(alone->write_chunk("alone").has_value());
  CHECK((*alone->publish() == sequence_range{{7}, {8}}));
  const std::vector<expected> all{
      {"before"}, {"one", true, true}, {"", true, true}, {"three", true, false}, {"x", false, true}, {"y"}, {"alone", true}};
  check(o.l, all);
  CHECK(o.l.read({3})->type() == 7);
  CHECK(o.l.read({7})->type() == 0);
  check(*log_view::open(o.dir.path()), all);
  CHECK(verify(o.dir.path())->findings.empty());
  REQUIRE(o.l.close().has_value());
  o.l = *log::open(o.dir.path(), {.recovery = recovery_mode::strict});
  check(o.l, all);
}

TEST_CASE("nothing of the log is claimed before an entry is published", "[entry][append]") {
  open_log o;
  auto e = *o.l.begin_entry();
  REQUIRE(e.write_chunk("held").has_value());
  CHECK(o.l.append("passes it")->value == 1);
  CHECK(o.l.published_sequence() == sequence{1});
  CHECK(o.l.stats().claimed == sequence{1});
  CHECK(o.l.sync().has_value());
  CHECK(o.l.append("durably", {.durability = immediate()}).has_value());
  CHECK(e.publish()->first == sequence{3});
}

TEST_CASE("an entry that is given up, dropped or assigned to leaves nothing", "[entry]") {
  open_log o;
  {
    auto dropped = *o.l.begin_entry();
    REQUIRE(dropped.write_chunk("dropped").has_value());
    auto given_up = *o.l.begin_entry();
    REQUIRE(given_up.write_chunk("given up").has_value());
    given_up.roll_back();
    given_up.roll_back();
    CHECK(given_up.chunks() == 0);
    CHECK(given_up.bytes() == 0);
    CHECK(code_of(given_up.write_chunk("more")) == errc::closed);
    CHECK(code_of(given_up.publish()) == errc::closed);
    auto assigned = *o.l.begin_entry();
    REQUIRE(assigned.write_chunk("replaced").has_value());
    assigned = *o.l.begin_entry();
    CHECK(assigned.chunks() == 0);
    REQUIRE(assigned.write_chunk("kept").has_value());
    entry moved{std::move(assigned)};
    REQUIRE(moved.write_chunk("too").has_value());
    REQUIRE(moved.publish().has_value());
  }
  check(o.l, {{"kept", true, true}, {"too", true, false}});
}

TEST_CASE("an entry is published once", "[entry]") {
  open_log o;
  auto e = *o.l.begin_entry();
  REQUIRE(e.write_chunk("once").has_value());
  REQUIRE(e.publish().has_value());
  CHECK(code_of(e.publish()) == errc::closed);
  CHECK(code_of(e.write_chunk("more")) == errc::closed);
  CHECK(e.chunks() == 0);
  CHECK(e.bytes() == 0);
  e.roll_back();
  check(o.l, {{"once", true}});
}

TEST_CASE("an entry without a chunk is refused, and can be gone on with", "[entry]") {
  open_log o;
  auto e = *o.l.begin_entry();
  CHECK(code_of(e.publish()) == errc::bad_option);
  REQUIRE(e.write_chunk("now").has_value());
  CHECK(e.publish()->first == sequence{1});
}

TEST_CASE("an entry that would wait for its own thread's claim is refused, and can be published afterwards",
          "[entry][claim]") {
  open_log o;
  auto e = *o.l.begin_entry({.durability = immediate()});
  REQUIRE(e.write_chunk("a").has_value());
  {
    const auto held = o.l.claim(1);
    CHECK(code_of(e.publish()) == errc::would_block_itself);
  }
  CHECK(e.chunks() == 1);
  CHECK(e.publish()->first == sequence{2});
  CHECK(o.l.durable_sequence() == sequence{2});
}

TEST_CASE("an entry follows the policy that it was begun with, or the log's", "[entry][durability][G2]") {
  temp_dir dir;
  auto l = *log::open(dir.path(), {.segment_bytes = unit, .durability = immediate()});
  auto e = *l.begin_entry();
  REQUIRE(e.write_chunk("a").has_value());
  REQUIRE(e.publish().has_value());
  CHECK(l.durable_sequence() == sequence{1});
  auto lazy = *l.begin_entry({.durability = none()});
  REQUIRE(lazy.write_chunk("b").has_value());
  REQUIRE(lazy.publish().has_value());
  CHECK(l.durable_sequence() == sequence{1});
}

TEST_CASE("an entry larger than a segment of the log stands in one of its own, whole", "[entry][append][G4]") {
  open_log o;
  std::vector<expected> all{{"before"}};
  REQUIRE(o.l.append("before").has_value());
  auto e = *o.l.begin_entry();
  for (std::size_t i = 0; i < 300; ++i) {
    all.push_back({std::string(i * 7, static_cast<char>('a' + i % 26)), true, i < 299});
    REQUIRE(e.write_chunk(all.back().text).has_value());
  }
  REQUIRE(e.publish().has_value());
  check(o.l, all);
  CHECK(place_of(o.dir.path(), 2).segment == place_of(o.dir.path(), 301).segment);
  CHECK(place_of(o.dir.path(), 2).segment != place_of(o.dir.path(), 1).segment);
  REQUIRE(o.l.close().has_value());
  o.l = *log::open(o.dir.path(), {.recovery = recovery_mode::strict});
  check(o.l, all);
  CHECK(verify(o.dir.path())->findings.empty());
}

TEST_CASE("a chunk that no segment could take with the others is refused, and the entry is as it was", "[entry]") {
  open_log o;
  auto e = *o.l.begin_entry();
  REQUIRE(e.write_chunk("first").has_value());
  // Never read: it is refused by its size.
  const char any = 'x';
  const std::uint64_t room = o.l.record_bytes_max() - format::frame_bytes(5);
  CHECK(code_of(e.write_chunk(std::string_view{&any, room + 8})) == errc::too_large);
  CHECK(code_of(e.write_chunk(std::string_view{&any, UINT64_MAX / 2})) == errc::too_large);
  CHECK(e.chunks() == 1);
  CHECK(e.bytes() == 5);
  REQUIRE(e.publish().has_value());
  check(o.l, {{"first", true}});
}

TEST_CASE("the chunks of an entry have one time, the caller's or that of its publication", "[entry][time]") {
  temp_dir dir;
  auto l = *log::open(dir.path(), {.segment_bytes = unit, .record_times = true});
  const record_time given{std::chrono::nanoseconds{4711}};
  auto e = *l.begin_entry({.time = given});
  auto later = *l.begin_entry();
  for (const auto* text : {"a", "bb"}) {
    REQUIRE(e.write_chunk(text).has_value());
    REQUIRE(later.write_chunk(text).has_value());
  }
  const auto before = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  REQUIRE(e.publish().has_value());
  REQUIRE(later.publish().has_value());
  CHECK(l.read({1})->time() == given);
  CHECK(l.read({2})->time() == given);
  CHECK(l.read({3})->time() >= before);
  CHECK(l.read({4})->time() == l.read({3})->time());
  check(l, {{"a", true, true}, {"bb", true}, {"a", true, true}, {"bb", true}});
  CHECK(verify(dir.path())->findings.empty());
}

TEST_CASE("a reader beside sees all of an entry or nothing", "[entry][concurrency][G4]") {
  open_log o;
  constexpr std::uint64_t entries = 400, chunks = 5;
  std::atomic<bool> is_done{false};
  std::jthread writer{[&] {
    for (std::uint64_t i = 0; i < entries; ++i) {
      auto e = o.l.begin_entry();
      for (std::uint64_t c = 0; c < chunks; ++c)
        if (!e || !e->write_chunk(std::string(c * 40, 'x'))) std::abort();
      if (!e->publish()) std::abort();
    }
    is_done = true;
  }};
  const auto view = log_view::open(o.dir.path());
  REQUIRE(view);
  for (bool last = false; !last;) {
    last = is_done;
    CHECK(o.l.published_sequence().value % chunks == 0);
    CHECK(view->published_sequence().value % chunks == 0);
  }
  CHECK(view->published_sequence().value == entries * chunks);
}

TEST_CASE("after close an entry takes no chunk, and is not published", "[entry][close]") {
  open_log o;
  auto e = *o.l.begin_entry();
  REQUIRE(e.write_chunk("a").has_value());
  REQUIRE(o.l.close().has_value());
  CHECK(code_of(e.write_chunk("b")) == errc::closed);
  CHECK(code_of(e.publish()) == errc::closed);
  CHECK(code_of(o.l.begin_entry()) == errc::closed);
  CHECK(e.chunks() == 1);
}

TEST_CASE("a forked child gets no entry, and cannot use its parent's", "[entry][fork][G7]") {
  open_log o;
  auto e = *o.l.begin_entry();
  REQUIRE(e.write_chunk("parent's").has_value());
  child_process child{[&] {
    const bool refused = code_of(o.l.begin_entry()) == errc::forked && code_of(e.write_chunk("child's")) == errc::forked &&
                         code_of(e.publish()) == errc::forked;
    e.roll_back();
    return refused && e.chunks() == 0 ? 0 : 1;
  }};
  child.wait();
  CHECK(child.exited_with(0));
  REQUIRE(e.publish().has_value());
  check(o.l, {{"parent's", true}});
}

TEST_CASE("an entry survives the death of its writer whole, and what was not published leaves nothing", "[entry][G1][G4]") {
  const temp_dir dir;
  die_with(dir.path(), small, [](log& l) {
    auto e = *l.begin_entry();
    auto never = *l.begin_entry();
    for (const auto* text : {"a", "b", "c"}) must(e.write_chunk(text).has_value() && never.write_chunk("never").has_value());
    must(e.publish().has_value());
  });
  const std::vector<expected> all{{"a", true, true}, {"b", true, true}, {"c", true}};
  check(*log_view::open(dir.path()), all);
  check(*log::open(dir.path()), all);
}

}  // namespace varve::testing
