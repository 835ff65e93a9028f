// SPDX-License-Identifier: MIT
//
// follower.hpp - another process that follows a log through all its lives with a view that waits, and tells what it saw.
// Whatever a view has shown must stay true.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <span>
#include <string>
#include <thread>

#include <varve/varve.hpp>

#include "base/checksum.hpp"
#include "crash/kept_log.hpp"
#include "support/authorship.hpp"
#include "support/child_process.hpp"
#include "support/dice.hpp"
#include "support/shared_memory.hpp"

namespace varve::testing {

class follower {
 public:
  explicit follower(std::filesystem::path directory)
      : directory_(std::move(directory)), process_([this] { return follow(directory_, *seen_); }) {}

  /// It looks at nothing, and writes nothing, until go_on().
  void stop() { process_.stop(); }
  void go_on() { process_.go_on(); }

  /// What it has seen since the last check is there, and nothing between was left out. A complaint; empty if there is none.
  [[nodiscard]] std::string check(const kept_log& now) {
    if (seen_->has_complaint.load(std::memory_order_acquire) != 0) return std::string{"a follower: "} + seen_->complaint;
    for (const std::uint64_t seen = seen_->count.load(std::memory_order_acquire); checked_ < seen; ++checked_) {
      const kept_record& shown = seen_->records[checked_];
      const std::uint64_t before = checked_ == 0 ? 0 : seen_->records[checked_ - 1].sequence;
      if (shown.sequence <= before) return "a follower went back to " + text_of(shown);
      if (shown.sequence < now.first) continue;  // trimmed meanwhile
      const std::size_t at = place_from(now, shown.sequence);
      if (at == now.records.size()) return "a follower saw, and it is gone: " + text_of(shown);
      if (now.records[at] != shown) return "a follower saw " + text_of(shown) + ", and there is " + text_of(now.records[at]);
      const std::uint64_t expected = at == 0 ? 0 : now.records[at - 1].sequence;
      if (expected > before && !seen_->was_trimmed[checked_]) return "a follower left out " + text_of(now.records[at - 1]);
    }
    return {};
  }
  [[nodiscard]] std::uint64_t checked() const noexcept { return checked_; }
  [[nodiscard]] std::uint64_t told_that_trimmed() const noexcept { return seen_->times_trimmed.load(); }

 private:
  struct sightings {
    static constexpr std::uint64_t records_max = std::uint64_t{1} << 20;
    std::atomic<std::uint32_t> has_complaint;
    std::atomic<std::uint64_t> count;
    char complaint[1024];
    std::atomic<std::uint64_t> times_trimmed;
    kept_record records[records_max];
    bool was_trimmed[records_max];  // it was told so before this record, and began anew
  };

  static bool says_who_wrote_it(std::span<const std::byte> payload) noexcept {
    return payload.size() < sizeof(std::uint64_t) || is_payload_of(claimed_author(payload), payload);
  }

  static int complain(sightings& seen, const error& e) {
    static_cast<void>(std::snprintf(seen.complaint, sizeof seen.complaint, "%s", e.message().c_str()));
    seen.has_complaint.store(1, std::memory_order_release);
    return 1;
  }

  static int follow(const std::filesystem::path& directory, sightings& seen) {
    using namespace std::chrono_literals;
    auto view = log_view::open(directory);
    for (; !view && view.error().code() == errc::not_found; view = log_view::open(directory))
      std::this_thread::sleep_for(1ms);  // it is not made yet
    if (!view) return complain(seen, view.error());
    auto at = view->reader();
    if (!at) return complain(seen, at.error());
    bool was_trimmed = at->position().value > 1;
    dice pace{7};
    std::deque<pinned_record> held;  // for long after they were read, and perhaps trimmed
    for (std::uint64_t count = 0; count < sightings::records_max;) {
      const auto there = at->wait(std::chrono::steady_clock::now() + 10s);
      if (there && !*there) continue;
      const auto next = there ? at->next() : std::unexpected(there.error());
      if (!next && next.error().code() == errc::trimmed) {
        was_trimmed = true;
        seen.times_trimmed.fetch_add(1, std::memory_order_relaxed);
        auto moved = at->seek({});
        while (!moved && moved.error().code() == errc::trimmed) moved = at->seek({});  // once more meanwhile
        if (!moved) return complain(seen, moved.error());
        continue;
      }
      if (!next) return complain(seen, next.error());
      if (!*next) continue;
      const record& r = **next;
      if (pace.one_in(100)) held.push_back(r.pin());
      if (pace.one_in(2'000)) std::this_thread::sleep_for(20ms);
      bool is_whole = says_who_wrote_it(r.payload());
      if (held.size() > 8) {
        is_whole = is_whole && says_who_wrote_it(held.front().payload());
        held.pop_front();
      }
      if (!is_whole) {
        static_cast<void>(std::snprintf(seen.complaint, sizeof seen.complaint, "sequence %llu: other bytes",
                                        static_cast<unsigned long long>(r.sequence().value)));
        seen.has_complaint.store(1, std::memory_order_release);
        return 1;
      }
      seen.was_trimmed[count] = was_trimmed;
      was_trimmed = false;
      seen.records[count] = {.sequence = r.sequence().value,
                             .hash = core::sum_of_structure(r.payload()),
                             .size = static_cast<std::uint32_t>(r.payload().size()),
                             .epoch = r.epoch(),
                             .type = r.type(),
                             .batch_goes_on = r.batch_goes_on()};
      seen.count.store(++count, std::memory_order_release);
    }
    for (;;) std::this_thread::sleep_for(1h);  // it has seen enough
  }

  std::filesystem::path directory_;
  shared_memory<sightings> seen_;
  child_process process_;
  std::uint64_t checked_ = 0;
};

}  // namespace varve::testing
