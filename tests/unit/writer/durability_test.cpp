// SPDX-License-Identifier: MIT
//
// Policies: who syncs, when, and who is told.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

struct open_log {
  explicit open_log(const durability& policy = none())
      : l(*log::open(dir.path(), {.segment_bytes = 64 * 1024, .durability = policy})) {}
  temp_dir dir;
  log l;
};

bool becomes_durable(const log& l, std::uint64_t target) {
  for (const auto until = clock::now() + 30s; clock::now() < until; std::this_thread::sleep_for(1ms))
    if (l.durable_sequence().value >= target) return true;
  return false;
}

}  // namespace

TEST_CASE("policies say what they are, and keep to their limits", "[durability]") {
  CHECK(none() == durability{});
  CHECK(grouped(200us).policy() == durability::kind::grouped);
  CHECK(grouped(200us).window() == 200us);
  CHECK(grouped(-1us).window() == 0us);
  const auto p = periodic(50ms, 10, 1000);
  CHECK(p.policy() == durability::kind::periodic);
  CHECK((p.interval() == 50ms && p.records() == 10 && p.bytes() == 1000));
  CHECK(periodic(0ms).interval() == 1ms);
  CHECK(periodic(std::chrono::hours{1000}).interval() == std::chrono::hours{24});
}

TEST_CASE("a grouped append returns when its record is durable, not before its window is over", "[durability][G2]") {
  open_log o{grouped(20ms)};
  const auto before = clock::now();
  REQUIRE(o.l.append("a").has_value());
  CHECK(clock::now() - before >= 20ms);
  CHECK(o.l.durable_sequence().value == 1);
  const std::string_view batch[] = {"b", "c"};
  REQUIRE(o.l.append_batch(batch).has_value());
  CHECK(o.l.durable_sequence().value == 3);
  REQUIRE(o.l.append("d", {.durability = grouped(0us)}).has_value());
  CHECK(o.l.durable_sequence().value == 4);
  CHECK(o.l.stats().syncs == 3);
}

TEST_CASE("who comes within the window of another shares its sync", "[durability][G2]") {
  open_log o{grouped(200ms)};
  std::vector<std::thread> writers;
  for (int t = 0; t < 8; ++t) writers.emplace_back([&] { expect(o.l.append("x").has_value()); });
  for (auto& w : writers) w.join();
  CHECK(o.l.durable_sequence().value == 8);
  CHECK(o.l.stats().syncs <= 2);  // two if this machine was slow to begin the threads
}

TEST_CASE("a sync does not wait for anybody's window, and serves who does", "[durability][G2]") {
  open_log o{grouped(10s)};
  const auto before = clock::now();
  std::thread patient{[&] { expect(o.l.append("x").has_value()); }};
  while (o.l.published_sequence().value < 1) std::this_thread::yield();
  CHECK(o.l.sync().has_value());
  patient.join();
  CHECK(clock::now() - before < 9s);
}

TEST_CASE("a periodic append returns at once, and is durable within its interval", "[durability][G2]") {
  open_log o{periodic(5ms)};
  for (std::uint64_t s = 1; s <= 5; ++s) {
    REQUIRE(o.l.append("x").has_value());
    CHECK(becomes_durable(o.l, s));
  }
  CHECK(o.l.stats().syncs >= 5);
  CHECK(o.l.stats().syncs <= 10);  // and nothing is synced while there is nothing
  const auto syncs = o.l.stats().syncs;
  std::this_thread::sleep_for(50ms);
  CHECK(o.l.stats().syncs == syncs);
}

TEST_CASE("so many records or bytes do not wait for the interval", "[durability][G2]") {
  const auto policy = GENERATE(periodic(24h, 10), periodic(24h, 0, 1000));
  open_log o{policy};
  // Ten frames of 24 + 80 bytes.
  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 10; ++i) REQUIRE(o.l.append(std::string(80, 'x')).has_value());
    CHECK(becomes_durable(o.l, 10 * static_cast<std::uint64_t>(round) - 1));
  }
}

TEST_CASE("the largest limits are none", "[durability]") {
  open_log o{periodic(24h, ~std::uint64_t{0}, ~std::uint64_t{0})};
  REQUIRE(o.l.append("x").has_value());
  REQUIRE(o.l.sync().has_value());
  const auto syncs = o.l.stats().syncs;
  for (int i = 0; i < 100; ++i) REQUIRE(o.l.append("x").has_value());
  std::this_thread::sleep_for(20ms);
  CHECK(o.l.stats().syncs == syncs);
  CHECK(grouped(std::chrono::microseconds::max()).window() == 10s);
}

TEST_CASE("bytes are counted over rolls", "[durability][G2]") {
  open_log o{periodic(24h, 0, 30'000)};
  for (std::uint64_t i = 1; i <= 20; ++i) {
    REQUIRE(o.l.append(std::string(20'000, 'x')).has_value());
    if (i >= 2) CHECK(becomes_durable(o.l, i - 1));
  }
}

TEST_CASE("an append may bring a policy of its own, an earlier one as well", "[durability][G2]") {
  open_log o;
  REQUIRE(o.l.append("x").has_value());
  REQUIRE(o.l.append("x", {.durability = periodic(24h)}).has_value());
  CHECK(o.l.durable_sequence().value == 0);
  REQUIRE(o.l.append("x", {.durability = periodic(1ms)}).has_value());
  CHECK(becomes_durable(o.l, 3));
  open_log p{immediate()};
  REQUIRE(p.l.append("x", {.durability = none()}).has_value());
  CHECK(p.l.durable_sequence().value == 0);
}

TEST_CASE("a claim that is published late is synced all the same", "[durability][claim][G2]") {
  open_log o;
  auto held = o.l.claim(1);
  REQUIRE(held.has_value());
  REQUIRE(o.l.append("behind", {.durability = periodic(1ms)}).has_value());
  std::this_thread::sleep_for(20ms);
  CHECK(o.l.durable_sequence().value == 0);
  REQUIRE(held->publish().has_value());  // under none()
  CHECK(becomes_durable(o.l, 2));
}

TEST_CASE("wait_durable only waits", "[durability][G2]") {
  open_log o{periodic(24h)};
  REQUIRE(o.l.append("x").has_value());
  const auto before = clock::now();
  CHECK(*o.l.wait_durable({1}, before + 20ms) == false);
  CHECK(clock::now() - before >= 20ms);
  CHECK(o.l.stats().syncs == 0);
  CHECK(o.l.wait_durable({2}, before).error().code() == errc::past_end);
  std::thread waiting{[&] { expect(*o.l.wait_durable({1}, clock::time_point::max())); }};
  std::this_thread::sleep_for(5ms);
  CHECK(o.l.sync().has_value());
  waiting.join();
  CHECK(*o.l.wait_durable({1}, clock::time_point::min()));
  open_log p;
  REQUIRE(p.l.append("x").has_value());
  const auto refused = p.l.wait_durable({1}, clock::now() + 10s);
  CHECK(refused.error().code() == errc::bad_option);
  CHECK(refused.error().path() == "durability");
}

TEST_CASE("closing does not wait for an interval, and makes all of it durable", "[durability][close][G2]") {
  const temp_dir dir;
  const auto before = clock::now();
  {
    auto l = log::open(dir.path(), {.durability = periodic(24h)});
    REQUIRE(l->append("x").has_value());
    CHECK(l->close().has_value());
  }
  CHECK(clock::now() - before < 10s);
  CHECK(log::open(dir.path())->recovery().clean);
}

}  // namespace varve::testing
