// SPDX-License-Identifier: MIT
//
// waiting_test.cpp - os/waiting.hpp on the real machine.
#include "os/waiting.hpp"

#include <poll.h>

#include <chrono>
#include <span>
#include <thread>
#include <vector>

#include "os/memory.hpp"
#include "os/shared.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace os = varve::os;
using namespace std::chrono_literals;

TEST_CASE("nobody sleeps on a word that has changed", "[os]") {
  const std::atomic<std::uint32_t> word{2};
  os::wait_on(word, 1, os::deadline::max());  // would be for ever
  SUCCEED();
}

TEST_CASE("a sleep ends at its deadline, and not before it", "[os]") {
  const std::atomic<std::uint32_t> word{1};
  const auto until = std::chrono::steady_clock::now() + 20ms;
  int wake_ups = 0;
  while (std::chrono::steady_clock::now() < until) {
    os::wait_on(word, 1, until);
    ++wake_ups;
  }
  CHECK(wake_ups < 10);  // it slept, and did not spin
}

TEST_CASE("a deadline that has passed, however long ago, is not waited for", "[os]") {
  const std::atomic<std::uint32_t> word{1};
  os::wait_on(word, 1, std::chrono::steady_clock::now() - 1s);
  os::wait_on(word, 1, os::deadline{});
  os::wait_on(word, 1, os::deadline::min());
  SUCCEED();
}

TEST_CASE("waking reaches every sleeper", "[os]") {
  std::atomic<std::uint32_t> word{0};
  std::vector<std::jthread> sleepers;
  for (int i = 0; i < 4; ++i) {
    sleepers.emplace_back([&] {
      while (word.load(std::memory_order_acquire) == 0) os::wait_on(word, 0, os::deadline::max());
    });
  }
  std::this_thread::sleep_for(10ms);  // most of them sleep by now; the promise holds for all
  word.store(1, std::memory_order_release);
  os::wake_all(word);
}

TEST_CASE("a word of a mapped file is waited for, and woken, through two mappings of it", "[os]") {
  const varve::testing::temp_dir dir;
  const auto directory = os::open_directory(dir.path().string());
  const auto file = os::create_file(*directory, "word", 0600);
  REQUIRE(os::allocate(*file, 2 * 65536).has_value());
  const auto one = os::map(*file, 65536, os::access::read_write, 65536);
  const auto other = os::map(*file, 65536, os::access::read, 65536);
  REQUIRE((one && other));
  CHECK_FALSE(os::map(*file, 65536, os::access::read, 2 * 65536).has_value());
  auto& word = varve::shared::place_at<std::uint32_t>(one->bytes().data());
  const auto& seen = varve::shared::place_at<std::uint32_t>(std::span<const std::byte>{other->bytes()}.data());
  std::thread sleeper{[&] {
    while (varve::shared::load(seen, std::memory_order_acquire, "test:A") == 0)
      os::wait_on_shared(seen, 0, os::deadline::max());
  }};
  std::this_thread::sleep_for(5ms);
  varve::shared::store(word, std::uint32_t{1}, std::memory_order_release, "test:B");
  os::wake_all_shared(word);
  sleeper.join();
  const auto before = std::chrono::steady_clock::now();
  os::wait_on_shared(seen, 1, before + 10ms);
  CHECK(std::chrono::steady_clock::now() - before >= 10ms);
}

TEST_CASE("a fence can be asked for once the process is registered", "[os]") {
  // Both may be refused, by an old kernel or a filter of system calls; then everything else works without.
  if (os::register_for_fences()) CHECK(os::fence_registered());
}

TEST_CASE("an event is readable from when it is raised, and stays so", "[os]") {
  const auto event = os::make_event();
  REQUIRE(event.has_value());
  ::pollfd p{.fd = event->descriptor(), .events = POLLIN, .revents = 0};
  CHECK(::poll(&p, 1, 0) == 0);
  os::raise_event(*event);
  os::raise_event(*event);
  CHECK(::poll(&p, 1, 0) == 1);
  CHECK(::poll(&p, 1, 0) == 1);
}
