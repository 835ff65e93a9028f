// SPDX-License-Identifier: MIT
//
// Backups beside writers and somebody who trims behind them, in the same process and in another one.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "concurrency/order_check.hpp"
#include "concurrency/workload.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve::testing;
namespace fs = std::filesystem;

constexpr std::uint32_t writers = 2;
constexpr workload shape{.size_usual = 300, .size_max = 20'000, .size_large_min = 1'000, .large_every = 50, .batches = true};

/// What is wrong with a copy; empty if nothing is.
std::string complaint_of(const fs::path& copy, const varve::backup_report& told) {
  const auto report = varve::verify(copy);
  if (!report) return report.error().message();
  if (!report->findings.empty() || !report->clean) return "the copy is not a closed log";
  const auto v = varve::log_view::open(copy);
  if (!v) return v.error().message();
  if (v->first_sequence() != told.sequences.first || v->published_sequence() + 1 != told.sequences.end)
    return "the copy holds something else than was said";
  order_check order{shape, writers, false};
  std::uint64_t next = told.sequences.first.value;
  for (const auto& r : v->records()) {
    if (!r) return r.error().message();
    if (r->sequence().value != next++) return "a record is missing";
    if (auto what = order.see(*r); !what.empty()) return what;
  }
  return next == told.sequences.end.value ? "" : "the copy ends too early";
}

/// Backs up again and again; returns how often, or what went wrong. A log that drops records all the time may be too fast.
struct outcome {
  std::uint64_t copies = 0, too_fast = 0;
  std::string complaint;
};
outcome back_up_again(const fs::path& from, const fs::path& to, std::chrono::steady_clock::time_point until) {
  outcome o;
  varve::sequence end_before;
  while (std::chrono::steady_clock::now() < until && o.complaint.empty()) {
    const auto done = varve::backup(from, to, {.reflink = o.copies % 2 == 0});
    if (!done && done.error().code() == varve::errc::timed_out) {
      ++o.too_fast;
      continue;
    }
    if (!done) {
      o.complaint = done.error().message();
      break;
    }
    o.complaint = complaint_of(to, *done);
    if (done->sequences.end < end_before) o.complaint = "a later copy holds less";
    end_before = done->sequences.end;
    fs::remove_all(to);
    ++o.copies;
  }
  return o;
}

}  // namespace

TEST_CASE("backups beside writers and trims are whole logs, of this process and of another",
          "[stress][backup][G2][G3][G4]") {
  const temp_dir dir;
  const auto from = dir.path() / "log";
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{4};
  // Forked first, while there are no threads: it waits for the log to be there.
  child_process other{[&] {
    while (!varve::log_view::open(from)) std::this_thread::yield();
    const auto o = back_up_again(from, dir.path() / "other", until);
    if (!o.complaint.empty()) std::fprintf(stderr, "other process: %s\n", o.complaint.c_str());
    return o.complaint.empty() && o.copies > 0 ? 0 : 1;
  }};
  auto log = varve::log::open(from, {.segment_bytes = 64 * 1024, .prepared_segments = 4, .spare_segments = 4});
  REQUIRE(log.has_value());
  std::atomic<bool> done = false;
  complaints wrong;
  std::vector<std::thread> threads;
  for (std::uint32_t w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      writer_of mine{shape, w};
      while (!done)
        if (const auto s = mine.append_next(*log); !s) return wrong.add(s.error().message());
    });
  threads.emplace_back([&] {
    while (!done) {
      const std::uint64_t end = log->published_sequence().value;
      if (end > 2'000)
        if (const auto t = log->trim_before({end - 2'000}); !t) return wrong.add(t.error().message());
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
  });
  const auto mine = back_up_again(from, dir.path() / "mine", until);
  done = true;
  for (auto& t : threads) t.join();
  CHECK(mine.complaint == "");
  CHECK(mine.copies > 0);
  CHECK(wrong.text() == "");
  other.wait();
  CHECK(other.exited_with(0));
  std::printf("backup stress: %llu copies, %llu times the log was too fast\n", static_cast<unsigned long long>(mine.copies),
              static_cast<unsigned long long>(mine.too_fast));
  REQUIRE(log->close().has_value());
}
