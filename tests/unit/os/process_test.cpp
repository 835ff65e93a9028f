// SPDX-License-Identifier: MIT
//
// process_test.cpp - os/process.hpp on the real machine.
#include "os/process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace os = varve::os;
using namespace std::chrono_literals;

TEST_CASE("the boot has one identity, as the kernel prints it", "[os]") {
  const os::boot_id id = os::this_boot().value();
  CHECK(id == os::this_boot().value());
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string printed;
  REQUIRE(std::getline(file, printed));
  std::erase(printed, '-');
  std::string ours;
  for (const std::byte b : id) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", std::to_integer<unsigned>(b));
    ours += digits.data();
  }
  CHECK(ours == printed);
}

TEST_CASE("a child has another process id", "[os]") {
  const std::uint32_t mine = os::process_id();
  CHECK(mine == static_cast<std::uint32_t>(::getpid()));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(os::process_id() == mine ? 1 : 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("the wall clock is the one of everybody", "[os]") {
  const auto now = [] {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::nanoseconds{since}.count());
  };
  const std::uint64_t before = now();
  const std::uint64_t ours = os::wall_clock_ns();
  CHECK(before <= ours);
  CHECK(ours <= now());
}

TEST_CASE("every byte asked for is random", "[os]") {
  std::vector<std::byte> one(1000);  // more than the kernel gives in one uninterruptible piece
  std::vector<std::byte> other(1000);
  REQUIRE(os::fill_random(one));
  REQUIRE(os::fill_random(other));
  CHECK(one != other);
  // A run of 16 equal bytes has the odds of 1 in 2^120; a part that was left out would be one.
  CHECK(std::ranges::search_n(one, 16, std::byte{0}).empty());
  CHECK(os::fill_random({}));
}

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
