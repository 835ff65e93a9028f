// SPDX-License-Identifier: MIT
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "concurrency/order_check.hpp"
#include "concurrency/workload.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve::testing;

constexpr std::uint32_t writers = 4;
constexpr workload shape{.size_usual = 100, .size_max = 10'000, .size_large_min = 1'000, .large_every = 50, .batches = true};

/// Until the log is closed; whoever once was told so is told so for ever.
void append_until_closed(varve::log& log, writer_of& w, std::atomic<std::uint64_t>& appended, complaints& wrong) {
  int refusals = 0;
  while (refusals < 3) {
    const auto s = w.append_next(log);
    if (s) {
      ++appended;
      if (refusals != 0) return wrong.add("an append was taken after one that found the log closed");
    } else if (s.error().code() == varve::errc::closed) {
      ++refusals;
    } else {
      return wrong.add("append: " + s.error().message());
    }
  }
}

void sync_until_closed(varve::log& log, complaints& wrong) {
  for (;;) {
    const auto done = log.sync();
    if (done) continue;
    if (done.error().code() != varve::errc::closed) wrong.add("sync: " + done.error().message());
    return;
  }
}

}  // namespace

TEST_CASE("close() beside appends keeps each one that returned a sequence, and refuses all later ones",
          "[stress][G1][G3][G4]") {
  dice d{11};
  const stress_clock clock{3};
  for (int round = 0; round < 5 || !clock.is_over(); ++round) {
    const temp_dir dir;
    auto log = varve::log::open(dir.path(), {.segment_bytes = std::uint64_t{64} << 10});
    REQUIRE(log.has_value());
    std::vector<writer_of> all;
    for (std::uint32_t w = 0; w < writers; ++w) all.emplace_back(shape, w);
    complaints wrong;
    std::atomic<std::uint64_t> appended = 0;
    std::vector<std::thread> threads;
    for (auto& w : all) threads.emplace_back([&] { append_until_closed(*log, w, appended, wrong); });
    if (round % 2 == 0) threads.emplace_back([&] { sync_until_closed(*log, wrong); });
    for (const auto enough = d.below(1'000); appended < enough;) std::this_thread::yield();
    // Two at the same time: one closes, the other waits for it, and both get the same answer.
    threads.emplace_back([&] {
      if (const auto done = log->close(); !done) wrong.add("close: " + done.error().message());
    });
    const auto done = log->close();
    CHECK(done.has_value());
    for (auto& t : threads) t.join();
    CHECK(wrong.text() == "");

    std::vector<std::uint64_t> of_each;
    for (const auto& w : all) of_each.push_back(w.counter());
    CHECK(check_whole_log(*log, shape, of_each) == "");  // it can still be read
    const auto again = varve::log::open(dir.path());
    REQUIRE(again.has_value());
    CHECK(again->recovery().clean);
    CHECK(check_whole_log(*again, shape, of_each) == "");
  }
}

TEST_CASE("a destructor beside nobody does what close() does", "[stress][G1]") {
  const temp_dir dir;
  writer_of w{shape, 0};
  {
    auto log = varve::log::open(dir.path(), {.segment_bytes = std::uint64_t{64} << 10});
    REQUIRE(log.has_value());
    for (int i = 0; i < 200; ++i) REQUIRE(w.append_next(*log).has_value());
  }
  const auto again = varve::log::open(dir.path());
  REQUIRE(again.has_value());
  CHECK(again->recovery().clean);
  CHECK(check_whole_log(*again, shape, {w.counter()}) == "");
}
