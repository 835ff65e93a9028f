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
#include <filesystem>
#include <string>
#include <thread>

#include <varve/varve.hpp>

#include "base/checksum.hpp"
#include "crash/kept_log.hpp"
#include "support/child_process.hpp"
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
      if (checked_ == now.records.size()) return "a follower saw, and it is gone: " + text_of(shown);
      if (now.records[checked_] != shown)
        return "a follower saw " + text_of(shown) + ", and there is " + text_of(now.records[checked_]);
    }
    return {};
  }
  [[nodiscard]] std::uint64_t checked() const noexcept { return checked_; }

 private:
  struct sightings {
    static constexpr std::uint64_t records_max = std::uint64_t{1} << 20;
    std::atomic<std::uint32_t> has_complaint;
    std::atomic<std::uint64_t> count;
    char complaint[1024];
    kept_record records[records_max];
  };

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
    auto at = view->reader({1});
    if (!at) return complain(seen, at.error());
    for (std::uint64_t count = 0; count < sightings::records_max;) {
      const auto there = at->wait(std::chrono::steady_clock::now() + 10s);
      if (!there) return complain(seen, there.error());
      if (!*there) continue;
      const auto next = at->next();
      if (!next) return complain(seen, next.error());
      const record& r = **next;
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
