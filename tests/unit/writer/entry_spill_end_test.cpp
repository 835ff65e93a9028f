// SPDX-License-Identifier: MIT
//
// Entries that are written to a file, and what happens around them before they are published: the log is closed or cut,
// others write, the process forks or dies.
#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"
#include "unit/writer/spilled_entry.hpp"

namespace varve::testing {

using namespace std::chrono_literals;

TEST_CASE("a held entry does not keep a log from being closed, and touches nothing afterwards", "[entry][close][G7]") {
  open_log o;
  auto e = *o.l.begin_entry();
  write(e, 0, some);
  REQUIRE(o.l.close().has_value());
  CHECK(large_files(o.dir.path()) == 0);
  auto again = *log::open(o.dir.path());
  auto theirs = *again.begin_entry();
  write(theirs, 0, some);  // in a file of the same number
  const std::uint64_t chunks = e.chunks();
  CHECK(code_of(e.write_chunk("b")) == errc::closed);
  CHECK(code_of(e.write_chunk(text_of(unit, 0))) == errc::closed);
  CHECK(code_of(e.publish()) == errc::closed);
  CHECK(e.chunks() == chunks);
  {
    const entry dropped = std::move(e);
  }
  CHECK(large_files(o.dir.path()) == 1);
  REQUIRE(theirs.publish().has_value());
  check_entry(again, 1, some);
}

TEST_CASE("close waits for a chunk that is being written, and for nothing else", "[entry][close]") {
  open_log o;
  auto e = *o.l.begin_entry();
  write(e, 0, some);
  held_point held{GENERATE("entry.before_write", "entry.before_complete", "roll.begun")};
  std::atomic<bool> is_closed = false;
  errc said{}, published{};
  std::jthread writes{[&] {
    said = code_of(e.write_chunk(text_of(4 * unit, 0)));
    published = code_of(e.publish());
  }};
  held.wait_until_reached();
  std::jthread closes{[&] {
    CHECK(o.l.close().has_value());
    is_closed = true;
  }};
  std::this_thread::sleep_for(20ms);
  CHECK_FALSE(is_closed);
  held.release();
  writes.join();
  closes.join();
  CHECK(said == errc{});
  CHECK((published == errc{} || published == errc::closed));
  CHECK(large_files(o.dir.path()) == (published == errc{} ? 1 : 0));
  CHECK(verify(o.dir.path())->findings.empty());
}

TEST_CASE("a chunk that waits for room does not keep a log from being closed", "[entry][close][retention]") {
  open_log o{{.segment_bytes = unit, .max_disk_bytes = 16 * unit, .when_full = when_full::wait}};
  REQUIRE(o.l.append(text_of(6 * unit, 0)).has_value());
  std::atomic<std::uint64_t> chunks = 0;
  std::jthread writes{[&] {
    auto e = *o.l.begin_entry();
    auto done = e.write_chunk(text_of(unit, 0));
    while (done) {
      ++chunks;
      done = e.write_chunk(text_of(unit / 2, 0));
    }
    CHECK(code_of(done) == errc::closed);
  }};
  for (std::uint64_t before = 0; before == 0 || before != chunks; std::this_thread::sleep_for(50ms)) before = chunks;
  CHECK(o.l.close().has_value());
}

TEST_CASE("rolls, trims and truncations go on while an entry is held", "[entry][trim][truncate][G6]") {
  open_log o;
  auto e = *o.l.begin_entry();
  write(e, 0, 20);
  for (int i = 0; i < 30; ++i) REQUIRE(o.l.append(text_of(30'000, 1)).has_value());
  REQUIRE(o.l.trim_before({11}).has_value());
  write(e, 20, 30);
  REQUIRE(o.l.truncate_after({15}).has_value());
  CHECK(verify(o.dir.path())->findings.empty());
  write(e, 30, some);
  const auto view = log_view::open(o.dir.path());
  REQUIRE(o.l.append("behind the cut").has_value());
  SECTION("and it is published") {
    CHECK(e.publish()->first == sequence{17});
    check_entry(o.l, 17, some);
    check_entry(*view, 17, some);
    check_numbers(o.dir.path());
  }
  SECTION("or the log begins anew") {
    REQUIRE(o.l.reset({100}).has_value());
    CHECK(e.publish()->first == sequence{100});
    check_entry(o.l, 100, some);
  }
  CHECK(verify(o.dir.path())->findings.empty());
  REQUIRE(o.l.close().has_value());
  CHECK(log::open(o.dir.path(), {.recovery = recovery_mode::strict}).has_value());
}

TEST_CASE("threads that write entries beside each other, of which some are given up", "[entry][G3][G4]") {
  open_log o;
  constexpr std::uint64_t threads = 3, each = 6, chunks = 14;
  const auto view = log_view::open(o.dir.path());
  {
    std::vector<std::jthread> running;
    for (std::uint64_t t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < each; ++i) {
          auto e = o.l.begin_entry();
          for (std::uint64_t c = 0; c < chunks; ++c)
            if (!e || !e->write_chunk(text_of(size_of(c), c))) std::abort();
          if (i % 3 == t) continue;
          if (!e->publish()) std::abort();
        }
      });
    while (view->published_sequence().value < 3 * chunks) CHECK(view->published_sequence().value % chunks == 0);
  }
  const std::uint64_t entries = threads * (each - 2);
  CHECK(o.l.published_sequence().value == entries * chunks);
  for (std::uint64_t i = 0; i < entries; ++i) check_entry(o.l, 1 + i * chunks, chunks);
  CHECK(large_files(o.dir.path()) == entries);
  CHECK(verify(o.dir.path())->findings.empty());
}

TEST_CASE("a forked child leaves the file of its parent's entry alone", "[entry][fork][G7]") {
  open_log o;
  auto e = *o.l.begin_entry();
  write(e, 0, 20);
  child_process child{[&] {
    const bool refused = code_of(e.write_chunk(text_of(unit, 0))) == errc::forked && code_of(e.publish()) == errc::forked;
    e.roll_back();
    return refused ? 0 : 1;
  }};
  child.wait();
  CHECK(child.exited_with(0));
  write(e, 20, some);
  REQUIRE(e.publish().has_value());
  check_entry(o.l, 1, some);
}

TEST_CASE("whoever dies while he writes an entry leaves a file, which the next open removes", "[entry][G1][G3][G4]") {
  const auto [point, nth] = GENERATE(table<const char*, int>({{"entry.before_write", 1},
                                                              {"entry.before_write", 5},
                                                              {"entry.spilled", 1},
                                                              {"entry.before_complete", 1},
                                                              {"prepare.before_sync", 1},
                                                              {"roll.begun", 1},
                                                              {"roll.activated", 1},
                                                              {"roll.ended", 1},
                                                              {"publish.between_stamps", 1},
                                                              {"publish.between_stamps", 20},
                                                              {"publish.between_stamps", static_cast<int>(some) - 1}}));
  INFO(point << ' ' << nth);
  const temp_dir dir;
  die_with(dir.path(), small, [&, at = point, hit = nth](log& l) {
    must(l.append("before").has_value());
    auto e = *l.begin_entry();
    die_at(at, hit);
    for (std::uint64_t i = 0; i < some; ++i) must(e.write_chunk(text_of(size_of(i), i)).has_value());
    static_cast<void>(e.publish());
    must(false);  // not reached
  });
  const auto view = log_view::open(dir.path());
  // Once a frame is stamped it is lost, and does not end the log.
  const bool is_stamped = std::string_view{point} == "publish.between_stamps";
  const std::uint64_t stamped = is_stamped ? static_cast<std::uint64_t>(nth) + 1 : 0;
  CHECK(view->published_sequence().value == 1 + stamped);
  CHECK(view->read({1})->text() == "before");
  for (std::uint64_t s = 2; s < 2 + stamped; ++s) CHECK(view->read({s}).error().code() == errc::abandoned);
  CHECK(verify_on_threads(dir.path()).has_value());
  SECTION("after a death") {}
  SECTION("after a power loss") { make_power_loss(dir.path()); }
  auto l = *log::open(dir.path());
  CHECK(large_files(dir.path()) <= (is_stamped ? 1 : 0));
  CHECK(l.read({1})->text() == "before");
  const std::uint64_t next = l.append("behind")->value;
  CHECK(l.read({next})->text() == "behind");
  for (std::uint64_t s = 2; s < next; ++s) CHECK(l.read({s}).error().code() == errc::abandoned);
  REQUIRE(l.close().has_value());
  CHECK(verify(dir.path())->findings.empty());
}

TEST_CASE("what others appended behind a large entry is there when its writer dies between two stamps",
          "[entry][G1][G3][G4]") {
  const temp_dir dir;
  die_with(dir.path(), small, [&](log& l) {
    must(l.append("before").has_value());
    auto* const e = new entry{*l.begin_entry()};
    for (std::uint64_t i = 0; i < some; ++i) must(e->write_chunk(text_of(size_of(i), i)).has_value());
    sleep_at("publish.between_stamps");
    std::thread{[&] { static_cast<void>(e->publish()); }}.detach();
    while (l.stats().claimed.value != 1 + some) std::this_thread::yield();
    for (int i = 0; i < 20; ++i) must(l.append(text_of(9'000, 5)).has_value());
  });
  const auto check = [&](const auto& l) {
    CHECK(l.published_sequence().value == some + 21);
    for (std::uint64_t s = 2; s < 2 + some; ++s) CHECK(l.read({s}).error().code() == errc::abandoned);
    for (std::uint64_t s = 2 + some; s < 22 + some; ++s) CHECK((l.read({s})->text() == text_of(9'000, 5)));
  };
  check(*log_view::open(dir.path()));
  auto l = *log::open(dir.path());
  CHECK(l.recovery().stepped_over == some);
  check(l);
  REQUIRE(l.close().has_value());
  CHECK(verify(dir.path())->findings.empty());
}

TEST_CASE("whoever dies once an entry is published has written it", "[entry][G1]") {
  const temp_dir dir;
  die_with(dir.path(), small, [&](log& l) {
    auto e = *l.begin_entry();
    auto* const never = new entry{*l.begin_entry()};  // it goes with the process
    for (std::uint64_t i = 0; i < some; ++i) {
      must(e.write_chunk(text_of(size_of(i), i)).has_value());
      must(never->write_chunk(text_of(size_of(i), i)).has_value());
    }
    must(e.publish().has_value());
  });
  CHECK(large_files(dir.path()) == 2);
  check_entry(*log_view::open(dir.path()), 1, some);
  auto l = *log::open(dir.path());
  CHECK(large_files(dir.path()) == 1);
  CHECK(l.recovery().stepped_over == 0);
  check_entry(l, 1, some);
}

}  // namespace varve::testing
