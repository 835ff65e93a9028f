// SPDX-License-Identifier: MIT
//
// An open that checks segments on several threads, of a log that died: what it keeps is on the disk when it returns.
#include <string>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace {

using namespace varve;
namespace memory_os = varve::testing::memory_os;

/// Three to a segment.
std::string text(std::uint64_t s) { return std::to_string(s) + std::string(19'000, 'x'); }

}  // namespace

TEST_CASE("what an open on several threads keeps survives the power loss that follows", "[power][recovery][G2][G3]") {
  const std::uint32_t threads = GENERATE(1U, 4U);
  CAPTURE(threads);
  constexpr std::uint64_t records = 30;
  memory_os::reset();
  {
    auto l = log::open("log", {.segment_bytes = 64 * 1024, .prepared_segments = 16});
    REQUIRE(l);
    const auto unfinished = l->claim(100);  // behind it nothing is published, and so nothing sealed
    REQUIRE(unfinished);
    for (std::uint64_t s = 2; s <= records; ++s) REQUIRE(l->append(text(s)).has_value());
    memory_os::process_death();
  }
  {
    auto l = log::open("log", {.recovery_threads = threads});
    REQUIRE(l);
    CHECK(l->published_sequence().value == records);
    CHECK(l->durable_sequence().value == records);
    memory_os::power_loss(1, {.bytes = memory_os::fate::lost, .entries = memory_os::fate::lost});
  }
  const auto l = log::open("log");
  if (!l) FAIL(l.error().message());
  REQUIRE(l->published_sequence().value == records);
  CHECK(l->read({1}).error().code() == errc::abandoned);
  for (std::uint64_t s = 2; s <= records; ++s) CHECK(l->read({s})->text() == text(s));
}

TEST_CASE("verify on several threads names what a failing device would name to one", "[power][G7]") {
  memory_os::reset();
  {
    auto l = log::open("log", {.segment_bytes = 64 * 1024});
    REQUIRE(l);
    for (std::uint64_t s = 1; s <= 12; ++s) REQUIRE(l->append(text(s)).has_value());
  }
  memory_os::fail({.calls = memory_os::call::populate_for_reading, .for_ever = true, .name = "0002.seg"});
  const auto alone = verify("log"), many = verify("log", {}, {.threads = 4});
  memory_os::heal();
  REQUIRE_FALSE(alone);
  REQUIRE_FALSE(many);
  CHECK(alone.error().code() == errc::io);
  CHECK(many.error().message() == alone.error().message());
  CHECK(verify("log", {}, {.threads = 4})->findings.empty());
}
