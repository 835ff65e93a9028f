// SPDX-License-Identifier: MIT
//
// life.hpp - one life of a log: from an open to the death of the process that opened it, and how that comes about.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "crash/script.hpp"

namespace varve::testing {

/// What happens at the named point.
enum class at_point : std::uint8_t {
  nothing,  // there is none: the parent kills
  die,      // the process dies there
  linger,   // it dies there a little later, when other writers have gone on
  stall,    // the thread stops there; the others go on until the parent kills
};

struct life {
  static constexpr std::uint32_t none = ~0U;

  std::uint32_t number = 0;  // of this log
  std::uint64_t seed = 0;    // of its scripts
  testing::build build = testing::build::usual;
  std::uint32_t writers = 0;  // 0: it opens the log, and dies
  const char* point = "";     // ... at its `hit`-th occurrence
  std::uint32_t hit = 1;
  testing::at_point at_point = at_point::nothing;
  bool armed_from_the_start = false;  // points count from before the open; otherwise once the log is open
  bool killed_while_opening = false;  // kill_after counts from the call of open; otherwise from when the log is open
  bool closes = false;                // close() is called while the writers append
  bool trims = false;                 // one more thread trims, again and again
  bool waits_for_disk = false;        // some appends are immediate, and one thread syncs; so little else happens
  std::chrono::microseconds kill_after{0};
  std::uint32_t killer = none;  // the writer that kills, once it has appended so many records
  std::uint64_t kill_at = 0;
  std::uint32_t prepared_segments = 2;

