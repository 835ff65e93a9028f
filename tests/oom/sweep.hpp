// SPDX-License-Identifier: MIT
//
// sweep.hpp - how a log is before a call, and the call again and again, with another allocation that fails each time. The
// call answers out_of_memory or succeeds, the log is what it was, and nothing is left behind.
#pragma once

#include <span>

#include "oom/scene.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"

namespace varve::testing {

using fails = std::optional<error>;

// ---- How a log is before the call.
inline void nothing(scene&) {}
inline void closed(scene& s) {
  s.open();
  while (s.count < scene::records) static_cast<void>(s.append());
  s.log.reset();
}
inline void opened(scene& s) {
  closed(s);
  s.open();
}
inline void viewed(scene& s) {
  closed(s);
  s.open_view();
}
inline void viewed_beside_a_writer(scene& s) {
  opened(s);
  s.open_view();
  static_cast<void>(s.append());
}
inline void full(scene& s) {  // the next append rolls
  opened(s);
  static_cast<void>(s.append());
}
inline void dead(scene& s) {
  die_with(s.dir, s.options(), [](log& l) {
    for (std::uint64_t i = 1; i <= scene::records; ++i) must(l.append(payload_of(i)).has_value());
  });
  s.count = scene::records;
}
inline void power_lost(scene& s) {
  dead(s);
  make_power_loss(s.dir);
}

struct outcome {
  std::uint64_t failed_allocations = 0;
  std::string wrong{};  // what does not hold; empty if all does
};

/// Always in the same directory, since the names of logs are kept for ever.
inline outcome run(const oom_row& row, const fs::path& dir, whose threads, bool for_ever, std::uint64_t nth) {
  fs::remove_all(dir);
  scene s{dir};
  row.prepare(s);
  failing_allocation failing{threads, nth, for_ever};
  const auto error = row.call(s);
  outcome o{.failed_allocations = failing.end()};
  if (error && error->code() != errc::out_of_memory) o.wrong = error->message();
  if (error && o.failed_allocations == 0) o.wrong = "out of memory, though there is some: " + error->message();
  if (o.wrong.empty() && row.check != nullptr) o.wrong = row.check(s, !error);
  if (o.wrong.empty()) o.wrong = trouble_with(s);
  return o;
}

/// Until the call gets all that it asks for.
inline void sweep(const oom_row& row, const fs::path& dir, whose threads, bool for_ever) {
  constexpr std::uint64_t nth_max = 2000;
  for (std::uint64_t nth = 1; nth <= nth_max; ++nth) {
    INFO(row.name << ": allocation " << nth << " of " << (threads == whose::this_thread ? "the caller" : "all") << " fails "
                  << (for_ever ? "for ever" : "once"));
    const auto blocks = blocks_in_use();
    const auto descriptors = descriptors_in_use();
    const auto [failed, wrong] = run(row, dir, threads, for_ever, nth);
    const auto left = blocks_in_use() - blocks - (wrong.capacity() > 15 ? 1 : 0);
    const auto left_open = descriptors_in_use() - descriptors;
    REQUIRE(wrong == "");
    CHECK(left == 0);
    CHECK(left_open == 0);
    if (failed == 0) return;
  }
  FAIL(row.name << ": allocates for ever");
}

inline void sweep(std::span<const oom_row> rows) {
  const fast_dir place;
  const auto dir = place.path() / "log";
  for (const auto& row : rows) {
    static_cast<void>(run(row, dir, whose::this_thread, false, UINT64_MAX));  // what is made once and kept
    for (const auto threads : {whose::this_thread, whose::every_thread})
      for (const bool for_ever : {false, true}) sweep(row, dir, threads, for_ever);
  }
}

}  // namespace varve::testing
