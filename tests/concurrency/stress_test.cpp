// SPDX-License-Identifier: MIT
//
// Writers, readers of all kinds, a syncer and somebody who asks for figures, all at the same time.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
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
constexpr workload shape{
    .size_usual = 200, .size_max = 40'000, .size_large_min = 1'000, .large_every = 200, .batches = true};
// A log is never trimmed here, and everything is read again and again.
constexpr std::uint64_t records_max_of_each = 400'000;

class stress {
 public:
  stress(varve::log& log, const varve::log_view& view, double seconds) : log_(log), view_(view), clock_(seconds) {}

  std::vector<std::uint64_t> run() {
    std::vector<writer_of> all;
    for (std::uint32_t w = 0; w < writers; ++w) all.emplace_back(shape, w);
    std::vector<std::thread> appending, looking;
    for (auto& w : all) appending.emplace_back([&] { append(w); });
    looking.emplace_back([&] { read_from_the_first(); });
    looking.emplace_back([&] { follow({1}, true); });
    looking.emplace_back([&] { follow(log_.published_sequence() + 1, false); });
    looking.emplace_back([&] { follow_waiting(log_.reader()); });
    looking.emplace_back([&] { follow_waiting(view_.reader()); });
    looking.emplace_back([&] { read_by_number(); });
    looking.emplace_back([&] { sync(); });
    looking.emplace_back([&] { ask(); });
    for (auto& t : appending) t.join();
    done_ = true;
    for (auto& t : looking) t.join();
    std::vector<std::uint64_t> of_each;
    for (const auto& w : all) of_each.push_back(w.counter());
    return of_each;
  }
  [[nodiscard]] std::string complaints_text() const { return complaints_.text(); }
  [[nodiscard]] std::uint64_t records_read() const noexcept { return read_; }

 private:
  void append(writer_of& w) {
    while (!clock_.is_over() && w.counter() < records_max_of_each) {
      const auto before = w.last();
      const auto s = w.append_next(log_);
      if (!s) return complaints_.add("append: " + s.error().message());
      if (*s <= before) return complaints_.add("G3: a thread's sequences do not grow");
    }
  }

  void read_from_the_first() {
    while (!done_) {
      order_check order{shape, writers, true};
      for (const auto& r : log_.records()) {
        if (!r) return complaints_.add("records: " + r.error().message());
        if (auto what = order.see(*r); !what.empty()) return complaints_.add("records: " + what);
        if (done_) break;  // the rest is read once more at the end
      }
      read_ += order.seen();
    }
  }

  void follow(varve::sequence from, bool from_the_first) {
    auto reader = log_.reader(from);
    if (!reader) return complaints_.add("reader: " + reader.error().message());
    order_check order{shape, writers, from_the_first};
    for (;;) {
      const bool last_round = done_;
      for (;;) {
        const auto r = reader->next();
        if (!r) return complaints_.add("next: " + r.error().message());
        if (!*r) break;
        if (auto what = order.see(**r); !what.empty()) return complaints_.add("following: " + what);
      }
      if (auto what = order.at_end(); !what.empty()) return complaints_.add("following: " + what);
      if (last_round) break;
      std::this_thread::yield();
    }
    read_ += order.seen();
    if (reader->position() != log_.published_sequence() + 1) complaints_.add("a follower did not come to the end");
  }

  /// As follow(), but sleeps while there is nothing.
  void follow_waiting(varve::result<varve::reader> reader) {
    if (!reader) return complaints_.add("reader: " + reader.error().message());
    order_check order{shape, writers, true};
    while (!done_ || reader->position() <= log_.published_sequence()) {
      const auto there = reader->wait(std::chrono::steady_clock::now() + std::chrono::milliseconds{200});
      if (!there) return complaints_.add("wait: " + there.error().message());
      if (!*there) continue;
      const auto r = reader->next();
      if (!r || !*r) return complaints_.add("wait said that there is something, and there is not");
      if (auto what = order.see(**r); !what.empty()) return complaints_.add("waiting: " + what);
    }
    if (auto what = order.at_end(); !what.empty()) return complaints_.add("waiting: " + what);
    read_ += order.seen();
  }

