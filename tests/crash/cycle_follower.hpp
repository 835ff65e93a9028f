// SPDX-License-Identifier: MIT
//
// cycle_follower.hpp - another process that follows a log whose ends move, with a view that waits, and tells what it saw. It
// does not judge: what it was shown may have gone for good reasons.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <thread>

#include <varve/varve.hpp>

#include "crash/cycle_ledger.hpp"
#include "support/child_process.hpp"
#include "support/dice.hpp"
#include "support/shared_memory.hpp"

namespace varve::testing {

/// A record that a reader in another process was handed, and how many moves had returned when it asked.
struct sighting {
  std::uint64_t sequence = 0, id = 0, moves_done = 0;
  std::uint32_t epoch = 0;
};

class cycle_follower {
 public:
  cycle_follower(const std::filesystem::path& directory, const cycle_ledger& ledger)
      : process_([&] { return follow(directory, ledger, *seen_); }) {}

  /// It looks at nothing until go_on().
  void stop() { process_.stop(); }
  void go_on() { process_.go_on(); }

  /// What it has seen since it was asked last.
  [[nodiscard]] std::span<const sighting> take() noexcept {
    const std::uint64_t from = taken_;
    taken_ = seen_->count.load(std::memory_order_acquire);
    return std::span{seen_->all}.subspan(from, taken_ - from);
  }
  [[nodiscard]] std::string complaint() const {
    return seen_->has_complaint.load(std::memory_order_acquire) != 0 ? std::string{"a follower: "} + seen_->complaint
                                                                     : std::string{};
  }
  [[nodiscard]] std::uint64_t seen() const noexcept { return taken_; }
  [[nodiscard]] std::uint64_t told_that_trimmed() const noexcept { return seen_->times_trimmed.load(); }
  [[nodiscard]] std::uint64_t told_that_truncated() const noexcept { return seen_->times_truncated.load(); }

 private:
  struct sightings {
    static constexpr std::uint64_t count_max = std::uint64_t{1} << 22;
    std::atomic<std::uint32_t> has_complaint;
    std::atomic<std::uint64_t> count, times_trimmed, times_truncated;
    char complaint[1024];
    sighting all[count_max];
  };

  static int complain(sightings& seen, const std::string& what) {
    static_cast<void>(std::snprintf(seen.complaint, sizeof seen.complaint, "%s", what.c_str()));
    seen.has_complaint.store(1, std::memory_order_release);
    return 1;
  }
  static bool has_moved(const error& e) noexcept { return e.code() == errc::trimmed || e.code() == errc::truncated; }

  /// To the first record, or close to the last one.
  static result<void> begin_anew(const log_view& view, reader& at, dice& d) {
    for (;;) {
      const std::uint64_t last = view.published_sequence().value, back = d.below(20);
      const auto moved = at.seek(d.one_in(2) || last <= back ? sequence{} : sequence{last - back});
      const bool is_late = !moved && (has_moved(moved.error()) || moved.error().code() == errc::not_yet ||
                                      moved.error().code() == errc::past_end);
      if (!is_late) return moved;
    }
  }

  static int follow(const std::filesystem::path& directory, const cycle_ledger& ledger, sightings& seen) {
    using namespace std::chrono_literals;
    auto view = log_view::open(directory);
    for (; !view && view.error().code() == errc::not_found; view = log_view::open(directory))
      std::this_thread::sleep_for(1ms);  // it is not made yet
    if (!view) return complain(seen, view.error().message());
    auto at = view->reader();
    if (!at) return complain(seen, at.error().message());
    dice d{11};
    for (std::uint64_t count = 0; count < sightings::count_max;) {
      const auto there = at->wait(std::chrono::steady_clock::now() + 10s);
      if (there && !*there) continue;
      const std::uint64_t moves_done = ledger.moves_done.load(std::memory_order_acquire);
      const auto next = there ? at->next() : std::unexpected(there.error());
      if (!next && has_moved(next.error())) {
        (next.error().code() == errc::trimmed ? seen.times_trimmed : seen.times_truncated).fetch_add(1);
        if (const auto done = begin_anew(*view, *at, d); !done) return complain(seen, "seek: " + done.error().message());
        continue;
      }
      if (!next) return complain(seen, next.error().message());
      if (!*next) continue;
      if (d.one_in(3'000)) std::this_thread::sleep_for(20ms);  // with the record in its hand
      sighting s{.sequence = (*next)->sequence().value, .moves_done = moves_done, .epoch = (*next)->epoch()};
      if (!is_whole((*next)->payload(), s.id))
        return complain(seen, "sequence " + std::to_string(s.sequence) + ": other bytes");
      seen.all[count] = s;
      seen.count.store(++count, std::memory_order_release);
    }
    for (;;) std::this_thread::sleep_for(1h);  // it has seen enough
  }

  shared_memory<sightings> seen_;
  child_process process_;
  std::uint64_t taken_ = 0;
};

}  // namespace varve::testing
