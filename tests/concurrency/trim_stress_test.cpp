// SPDX-License-Identifier: MIT
//
// Writers, somebody who trims behind them, and readers of all kinds, over files that are used again and again.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
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

constexpr std::uint32_t writers = 3;
constexpr workload shape{.size_usual = 300, .size_max = 20'000, .size_large_min = 1'000, .large_every = 50, .batches = true};

class trim_stress {
 public:
  trim_stress(varve::log& log, const varve::log_view& view, double seconds) : log_(log), view_(view), clock_(seconds) {}

  void run() {
    std::vector<writer_of> all;
    for (std::uint32_t w = 0; w < writers; ++w) all.emplace_back(shape, w);
    std::vector<std::thread> appending, others;
    for (auto& w : all) appending.emplace_back([&] { append(w); });
    others.emplace_back([&] { trim(); });
    others.emplace_back([&] { follow(log_.reader(), "in the process"); });
    others.emplace_back([&] { follow(view_.reader(), "by a view"); });
    others.emplace_back([&] { read_all_there_is(log_); });
    others.emplace_back([&] { read_by_number(log_, 7); });
    others.emplace_back([&] { read_by_number(view_, 8); });
    others.emplace_back([&] { ask(); });
    for (auto& t : appending) t.join();
    done_ = true;
    for (auto& t : others) t.join();
  }
  [[nodiscard]] std::string complaints_text() const { return complaints_.text(); }
  [[nodiscard]] std::uint64_t records_read() const noexcept { return read_; }
  [[nodiscard]] std::uint64_t times_trimmed() const noexcept { return trimmed_; }

 private:
  static constexpr std::uint64_t window = 3'000;

  void append(writer_of& w) {
    while (!clock_.is_over()) {
      const auto s = w.append_next(log_);
      if (!s) return complaints_.add("append: " + s.error().message());
    }
  }

  void trim() {
    dice d{3};
    while (!done_) {
      const std::uint64_t end = log_.published_sequence().value + 1, keep = d.one_in(10) ? 0 : d.below(window);
      const varve::sequence before = log_.first_sequence(), target{end > keep ? end - keep : 1};
      const auto done = log_.trim_before(target);
      if (!done) return complaints_.add("trim: " + done.error().message());
      const auto first = log_.first_sequence();
      if (first != std::max(before, target)) return complaints_.add("trimmed to elsewhere");
      if (log_.durable_sequence() + 1 < first) return complaints_.add("G2: what was trimmed was not durable");
      if (first.value > 1) {
        const auto gone = log_.read({first.value - 1});
        if (gone || gone.error().code() != varve::errc::trimmed) return complaints_.add("what was trimmed is there");
      }
      ++trimmed_;
      std::this_thread::sleep_for(std::chrono::milliseconds{d.below(4)});
    }
  }

  static bool is_trimmed(const varve::error& e) noexcept { return e.code() == varve::errc::trimmed; }