  [[nodiscard]] std::string text() const {
    char line[300];
    static_cast<void>(std::snprintf(
        line, sizeof line,
        "life %u seed %llu build %d writers %u point '%s' hit %u then %d from start %d opening %d closes %d "
        "killer %d at %llu, prepared %u, trims %d, after %lld us",
        number, static_cast<unsigned long long>(seed), static_cast<int>(build), writers, point, hit,
        static_cast<int>(at_point), armed_from_the_start, killed_while_opening, closes, static_cast<int>(killer),
        static_cast<unsigned long long>(kill_at), prepared_segments, trims, static_cast<long long>(kill_after.count())));
    return line;
  }
};

/// Reached once for each word of a header sector, not once for each sector.
[[nodiscard]] constexpr bool is_frequent(std::string_view point) noexcept { return point == "sector:word"; }

/// The life that begins next: one in five dies between two stamps of a batch, some while they open, some at other points,
/// most at any moment.
[[nodiscard]] inline life choose_life(dice& d, std::uint32_t number, bool tiny) {
  using enum at_point;
  static constexpr const char* of_appends[] = {"claim.after_add", "publish.payload_copied", "publish.before_stamp",
                                               "publish:A"};
  static constexpr const char* of_rolls[] = {"roll.begun", "roll.activated", "roll.between_end_words",
                                             "roll.ended", "sector:word",    "header:A",
                                             "segment:B",  "active:A",       "roll:B"};
  static constexpr const char* of_background[] = {"sync.before_mark", "durable:B", "prepare.before_sync",
                                                  "seal.before_store"};
  static constexpr const char* of_opening[] = {"state.before_store",
                                               "state.before_sync",
                                               "repair.before_stamps",
                                               "repair.before_sync",
                                               "repair.before_remove",
                                               "seal.before_store",
                                               "prepare.before_sync",
                                               "create.before_directory_sync",
                                               "live:word"};
  life l{.number = number, .seed = d.next(), .build = tiny ? build::tiny : build::usual};
  if (!tiny && d.one_in(10)) l.build = build::bulky;
  if (tiny) l.prepared_segments = d.pick({2U, 8U, 16U, 24U});
  static constexpr std::uint32_t numbers[] = {1, 2, 3, 4, 4, 4, 4, 5, 6, 8};
  l.writers = d.pick(numbers);
  // Most deaths are early, when caches are cold and threads begin; some come after many rolls.
  l.kill_after = std::chrono::microseconds{d.one_in(5) ? d.between(100, 20'000) : d.between(100, 1'500)};
  l.waits_for_disk = d.one_in(10);
  if (l.build == build::bulky) l.kill_after = std::chrono::milliseconds{d.between(20, 150)};
  const auto kind = d.below(20);
  if (kind < 4) {
    l.point = "publish.between_stamps";
    l.hit = static_cast<std::uint32_t>(d.between(1, 400));
    l.at_point = d.one_in(3) ? die : linger;
  } else if (kind < (tiny ? 9U : 6U)) {
    // Small segments keep writers waiting for the next one most of the time, where they have nothing unfinished.
    l.point = d.pick(of_appends);
    l.hit = static_cast<std::uint32_t>(d.between(1, tiny ? 400 : 2'000));
    l.at_point = d.pick({die, linger, linger, stall, stall});
  } else if (kind < (tiny ? 12U : 8U) && l.build != build::usual) {
    l.point = d.pick(of_rolls);
    l.hit = static_cast<std::uint32_t>(d.between(1, is_frequent(l.point) ? 300 : 8));
    l.at_point = d.pick({die, linger, stall});
  } else if (kind < (tiny ? 14U : 10U)) {
    l.point = l.build == build::usual ? of_background[d.below(3)] : d.pick(of_background);  // no rolls, nothing to seal
    l.waits_for_disk = true;
    l.hit = static_cast<std::uint32_t>(d.between(1, l.build == build::usual ? 2 : 6));
    l.at_point = d.pick({die, linger, stall});
  } else if (kind < (tiny ? 16U : 12U)) {
    l.point = d.pick(of_opening);
    l.hit = static_cast<std::uint32_t>(d.between(1, 3));
    l.at_point = die;
    l.armed_from_the_start = true;
  } else if (kind == 16) {
    l.killed_while_opening = true;
    l.kill_after = std::chrono::microseconds{d.between(50, 8'000)};
  } else if (kind == 17) {
    l.closes = true;
    l.kill_after += std::chrono::milliseconds{d.pick({1, 500})};
    if (d.one_in(2)) {
      l.point = d.pick({"state.before_store", "state.before_sync", "seal.before_store", "sync.before_mark", "roll:B"});
      l.at_point = die;
    }
  } else if (!d.one_in(3)) {
    // Not by the clock, which on a busy machine strikes when all is done.
    l.killer = static_cast<std::uint32_t>(d.below(l.writers));
    l.kill_at = d.between(1, tiny ? 400 : d.one_in(4) ? 5'000 : 1'000);
  }
  // Whoever waits for a point gets the time to come there.
  const bool waits = l.at_point == die || l.at_point == linger || l.killer != life::none;
  if (waits && !l.armed_from_the_start) l.kill_after += std::chrono::milliseconds{20};
  return l;
}

/// As above, but what is far behind is trimmed all the time; one in three dies in the middle of that.
[[nodiscard]] inline life choose_trimming_life(dice& d, std::uint32_t number) {
  static constexpr const char* of_trims[] = {"trim.before_state", "trim.before_drop",     "state.before_store",
                                             "state.before_sync", "recycle.before_erase", "recycle.before_sync",
                                             "recycle.renamed"};
  life l = choose_life(d, number, true);
  l.trims = true;
  if (d.one_in(2)) l.kill_after += std::chrono::milliseconds{d.below(30)};
  if (l.killed_while_opening || l.armed_from_the_start || l.closes || !d.one_in(3)) return l;
  l.point = d.pick(of_trims);
  l.hit = static_cast<std::uint32_t>(d.between(1, 8));
  l.at_point = d.pick({at_point::die, at_point::linger, at_point::stall});
  l.kill_after = std::chrono::milliseconds{40};
  return l;
}

/// A life that only opens the log, to recover it, and dies in the middle of that if its point occurs often enough.
[[nodiscard]] inline life choose_dying_recovery(dice& d) {
  static constexpr const char* points[] = {"state.before_store",  "state.before_sync",    "repair.before_stamps",
                                           "repair.before_sync",  "repair.before_remove", "seal.before_store",
                                           "prepare.before_sync", "sector:word"};
  life l{.point = d.pick(points), .at_point = at_point::die, .armed_from_the_start = true};
  l.hit = static_cast<std::uint32_t>(d.between(1, is_frequent(l.point) ? 100 : 3));
  return l;
}

}  // namespace varve::testing
