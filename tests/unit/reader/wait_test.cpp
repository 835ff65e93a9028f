// SPDX-License-Identifier: MIT
//
// Readers that wait for the next record: in the writer's process, in another one, without a writer, without permission.
#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "format/live.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto for_ever = clock::time_point::max();

struct open_log {
  temp_dir dir;
  log l = *log::open(dir.path(), {.segment_bytes = 64 * 1024});
};

/// A thread that appends once the reader has announced itself, or naps.
template <class F>
std::thread soon(F f) {
  return std::thread{[f = std::move(f)] {
    std::this_thread::sleep_for(5ms);
    f();
  }};
}

}  // namespace

TEMPLATE_TEST_CASE("a reader waits for the next record, and returns as soon as it is there", "[wait][G1]", log, log_view) {
  open_log o;
  const auto from = [&] {
    if constexpr (std::is_same_v<TestType, log_view>) {
      return log_view::open(o.dir.path())->reader();
    } else {
      return o.l.reader();
    }
  };
  auto r = *from();
  for (int i = 0; i < 20; ++i) {
    auto appending = soon([&] { append_all(o.l, "x"); });
    CHECK(*r.wait(clock::now() + 30s));
    const auto next = r.next();
    REQUIRE((next && *next));
    CHECK((*next)->sequence().value == static_cast<std::uint64_t>(i) + 1);
    appending.join();
  }
  append_all(o.l, "y");
  CHECK(*r.wait(clock::time_point::min()));  // it is there already
  CHECK(*r.wait(for_ever));
  CHECK(r.position().value == 21);
  CHECK((**r.next()).text() == "y");
}

TEST_CASE("a wait ends at its deadline, and not before", "[wait]") {
  open_log o;
  auto r = *o.l.reader();
  auto v = *log_view::open(o.dir.path())->reader();
  for (auto* each : {&r, &v}) {
    const auto before = clock::now();
    CHECK(*each->wait(before + 70ms) == false);  // longer than a waiter sleeps at a time
    CHECK(clock::now() - before >= 70ms);
    CHECK(*each->wait(before) == false);
  }
}

TEST_CASE("what is abandoned ends no wait, the record behind it does", "[wait][claim]") {
  open_log o;
  auto r = *o.l.reader();
  o.l.claim(10)->abandon();
  CHECK(*r.wait(clock::now() + 20ms) == false);
  auto appending = soon([&] {
    o.l.claim(10)->abandon();
    append_all(o.l, "x");
  });
  CHECK(*r.wait(clock::now() + 30s));
  CHECK((**r.next()).sequence().value == 3);
  appending.join();
}

TEST_CASE("a batch wakes whoever waits for its first record", "[wait][G4]") {
  open_log o;
  auto v = *log_view::open(o.dir.path())->reader();
  auto appending = soon([&] {
    const std::string_view batch[] = {"a", "b", "c"};
    expect(o.l.append_batch(batch).has_value());
  });
  CHECK(*v.wait(clock::now() + 30s));
  for (int i = 0; i < 3; ++i) CHECK((*v.next()).has_value());
  appending.join();
}

