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
#include <vector>

#include "os/file.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace os = varve::os;

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

TEST_CASE("who holds a file by a shared lock is known by inode and process, as long as it does", "[os]") {
  const varve::testing::temp_dir place;
  const os::file dir = os::open_directory(place.path().string()).value();
  os::file held = os::create_file(dir, "held", 0600).value();
  const os::file taken = os::create_file(dir, "taken", 0600).value();
  const auto holders_of = [&](const os::file& f) {
    std::vector<std::uint32_t> processes;
    const auto holders = os::pin_holders(dir).value();
    for (const auto& each : holders)
      if (each.inode == os::status_of(f)->inode) processes.push_back(each.process);
    return processes;
  };
  CHECK(holders_of(held).empty());
  REQUIRE(os::try_pin(held).value());
  REQUIRE(os::try_take(taken).value());
  CHECK((holders_of(held) == std::vector{os::process_id()}));
  CHECK(holders_of(taken).empty());
  os::give_back(held);
  CHECK(holders_of(held).empty());
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