  /// In order and without a gap, until it is told that it is too late; then it begins anew. Some records it keeps for long.
  void follow(varve::result<varve::reader> reader, const std::string& how) {
    if (!reader) return complaints_.add(how + ": " + reader.error().message());
    dice d{reader->position().value};
    order_check order{shape, writers, false};
    std::deque<varve::pinned_record> kept;
    std::uint64_t since_begun = 0;
    while (!done_) {
      const auto there = reader->wait(std::chrono::steady_clock::now() + std::chrono::milliseconds{50});
      if (there && !*there) continue;
      const auto r = there ? reader->next() : std::unexpected(there.error());
      if (!r && is_trimmed(r.error())) {
        read_ += order.seen();
        order = order_check{shape, writers, false};
        since_begun = 0;
        auto moved = reader->seek({});
        while (!moved && is_trimmed(moved.error())) moved = reader->seek({});
        if (!moved) return complaints_.add(how + ", seek: " + moved.error().message());
        continue;
      }
      if (!r) return complaints_.add(how + ": " + r.error().message());
      if (!*r) continue;
      if (auto what = order.see(**r); !what.empty()) return complaints_.add(how + ": " + what);
      if (++since_begun % 256 == 0) kept.push_back((*r)->pin());
      if (kept.size() > 4) {
        if (!is_its_own(kept.front())) return complaints_.add(how + ": a record that was held has changed");
        kept.pop_front();
      }
      // Sometimes it is too slow.
      if (d.one_in(2'000)) std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    for (const auto& r : kept)
      if (!is_its_own(r)) return complaints_.add(how + ": a record that was held has changed");
    read_ += order.seen();
  }

  /// With ranges, which begin wherever the log does then.
  void read_all_there_is(const varve::log& l) {
    while (!done_) {
      order_check order{shape, writers, false};
      for (const auto& r : l.records()) {
        if (!r && is_trimmed(r.error())) break;
        if (!r) return complaints_.add("records: " + r.error().message());
        if (auto what = order.see(*r); !what.empty()) return complaints_.add("records: " + what);
      }
      read_ += order.seen();
    }
  }

  template <class Record>
  static bool is_its_own(const Record& r) {
    const auto author = claimed_author(r.payload());
    return r.type() < writers &&
           (r.payload().size() < 8 || (author.writer == r.type() && is_payload_of(author, r.payload())));
  }

  template <class Log>
  void read_by_number(const Log& l, std::uint64_t seed) {
    dice d{seed};
    while (!done_) {
      const std::uint64_t first = l.first_sequence().value, published = l.published_sequence().value;
      if (published + 1 < first) return complaints_.add("I1: the log ends before it begins");
      if (published < first) continue;
      const varve::sequence at{first + d.below(published - first + 1)};
      const auto r = l.read(at);
      if (!r && is_trimmed(r.error())) {
        if (l.first_sequence() <= at) return complaints_.add("read says trimmed of what was not");
        continue;
      }
      if (!r) return complaints_.add("read: " + r.error().message());
      if (r->sequence() != at || !is_its_own(*r)) return complaints_.add("read: other bytes");
      ++read_;
    }
  }

  void ask() {
    varve::statistics before;
    while (!done_) {
      const auto now = log_.stats();
      if (now.at.first < before.at.first || now.recycled < before.recycled) return complaints_.add("a figure went back");
      if (now.at.first > log_.published_sequence() + 1) return complaints_.add("I1: the log ends before it begins");
      const auto seen = view_.stats();
      if (!seen) return complaints_.add("view: " + seen.error().message());
      before = now;
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }

  varve::log& log_;
  const varve::log_view& view_;
  stress_clock clock_;
  complaints complaints_;
  std::atomic<bool> done_ = false;
  std::atomic<std::uint64_t> read_ = 0, trimmed_ = 0;
};

struct holdings {
  std::uint64_t descriptors = 0, mappings = 0;
};

/// What this process holds of the files of a log, those that were removed included.
holdings holdings_of(const std::filesystem::path& directory) {
  holdings found;
  std::error_code gone;  // the descriptor of the iteration itself, for one
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"})
    if (std::filesystem::read_symlink(entry.path(), gone).string().starts_with(directory.string())) ++found.descriptors;
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);)
    if (line.contains(directory.string())) ++found.mappings;
  return found;
}

}  // namespace

TEST_CASE("while one trims behind the writers, readers see what was appended, or that it was trimmed",
          "[stress][trim][G2][G3][G4][G6]") {
  const temp_dir dir;
  auto log = varve::log::open(dir.path(), {.segment_bytes = 64 * 1024, .prepared_segments = 4, .spare_segments = 4});
  REQUIRE(log.has_value());
  const auto view = varve::log_view::open(dir.path());
  REQUIRE(view.has_value());
  trim_stress everybody{*log, *view, 4};
  everybody.run();
  CHECK(everybody.complaints_text() == "");
  const auto figures = log->stats();
  std::printf(
      "trim stress: %llu records appended, %llu read meanwhile, %llu trims, %llu rolls, %llu of %llu segments recycled\n",
      static_cast<unsigned long long>(figures.claimed.value), static_cast<unsigned long long>(everybody.records_read()),
      static_cast<unsigned long long>(everybody.times_trimmed()), static_cast<unsigned long long>(figures.rolls),
      static_cast<unsigned long long>(figures.recycled), static_cast<unsigned long long>(figures.rolls));
  CHECK(everybody.times_trimmed() > 0);
  CHECK(everybody.records_read() > 0);
  const auto first = log->first_sequence();
  REQUIRE(log->close().has_value());
  const auto again = varve::log::open(dir.path());
  REQUIRE(again.has_value());
  CHECK(again->recovery().clean);
  CHECK(again->first_sequence() == first);
  order_check order{shape, writers, false};
  for (const auto& r : again->records()) {
    REQUIRE(r.has_value());
    REQUIRE(order.see(*r) == "");
  }
  CHECK(order.at_end() == "");
  const auto report = varve::verify(dir.path());
  REQUIRE(report.has_value());
  CHECK(report->findings.empty());
}

TEST_CASE("however long a log is appended to and trimmed, neither it nor its views hold more and more",
          "[stress][trim][view][G7]") {
  const temp_dir dir;
  auto log = varve::log::open(dir.path(), {.segment_bytes = 64 * 1024, .spare_segments = 4});
  REQUIRE(log.has_value());
  const auto follows = varve::log_view::open(dir.path());
  REQUIRE(follows.has_value());
  auto reader = follows->reader();
  REQUIRE(reader.has_value());
  const auto looks_seldom = varve::log_view::open(dir.path());
  REQUIRE(looks_seldom.has_value());
  const std::string large(4'000, 'x');
  holdings most;
  std::uint64_t files_most = 0;
  for (int lap = 0; lap < 150; ++lap) {
    for (int i = 0; i < 48; ++i)
      REQUIRE(log->append(large + std::to_string(log->published_sequence().value + 1)));  // three segments
    for (;;) {
      const auto r = reader->next();
      REQUIRE(r.has_value());
      if (!*r) break;
      REQUIRE((*r)->text() == large + std::to_string((*r)->sequence().value));
    }
    // A view that is slow must not hold for ever what it once read.
    if (lap % 10 == 0) {
      std::uint64_t next = looks_seldom->first_sequence().value;
      for (; next <= looks_seldom->published_sequence().value; ++next)
        REQUIRE(looks_seldom->read({next})->text() == large + std::to_string(next));
    }
    REQUIRE(log->trim_before({log->published_sequence().value - 40}).has_value());
    const auto now = holdings_of(dir.path());
    most = {std::max(most.descriptors, now.descriptors), std::max(most.mappings, now.mappings)};
    const auto files = std::filesystem::directory_iterator{dir.path()};
    files_most = std::max(files_most, static_cast<std::uint64_t>(std::distance(begin(files), end(files))));
  }
  INFO(most.descriptors << " descriptors, " << most.mappings << " mappings, " << files_most << " files");
  CHECK(most.descriptors < 120);
  CHECK(most.mappings < 120);
  CHECK(files_most < 80);
  CHECK(log->stats().rolls > 400);
  REQUIRE(log->trim_before(log->published_sequence() + 1).has_value());
  CHECK(follows->first_sequence() == log->first_sequence());
  CHECK(looks_seldom->first_sequence() == log->first_sequence());
  REQUIRE(log->close().has_value());
}