TEST_CASE("the record that begins a segment wakes as well", "[wait]") {
  open_log o;
  auto v = *log_view::open(o.dir.path())->reader();
  for (int i = 0; i < 12; ++i) {
    auto appending = soon([&] { expect(o.l.append(std::string(30'000, 'x')).has_value()); });
    CHECK(*v.wait(clock::now() + 30s));
    CHECK((*v.next()).has_value());
    appending.join();
  }
}

TEST_CASE("a record stays valid while its reader waits, and can be pinned after that", "[wait][G1]") {
  open_log o;
  auto r = *o.l.reader();
  const std::string payload(30'000, 'x');
  REQUIRE(o.l.append("first").has_value());
  const auto first = *r.next();
  REQUIRE(first.has_value());
  for (int i = 0; i < 60; ++i) REQUIRE(o.l.append(payload).has_value());  // more segments than are kept mapped
  REQUIRE(o.l.sync().has_value());
  for (int i = 0; i < 40; ++i) REQUIRE(o.l.read({2 + static_cast<std::uint64_t>(i)}).has_value());
  CHECK(*r.wait(clock::now() + 1s));
  CHECK(first->text() == "first");
  const auto pinned = first->pin();
  CHECK(r.position().value == 2);
  CHECK((**r.next()).text() == payload);
  CHECK(pinned.text() == "first");
}

TEST_CASE("many wait at once, and all of them are woken", "[wait]") {
  open_log o;
  const auto view = *log_view::open(o.dir.path());
  std::vector<std::thread> waiting;
  for (int i = 0; i < 8; ++i)
    waiting.emplace_back([&, i] {
      auto r = i % 2 == 0 ? *o.l.reader() : *view.reader();
      for (std::uint64_t s = 1; s <= 30; ++s) {
        expect(*r.wait(clock::now() + 60s));
        expect((**r.next()).sequence().value == s);
      }
    });
  for (int i = 0; i < 30; ++i) {
    append_all(o.l, "x");
    std::this_thread::sleep_for(1ms);
  }
  for (auto& each : waiting) each.join();
}

TEST_CASE("a wait ends when the log is closed, or fails", "[wait][close]") {
  open_log o;
  auto r = *o.l.reader();
  auto closing = soon([&] { expect(o.l.close().has_value()); });
  const auto waited = r.wait(for_ever);
  CHECK(waited.error().code() == errc::closed);
  closing.join();
  CHECK(r.wait(for_ever).error().code() == errc::closed);
}

TEST_CASE("a view waits for a writer that is not there yet, and goes on when one comes and goes", "[wait][G3]") {
  const temp_dir dir;
  {
    const auto made = log::open(dir.path(), {.segment_bytes = 64 * 1024});
  }
  const auto view = *log_view::open(dir.path());
  auto r = *view.reader();
  CHECK(*r.wait(clock::now() + 5ms) == false);
  for (std::uint64_t s = 1; s <= 6; ++s) {
    auto writing = soon([&] {
      auto l = *log::open(dir.path());
      append_all(l, "x");
    });
    CHECK(*r.wait(clock::now() + 30s));
    CHECK((**r.next()).sequence().value == s);
    writing.join();
  }
}

TEST_CASE("a view that waits sees that the writer has died, and what stood behind its claims", "[wait][G1][G3]") {
  const temp_dir dir;
  {
    const auto made = log::open(dir.path(), {.segment_bytes = 64 * 1024});
  }
  const auto view = *log_view::open(dir.path());
  std::thread following{[&] {
    auto r = *view.reader();
    expect(*r.wait(clock::now() + 30s));
    expect((**r.next()).sequence().value == 2);
  }};
  die_with(dir.path(), {}, [](log& l) {
    static auto held = l.claim(10);  // never destroyed: that would give it up
    must(held.has_value());
    append_all(l, "x");
    std::this_thread::sleep_for(20ms);
  });
  following.join();
}

TEST_CASE("whatever stands in the wake page, a waiter gets its record", "[wait][G7]") {
  open_log o;
  auto v = *log_view::open(o.dir.path())->reader();
  const format::wake_words odd[] = {{~std::uint64_t{0}, 0, 0}, {1, 7, 1}, {1'000'000, ~0U, 2}, {2, 3, 99}, {0, 0, 0}};
  std::uint64_t s = 0;
  for (const auto& words : odd) {
    patch(o.dir.path() / format::live_name, format::wake_page_offset, std::as_bytes(std::span{&words, 1}));
    auto appending = soon([&] { append_all(o.l, "x"); });
    CHECK(*v.wait(clock::now() + 30s));
    CHECK((**v.next()).sequence().value == ++s);
    appending.join();
  }
}

TEST_CASE("a view that shares the live file with a stranger, or may not write it, naps", "[wait][G8]") {
  open_log o;
  std::filesystem::create_hard_link(o.dir.path() / format::live_name, o.dir.path() / "stranger");
  const auto before = read_part(o.dir.path() / format::live_name, format::wake_page_offset, sizeof(format::wake_words));
  auto v = *log_view::open(o.dir.path())->reader();
  CHECK(*v.wait(clock::now() + 10ms) == false);
  auto appending = soon([&] { append_all(o.l, "x"); });
  CHECK(*v.wait(clock::now() + 30s));
  appending.join();
  CHECK(read_part(o.dir.path() / format::live_name, format::wake_page_offset, sizeof(format::wake_words)) == before);
}

}  // namespace varve::testing
