// SPDX-License-Identifier: MIT
//
// append_lap.hpp - one lap of appends to a store: made anew, filled by some threads, checked, removed.
#pragma once

#include <algorithm>
#include <atomic>
#include <string>

#include "payload.hpp"
#include "program.hpp"
#include "stores/store.hpp"
#include "team.hpp"

namespace bench {

struct append_lap {
  std::size_t payload_bytes = 128;
  std::uint64_t records = 0;  ///< Rounded down to what divides among threads and batches.
  int threads = 1;
  std::size_t batch = 1;
  bool durable = false;
};

/// Appends `count` records; false at the first failure.
template <appendable S>
bool append_many(S& store, const payloads& source, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i)
    if (!store.append(source[i])) return false;
  return true;
}

/// The same in batches, of which `count` is a multiple.
template <batch_appendable S>
bool append_batches(S& store, const payloads& source, std::uint64_t count, std::size_t batch) {
  std::vector<std::string_view> some(batch);
  for (std::uint64_t i = 0; i < count; i += batch) {
    for (std::size_t k = 0; k < batch; ++k) some[k] = source[i + k];
    if (!store.append_batch(some)) return false;
  }
  return true;
}

/// `fill(store, source, count)` is what each thread does.
template <appendable S, class Fill>
void run_lap(benchmark::State& state, const append_lap& lap, Fill&& fill) {
  const auto threads = static_cast<std::uint64_t>(lap.threads);
  const std::uint64_t each = std::max<std::uint64_t>(lap.records / threads / lap.batch, 1) * lap.batch;
  const std::uint64_t records = each * threads;
  const scratch place{S::name};
  auto store = S::make({place.path(), lap.payload_bytes, records, lap.durable});
  if (!store) return fail_lap(state, store.error());

  const payloads source{lap.payload_bytes};
  std::atomic<bool> good{true};
  const double seconds = time_team(lap.threads, [&](int) {
    if (!fill(**store, source, each)) good.store(false, std::memory_order_relaxed);
  });
  if (!good.load(std::memory_order_relaxed)) return fail_lap(state, (*store)->why());
  if (const auto wrong = (*store)->check(records, source); !wrong.empty()) return fail_lap(state, wrong);
  report_lap(state, records, seconds);
}

template <appendable S>
void run_append_lap(benchmark::State& state, const append_lap& lap) {
  run_lap<S>(state, lap,
             [](S& store, const payloads& source, std::uint64_t count) { return append_many(store, source, count); });
}

template <batch_appendable S>
void run_batch_lap(benchmark::State& state, const append_lap& lap) {
  run_lap<S>(state, lap, [&](S& store, const payloads& source, std::uint64_t count) {
    return append_batches(store, source, count, lap.batch);
  });
}

/// "append/varve/128_B/2_threads"
[[nodiscard]] inline std::string lap_name(std::string_view what, std::string_view store, const append_lap& lap) {
  return std::string{what} + "/" + std::string{store} + "/" + std::to_string(lap.payload_bytes) + "_B/" +
         std::to_string(lap.threads) + (lap.threads == 1 ? "_thread" : "_threads");
}

}  // namespace bench
