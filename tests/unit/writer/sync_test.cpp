// SPDX-License-Identifier: MIT
//
// Making durable: marks, targets, deadlines, and the policy of an append.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "format/live.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

struct open_log {
  temp_dir dir;
  log l = *log::open(dir.path(), {.segment_bytes = 64 * 1024});
};

}  // namespace

TEST_CASE("sync returns the durable mark, which covers all that was claimed", "[sync][G2]") {
  open_log o;
  CHECK(o.l.sync()->value == 0);
  append_all(o.l, "abc");
  CHECK(o.l.durable_sequence().value == 0);
  CHECK(o.l.sync()->value == 3);
  CHECK(o.l.durable_sequence().value == 3);
  CHECK(o.l.sync()->value == 3);
}

TEST_CASE("a sync up to a sequence makes at least that durable, and one never claimed is past_end", "[sync][G2]") {
  open_log o;
  append_all(o.l, "abc");
  REQUIRE(o.l.sync({2}).has_value());
  CHECK(o.l.durable_sequence().value >= 2);
  REQUIRE(o.l.sync({0}).has_value());
  const auto e = o.l.sync({4});
  REQUIRE_FALSE(e);
  CHECK(e.error().code() == errc::past_end);
  CHECK(e.error().first_sequence() == 4);
  CHECK(o.l.sync({~std::uint64_t{0}}).error().code() == errc::past_end);
}

TEST_CASE("what is durable already is not synced again", "[sync]") {
  open_log o;
  append_all(o.l, "abc");
  REQUIRE(o.l.sync().has_value());
  const auto syncs = o.l.stats().syncs;
  for (int i = 0; i < 10; ++i) REQUIRE(o.l.sync({2}).has_value());
  CHECK(o.l.stats().syncs == syncs);
}

TEST_CASE("a sync waits for every earlier claim; with a deadline it gives up, and nothing is lost", "[sync][G2][G3]") {
  open_log o;
  append_all(o.l, "a");
  held_point held{"publish.before_stamp"};
  std::thread late{[&] { append_all(o.l, "b"); }};
  held.wait_until_reached();
  append_all(o.l, "c");
  REQUIRE(o.l.sync({1}, clock::now() + 30ms).has_value());
  const auto before = clock::now();
  const auto e = o.l.sync({3}, before + 30ms);
  REQUIRE_FALSE(e);
  CHECK(e.error().code() == errc::timed_out);
  CHECK(clock::now() - before >= 30ms);
  CHECK(o.l.sync({3}, before - 1h).error().code() == errc::timed_out);
  CHECK(o.l.durable_sequence().value == 1);
  held.release();
  CHECK(o.l.sync({3}, clock::now() + 30s).has_value());
  late.join();
  CHECK(o.l.durable_sequence().value == 3);
  CHECK_FALSE(o.l.failure());
}

TEST_CASE("an immediate append returns when its record, or its whole batch, is durable", "[sync][G2][G4]") {
  open_log o;
  REQUIRE(o.l.append("a", {.durability = immediate()}).has_value());
  CHECK(o.l.durable_sequence().value == 1);
  const std::string_view batch[] = {"b", "c", "d"};
  REQUIRE(o.l.append_batch(batch, {.durability = immediate()}).has_value());
  CHECK(o.l.durable_sequence().value == 4);
  const std::span<const std::byte> piece{};
  REQUIRE(o.l.append_pieces({&piece, 1}, {.durability = immediate()}).has_value());
  CHECK(o.l.durable_sequence().value == 5);
}

TEST_CASE("many threads that append immediately share syncs", "[sync][G2]") {
  open_log o;
  constexpr int threads = 4, each = 50;
  std::vector<std::thread> writers;
  std::atomic<int> failures{0};
  for (int t = 0; t < threads; ++t)
    writers.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        const auto s = o.l.append("x", {.durability = immediate()});
        if (!s || o.l.durable_sequence() < *s) ++failures;
      }
    });
  for (auto& w : writers) w.join();
  CHECK(failures == 0);
  CHECK(o.l.durable_sequence().value == threads * each);
  CHECK(o.l.stats().syncs <= threads * each);
}

TEST_CASE("ended segments are synced and sealed in the background, under every policy", "[sync][G2]") {
  open_log o;
  for (int i = 0; i < 7; ++i) REQUIRE(o.l.append(std::string(20'000, 'x')).has_value());
  for (int tries = 0; tries < 30000 && o.l.durable_sequence().value < 6; ++tries) std::this_thread::sleep_for(1ms);
  CHECK(o.l.durable_sequence().value == 6);  // and not the seventh: it stands in the active segment
  const auto v = log_view::open(o.dir.path());
  REQUIRE(v);
  using state = enum segment_description::state;  // a member has the same name
  for (int tries = 0; tries < 30000 && v->segments()->at(1).state != state::sealed; ++tries)
    std::this_thread::sleep_for(1ms);
  const auto all = v->segments();
  CHECK(all->at(0).state == state::sealed);
  CHECK(all->at(1).state == state::sealed);
  CHECK(all->at(2).state == state::active);
}

TEST_CASE("the mark in varve.live is the durable one, in the epoch of this opening", "[sync][G2]") {
  open_log o;
  append_all(o.l, "abcde");
  REQUIRE(o.l.sync().has_value());
  const auto place = place_of(o.dir.path(), 5);
  bool found = false;
  for (const std::uint64_t offset : format::mark_slot_offset) {
    const auto m = read_sector<format::mark>(o.dir.path() / format::live_name, offset);
    if (m.head.magic != format::mark::magic || m.sequence != 5) continue;
    found = true;
    CHECK(m.epoch == 1);
    CHECK(m.segment == place.segment);
    CHECK(m.offset == place.offset + place.extent);
  }
  CHECK(found);
}

}  // namespace varve::testing
