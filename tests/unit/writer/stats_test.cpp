// SPDX-License-Identifier: MIT
//
// What stats() says of a log and of a view.
#include <thread>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {

TEST_CASE("the marks are in order, at every moment of a log", "[stats]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
  REQUIRE(l);
  const auto check = [&] {
    const auto s = l->stats();
    CHECK(s.at.first <= s.at.published + 1);
    CHECK(s.at.durable <= s.at.published);
    CHECK(s.at.published <= s.claimed);
    CHECK(s.bytes_used <= s.bytes_allocated);
    return s;
  };
  auto s = check();
  CHECK(s.claimed.value == 0);
  CHECK(s.segments == 1);
  CHECK(s.bytes_used == 4096);
  CHECK(s.oldest_unfinished.value == 0);
  append_all(*l, "ab");
  s = check();
  CHECK(s.at.published.value == 2);
  CHECK(s.claimed.value == 2);
  CHECK(s.bytes_used == 4096 + 2 * 32);
  for (int i = 0; i < 9; ++i) REQUIRE(l->append(std::string(20'000, 'x')).has_value());
  s = check();
  CHECK(s.segments == 3);
  CHECK(s.rolls == 2);
  CHECK(s.bytes_used == 3 * 4096 + 2 * 32 + 9 * 20'024);
  REQUIRE(l->sync().has_value());
  s = check();
  CHECK(s.at.durable.value == 11);
  CHECK(s.syncs >= 1);
}

TEST_CASE("stats names the claim that holds up publication", "[stats][G3]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
  append_all(*l, "ab");
  held_point held{"publish.before_stamp"};
  std::thread late{[&] { append_all(*l, "c"); }};
  held.wait_until_reached();
  append_all(*l, "de");
  const auto s = l->stats();
  held.release();
  late.join();
  CHECK(s.oldest_unfinished.value == 3);
  CHECK(s.at.published.value == 2);
  CHECK(s.claimed.value == 5);
  CHECK(l->stats().oldest_unfinished.value == 0);
}

TEST_CASE("a reopened log counts what was there before it", "[stats]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
    for (int i = 0; i < 7; ++i) REQUIRE(l->append(std::string(20'000, 'x')).has_value());
  }
  auto l = log::open(dir.path());
  REQUIRE(l);
  const auto s = l->stats();
  CHECK(s.segments == 3);
  CHECK(s.rolls == 0);
  CHECK(s.at.published.value == 7);
  CHECK(s.at.durable.value == 7);
  CHECK(s.bytes_used == 3 * 4096 + 7 * 20'024);
  CHECK(s.bytes_allocated >= 3 * 64 * 1024);
}

TEST_CASE("a view counts the same", "[stats][view]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
  for (int i = 0; i < 7; ++i) REQUIRE(l->append(std::string(20'000, 'x')).has_value());
  REQUIRE(l->sync().has_value());
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  const auto s = v->stats();
  REQUIRE(s);
  CHECK(s->at.first.value == 1);
  CHECK(s->at.published.value == 7);
  CHECK(s->at.durable.value == 7);
  CHECK(s->claimed.value == 7);
  CHECK(s->segments == 3);
  CHECK(s->prepared == 0);
  CHECK(s->bytes_used <= s->bytes_allocated);
  REQUIRE(l->close().has_value());
  CHECK(log_view::open(dir.path())->stats()->bytes_used == 3 * 4096 + 7 * 20'024);
}

}  // namespace varve::testing
