// SPDX-License-Identifier: MIT
//
// A device that fails once, and everybody who learns of it: whoever waits, whoever asks, whoever comes later.
#include <poll.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace {

using namespace varve;
using namespace std::chrono_literals;
namespace memory_os = varve::testing::memory_os;
using memory_os::call;
using varve::testing::expect;
using clock = std::chrono::steady_clock;

constexpr auto for_ever = clock::time_point::max();

varve::log fresh(const durability& policy) {
  memory_os::reset();
  auto opened = varve::log::open("log", {.segment_bytes = 64 * 1024, .durability = policy});
  REQUIRE(opened);
  return std::move(*opened);
}

void fail_next_msync() { memory_os::fail({.calls = call::sync_range, .number = EIO, .nth = 1, .name = ".seg"}); }

bool readable(const event& e) {
  ::pollfd p{.fd = e.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&p, 1, 30'000) == 1;
}

}  // namespace

TEST_CASE("a failure that the background meets is in failure(), and the next append answers with it",
          "[power][durability][G2]") {
  auto l = fresh(periodic(1ms));
  fail_next_msync();
  REQUIRE(l.append("never durable").has_value());
  for (const auto until = clock::now() + 30s; !l.failure() && clock::now() < until;) std::this_thread::sleep_for(1ms);
  REQUIRE(l.failure());
  CHECK(l.failure()->code() == errc::sync_failed);
  CHECK(l.failure()->os_errno() == EIO);
  CHECK(l.failure()->first_sequence() == 1);
  CHECK(l.append("later").error().code() == errc::sync_failed);
  CHECK(l.claim(1).error().code() == errc::sync_failed);
  CHECK(l.sync().error().code() == errc::sync_failed);
  CHECK(l.durable_sequence().value == 0);
  const auto msyncs = memory_os::count(call::sync_range);
  std::this_thread::sleep_for(20ms);
  CHECK(memory_os::count(call::sync_range) == msyncs);  // the background does not try again
  CHECK(l.close().error().code() == errc::sync_failed);
}

TEST_CASE("of those that share a window nobody is told of success when its sync fails", "[power][durability][G2]") {
  auto l = fresh(grouped(50ms));
  fail_next_msync();
  std::vector<std::thread> writers;
  for (int t = 0; t < 6; ++t)
    writers.emplace_back([&] {
      const auto r = l.append("x");
      expect((!r && r.error().code() == errc::sync_failed));
    });
  for (auto& w : writers) w.join();
  CHECK(l.durable_sequence().value == 0);
}

TEST_CASE("whoever waits for a mark that will not come is told at once", "[power][durability][wait][event][G2]") {
  auto l = fresh(periodic(24h));
  REQUIRE(l.append("x").has_value());
  const auto durable = *l.durable_event({1}), published = *l.published_event({2});
  std::thread waiting{[&] { expect(l.wait_durable({1}, for_ever).error().code() == errc::sync_failed); }};
  auto reader = *l.reader({2});
  std::thread following{[&] { expect(reader.wait(for_ever).error().code() == errc::sync_failed); }};
  std::this_thread::sleep_for(5ms);
  fail_next_msync();
  CHECK(l.sync().error().code() == errc::sync_failed);
  waiting.join();
  following.join();
  CHECK(readable(durable));
  CHECK(readable(published));
  CHECK(readable(*l.durable_event({1})));
}

TEST_CASE("a claim that was open when the device failed can be published, and is not durable", "[power][claim][G1][G2]") {
  auto l = fresh(none());
  REQUIRE(l.append("first").has_value());
  auto c = l.claim(1);
  auto durable = l.claim(1, {.durability = immediate()});
  REQUIRE((c && durable));
  fail_next_msync();
  std::thread syncing{[&] { expect(l.sync({1}).error().code() == errc::sync_failed); }};
  syncing.join();
  CHECK(c->publish().has_value());  // it survives the process, as an append under none() does
  CHECK(durable->publish().error().code() == errc::sync_failed);
  CHECK(l.read({2}).has_value());
  CHECK(l.read({3}).has_value());  // published, and not durable
  CHECK(l.durable_sequence().value == 0);
}

TEST_CASE("a sync that waits behind a claim learns of a failure, and a periodic claim is not said to be durable",
          "[power][claim][durability][G2]") {
  auto l = fresh(none());
  REQUIRE(l.append("first").has_value());
  auto held = l.claim(1, {.durability = periodic(1ms)});
  REQUIRE(held.has_value());
  std::thread behind{[&] { expect(l.sync({2}).error().code() == errc::sync_failed); }};
  std::this_thread::sleep_for(5ms);
  fail_next_msync();
  std::thread before{[&] { expect(l.sync({1}).error().code() == errc::sync_failed); }};
  before.join();
  behind.join();  // though the claim is still open
  CHECK(held->publish().error().code() == errc::sync_failed);
}

TEST_CASE("a failure to seal reaches whoever only waits", "[power][durability][G2]") {
  auto l = fresh(periodic(24h));
  memory_os::fail({.calls = call::sync_data, .number = EIO, .nth = 1, .name = ".seg"});
  for (int i = 0; i < 8; ++i) static_cast<void>(l.append(std::string(30'000, 'x')));
  const auto last = l.stats().claimed;
  CHECK(l.wait_durable(last, clock::now() + 60s).error().code() == errc::sync_failed);
}
