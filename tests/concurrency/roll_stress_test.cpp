// SPDX-License-Identifier: MIT
//
// Many threads at the end of small segments: claims that cross it, by fetch_add and by compare-exchange, and those that come
// while somebody rolls.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "concurrency/order_check.hpp"
#include "concurrency/workload.hpp"
#include "segment/control_block.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve::testing;

void run(const char* what, std::uint32_t writers, const workload& shape, const varve::log_options& options, double seconds) {
  const temp_dir dir;
  auto log = varve::log::open(dir.path(), options);
  REQUIRE(log.has_value());
  std::vector<writer_of> all;
  for (std::uint32_t w = 0; w < writers; ++w) all.emplace_back(shape, w);
  complaints wrong;
  const stress_clock clock{seconds};
  std::vector<std::thread> threads;
  for (auto& w : all)
    threads.emplace_back([&] {
      while (!clock.is_over())
        if (const auto s = w.append_next(*log); !s) return wrong.add("append: " + s.error().message());
    });
  for (auto& t : threads) t.join();
  CHECK(wrong.text() == "");
  std::vector<std::uint64_t> of_each;
  for (const auto& w : all) of_each.push_back(w.counter());
  const auto figures = log->stats();
  std::printf("rolls, %s: %llu records, %llu rolls, %llu waits, %.1f MiB\n", what,
              static_cast<unsigned long long>(figures.claimed.value), static_cast<unsigned long long>(figures.rolls),
              static_cast<unsigned long long>(figures.waits), static_cast<double>(figures.bytes_used) / (1 << 20));
  CHECK(figures.rolls > 0);
  CHECK(figures.claimed == figures.at.published);
  CHECK(check_whole_log(*log, shape, of_each) == "");
  REQUIRE(log->close().has_value());
  const auto again = varve::log::open(dir.path());
  REQUIRE(again.has_value());
  CHECK(check_whole_log(*again, shape, of_each) == "");
}

}  // namespace

TEST_CASE("sixteen threads with records near the size of a segment lose none and get no sequence twice",
          "[stress][G1][G3]") {
  const std::uint32_t largest = (64 << 10) - 4120;
  run("near the size of a segment", 16, {.size_max = largest, .size_large_min = largest - 16, .large_every = 2},
      {.segment_bytes = std::uint64_t{64} << 10, .prepared_segments = 16}, 2);
}

TEST_CASE("sixteen threads with small records and batches lose none while tiny segments roll", "[stress][G1][G3][G4]") {
  run("small records", 16, {.size_usual = 1'000, .batches = true},
      {.segment_bytes = std::uint64_t{64} << 10, .prepared_segments = 64}, 2);
}

TEST_CASE("claims by compare-exchange beside claims by fetch_add lose nothing at the end of a segment",
          "[stress][G1][G3][G4]") {
  run("more than 64 KiB", 8,
      {.size_max = 700'000, .size_large_min = varve::core::add_bytes_max - 100, .large_every = 8, .batches = true},
      {.segment_bytes = std::uint64_t{1} << 20, .prepared_segments = 8}, 2);
}
