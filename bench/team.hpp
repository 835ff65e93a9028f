// SPDX-License-Identifier: MIT
//
// team.hpp - threads that start together, and how long they take.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace bench {

using clock = std::chrono::steady_clock;

[[nodiscard]] inline double seconds_between(clock::time_point begin, clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

/// Runs work(thread) in `threads` threads, and returns the seconds from their common start until the last one is done.
template <class Work>
[[nodiscard]] double time_team(int threads, Work&& work) {
  std::atomic<int> waiting{0};
  std::atomic<bool> go{false};
  std::vector<clock::time_point> ends(static_cast<std::size_t>(threads));
  std::vector<std::thread> team;
  for (int t = 0; t < threads; ++t) {
    team.emplace_back([&, t] {
      waiting.fetch_add(1, std::memory_order_release);
      // They do not sleep here: waking one takes as long as a thousand appends.
      while (!go.load(std::memory_order_acquire)) std::this_thread::yield();
      work(t);
      ends[static_cast<std::size_t>(t)] = clock::now();
    });
  }
  while (waiting.load(std::memory_order_acquire) != threads) std::this_thread::yield();
  const auto begin = clock::now();
  go.store(true, std::memory_order_release);
  for (auto& thread : team) thread.join();
  return seconds_between(begin, *std::ranges::max_element(ends));
}

}  // namespace bench
