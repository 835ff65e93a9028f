// SPDX-License-Identifier: MIT
//
// Closing: what it waits for, what it makes durable, what goes on to work, and what a forked child may do.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

const log_options small{.segment_bytes = 64 * 1024};
const log_options strictly{.recovery = recovery_mode::strict};

}  // namespace

TEST_CASE("close makes everything durable, and the log is clean", "[close][G2]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  append_all(*l, "abc");
  REQUIRE(l->close().has_value());
  CHECK(l->durable_sequence().value == 3);
  make_power_loss(dir.path());  // changes nothing about a log that was closed
  auto again = log::open(dir.path(), strictly);
  REQUIRE(again);
  CHECK(again->recovery().clean);
  CHECK(texts_of(*again) == "a b c ");
}

TEST_CASE("closing again does nothing, and whatever changes the log answers closed", "[close][G7]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  append_all(*l, "abc");
  REQUIRE(l->close().has_value());
  const auto before = image_of(dir.path());
  REQUIRE(l->close().has_value());
  CHECK(l->append("d").error().code() == errc::closed);
  const std::string_view batch[] = {"d"};
  CHECK(l->append_batch(batch).error().code() == errc::closed);
  CHECK(l->append("d", {.durability = immediate()}).error().code() == errc::closed);
  CHECK(l->sync().error().code() == errc::closed);
  CHECK(l->sync({3}).error().code() == errc::closed);
  CHECK(l->append("d").error().path() == dir.path().string());
  CHECK((image_of(dir.path()) == before));
}

TEST_CASE("a closed log can be opened again while handle, readers and records of the old one live", "[close]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  append_all(*l, "abc");
  auto r = l->reader();
  const auto pin = l->read({2});
  REQUIRE(l->close().has_value());
  CHECK(log_view::open(dir.path())->published_sequence().value == 3);
  {
    auto again = log::open(dir.path(), strictly);
    REQUIRE(again);
    CHECK(again->recovery().clean);
    append_all(*again, "d");
  }
  // What the other handle appends to the same segment is not of this one.
  CHECK(texts_of(*l) == "a b c ");
  CHECK(l->published_sequence().value == 3);
  CHECK(l->read({4}).error().code() == errc::past_end);
  for (const std::string_view expected : {"a", "b", "c"}) CHECK((*r->next())->text() == expected);
  CHECK_FALSE(*r->next());
  CHECK(pin->text() == "b");
}

TEST_CASE("readers, ranges and records go on after close and destruction", "[close]") {
  const temp_dir dir;
  std::optional<log> l{*log::open(dir.path(), small)};
  for (char c = 'a'; c <= 'i'; ++c) REQUIRE(l->append(std::string(20'000, c)).has_value());
  auto r = l->reader({2});
  auto range = l->records({8});
  const auto pin = l->read({9});
  REQUIRE(l->close().has_value());
  CHECK(l->read({1})->text()[0] == 'a');
  l.reset();
  CHECK((*r->next())->text()[0] == 'b');
  REQUIRE(r->seek({9}).has_value());
  CHECK((*r->next())->text()[0] == 'i');
  std::string seen;
  for (const auto& record : range) seen += record->text()[0];
  CHECK(seen == "hi");
  CHECK(pin->text() == std::string(20'000, 'i'));
}

TEST_CASE("close waits for the appends that are under way, and refuses those that come after", "[close][G1]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  held_point held{"publish.before_stamp"};
  std::atomic<bool> is_closed{false};
  std::optional<result<sequence>> appended;
  std::thread late{[&] { appended.emplace(l->append("a")); }};
  held.wait_until_reached();
  std::thread closing{[&] {
    must(l->close().has_value());
    is_closed = true;
  }};
  while (l->append("x").has_value()) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  CHECK_FALSE(is_closed);
  held.release();
  late.join();
  closing.join();
  REQUIRE(appended->has_value());
  const auto last = l->published_sequence();
  l = log::open(dir.path(), strictly);
  REQUIRE(l);
  CHECK(l->published_sequence() == last);
  CHECK(l->read({1})->text() == "a");
}

TEST_CASE("every append that returned before a close under load is there afterwards", "[close][G1]") {
  const temp_dir dir;
  for (int life = 0; life < 5; ++life) {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    CHECK(l->recovery().clean);
    const std::uint64_t before = l->published_sequence().value;
    std::atomic<std::uint64_t> returned{0};
    std::vector<std::thread> writers;
    for (int t = 0; t < 4; ++t)
      writers.emplace_back([&] {
        while (true) {
          const auto s = l->append(std::string(500, 'x'));
          if (!s) return must(s.error().code() == errc::closed);
          ++returned;
        }
      });
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
    REQUIRE(l->close().has_value());
    for (auto& w : writers) w.join();
    CHECK(l->published_sequence().value == before + returned);
    CHECK(l->durable_sequence().value == before + returned);
  }
}

TEST_CASE("a destructor closes, and a handle that is assigned to closes what it had", "[close]") {
  const temp_dir dir;
  const auto one = dir.path() / "one", two = dir.path() / "two";
  {
    auto l = log::open(one, small);
    append_all(*l, "a");
    auto other = log::open(two, small);
    append_all(*other, "b");
    *l = std::move(*other);
    CHECK(log::open(one, strictly)->recovery().clean);
    CHECK(texts_of(*l) == "b ");
  }
  CHECK(log::open(two, strictly)->recovery().clean);
}

TEST_CASE("in a forked child every call answers forked, and the parent's log is as it was", "[close][G7]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  append_all(*l, "ab");
  auto r = l->reader();
  {
    child_process child{[&] {
      const std::string_view batch[] = {"x"};
      const bool refused = l->append("x").error().code() == errc::forked &&
                           l->append_batch(batch).error().code() == errc::forked &&
                           l->sync().error().code() == errc::forked && l->sync({1}).error().code() == errc::forked &&
                           l->read({1}).error().code() == errc::forked && r->next().error().code() == errc::forked &&
                           l->reader().error().code() == errc::forked && l->close().error().code() == errc::forked;
      const auto v = log_view::open(dir.path());
      return refused && v && v->read({2})->text() == "b" ? 0 : 1;
    }};
    child.wait();
    CHECK(child.exited_with(0));
  }
  append_all(*l, "c");
  CHECK(l->sync()->value == 3);
  CHECK((*r->next())->text() == "a");
  REQUIRE(l->close().has_value());
  CHECK(texts_of(*log::open(dir.path(), strictly)) == "a b c ");
}

TEST_CASE("a forked child that lives on keeps nobody from opening the log after its parent closed it", "[close][G7]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  append_all(*l, "ab");
  child_process child{[] {
    for (;;) ::pause();
    return 0;
  }};
  REQUIRE(l->close().has_value());
  CHECK(texts_of(*log_view::open(dir.path())) == "a b ");
  const auto again = log::open(dir.path(), strictly);
  REQUIRE(again);
  CHECK(texts_of(*again) == "a b ");
}

TEST_CASE("a child that ends as programs end does the parent's log no harm", "[close][G7]") {
  const temp_dir dir;
  std::optional<log> l{*log::open(dir.path(), small)};
  append_all(*l, "ab");
  {
    child_process child{[&] {
      l.reset();  // the destructor
      return 0;
    }};
    child.wait();
    CHECK(child.exited_with(0));
  }
  append_all(*l, "c");
  REQUIRE(l->close().has_value());
  auto again = log::open(dir.path(), strictly);
  REQUIRE(again);
  CHECK(again->recovery().clean);
  CHECK(texts_of(*again) == "a b c ");
}

}  // namespace varve::testing
