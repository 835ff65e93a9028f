// SPDX-License-Identifier: MIT
//
// A backup at every call of which the world ends, or the call fails: under the name that was asked for there is a whole log,
// or nothing.
#include <cerrno>
#include <string>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace {

using namespace varve;
namespace memory_os = varve::testing::memory_os;
using memory_os::call;

std::string payload(std::uint64_t i) { return "record " + std::to_string(i) + std::string(3000, 'x'); }

constexpr std::uint64_t records = 50;

void make_log() {
  memory_os::reset();
  auto l = log::open("log", {.segment_bytes = 64 * 1024, .prepared_segments = 1});
  REQUIRE(l);
  for (std::uint64_t i = 1; i <= records; ++i) REQUIRE(l->append(payload(i)));
  REQUIRE(l->close());
}

/// False if nothing is there.
bool check_copy() {
  const auto report = verify("copy");
  if (!report) {
    INFO(report.error().message());
    REQUIRE(report.error().code() == errc::not_found);
    return false;
  }
  REQUIRE(report->findings.empty());
  REQUIRE(report->clean);
  auto l = log::open("copy", {.recovery = recovery_mode::strict});
  REQUIRE(l);
  REQUIRE(l->published_sequence().value == records);
  for (std::uint64_t i = 1; i <= records; ++i) REQUIRE(l->read({i})->text() == payload(i));
  REQUIRE(l->append("and more"));
  REQUIRE(l->close());
  return true;
}

}  // namespace

TEST_CASE("the power fails at any call of a backup: a whole copy is there, or none", "[power][backup][G5]") {
  make_log();
  const auto before = memory_os::snapshot();
  std::uint64_t whole = 0, none = 0;
  for (const bool reflink : {false, true})
    for (std::uint64_t nth = 1;; ++nth) {
      memory_os::restore(before);
      memory_os::seed_random(nth);
      memory_os::crash_at_call(nth, memory_os::changing_calls);
      const auto done = backup("log", "copy", {.reflink = reflink});
      const bool crashed = memory_os::crashed();
      if (crashed) CHECK(!done);
      for (const auto fate : {memory_os::fate::lost, memory_os::fate::random, memory_os::fate::kept}) {
        const auto at = memory_os::snapshot();
        memory_os::power_loss(nth, {.bytes = fate, .entries = fate});
        INFO("call " << nth << ", fate " << static_cast<int>(fate));
        const bool there = check_copy();
        if (!crashed) REQUIRE(there);
        ++(there ? whole : none);
        memory_os::restore(at);
      }
      if (!crashed) break;
    }
  CHECK(whole > 0);
  CHECK(none > 0);
  memory_os::reset();
}

TEST_CASE("any call of a backup fails: it says so and leaves nothing, or the copy is whole", "[power][backup][G7]") {
  make_log();
  const auto before = memory_os::snapshot();
  std::uint64_t failed = 0;
  for (const int number : {EIO, ENOSPC, ENOMEM})
    for (std::uint64_t nth = 1;; ++nth) {
      memory_os::restore(before);
      memory_os::seed_random(nth);
      const auto counted = memory_os::count();
      memory_os::fail({.number = number, .nth = nth});
      const auto done = backup("log", "copy", {.reflink = nth % 2 == 0});
      const bool is_over = memory_os::count() - counted < nth;
      memory_os::heal();
      INFO("call " << nth << ", errno " << number << ": " << (done ? std::string{"fine"} : done.error().message()));
      if (done) {
        REQUIRE(check_copy());
      } else {
        ++failed;
        REQUIRE(done.error().code() != errc::bug);
        REQUIRE(!check_copy());
        // Nor is anything left under another name.
        REQUIRE(backup("log", "copy"));
      }
      if (is_over) break;
    }
  CHECK(failed > 100);
  memory_os::reset();
}

TEST_CASE("a full disk ends a backup, and the log goes on", "[power][backup][G7]") {
  make_log();
  memory_os::limit_disk(memory_os::disk_bytes_used() + 100'000);
  const std::uint64_t used = memory_os::disk_bytes_used();
  const auto done = backup("log", "copy");
  REQUIRE(!done);
  CHECK(done.error().code() == errc::no_space);
  CHECK(memory_os::disk_bytes_used() == used);
  memory_os::limit_disk(memory_os::no_limit);
  CHECK(verify("log")->findings.empty());
  REQUIRE(backup("log", "copy"));
  CHECK(check_copy());
  memory_os::reset();
}