  void read_by_number() {
    dice d{7};
    while (!done_) {
      const std::uint64_t published = log_.published_sequence().value;
      if (published == 0) continue;
      const varve::sequence at{1 + d.below(published)};
      const auto r = log_.read(at);
      if (!r) return complaints_.add("read: " + r.error().message());
      const auto author = claimed_author(r->payload());
      if (r->sequence() != at || r->type() >= writers) return complaints_.add("read: another record");
      if (r->payload().size() >= 8 && (author.writer != r->type() || !is_payload_of(author, r->payload())))
        return complaints_.add("read: other bytes");
      ++read_;
    }
  }

  void sync() {
    while (!done_) {
      const auto claimed = log_.stats().claimed;
      const auto done = log_.sync();
      if (!done) return complaints_.add("sync: " + done.error().message());
      if (*done < claimed || log_.durable_sequence() < *done)
        return complaints_.add("G2: sync did not cover what was claimed");
    }
  }

  void ask() {
    varve::statistics before;
    while (!done_) {
      const auto now = log_.stats();
      const bool ordered = now.at.first.value <= now.at.published.value + 1 && now.at.durable <= log_.published_sequence() &&
                           now.at.published <= log_.stats().claimed;
      const bool grown = now.at.first >= before.at.first && now.at.durable >= before.at.durable &&
                         now.at.published >= before.at.published && now.claimed >= before.claimed &&
                         now.rolls >= before.rolls;
      if (!ordered) return complaints_.add("I1: the marks are not in order");
      if (!grown) return complaints_.add("I1: a mark went back");
      before = now;
    }
  }

  varve::log& log_;
  const varve::log_view& view_;
  stress_clock clock_;
  complaints complaints_;
  std::atomic<bool> done_ = false;
  std::atomic<std::uint64_t> read_ = 0;
};

void run(std::uint64_t segment_bytes, double seconds) {
  const temp_dir dir;
  auto log = varve::log::open(dir.path(), {.segment_bytes = segment_bytes, .prepared_segments = 8});
  REQUIRE(log.has_value());
  const auto view = varve::log_view::open(dir.path());
  REQUIRE(view.has_value());
  stress everybody{*log, *view, seconds};
  const auto of_each = everybody.run();
  CHECK(everybody.complaints_text() == "");
  CHECK(check_whole_log(*log, shape, of_each) == "");
  const auto figures = log->stats();
  std::printf(
      "stress, segments of %llu KiB: %llu records appended, %llu read meanwhile, %llu rolls, %llu waits, %llu syncs\n",
      static_cast<unsigned long long>(segment_bytes >> 10), static_cast<unsigned long long>(figures.claimed.value),
      static_cast<unsigned long long>(everybody.records_read()), static_cast<unsigned long long>(figures.rolls),
      static_cast<unsigned long long>(figures.waits), static_cast<unsigned long long>(figures.syncs));
  REQUIRE(log->close().has_value());
  const auto again = varve::log::open(dir.path());
  REQUIRE(again.has_value());
  CHECK(again->recovery().clean);
  CHECK(check_whole_log(*again, shape, of_each) == "");
  const auto report = varve::verify(dir.path());
  REQUIRE(report.has_value());
  CHECK(report->findings.empty());
}

}  // namespace

TEST_CASE("readers see each writer's records complete, in order and batches whole, while segments of 64 KiB roll",
          "[stress][G1][G3][G4]") {
  run(std::uint64_t{64} << 10, 4);
}

TEST_CASE("readers see each writer's records complete, in order and batches whole, with segments of 1 MiB",
          "[stress][G1][G3][G4]") {
  run(std::uint64_t{1} << 20, 4);
}
