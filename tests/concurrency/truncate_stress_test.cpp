// SPDX-License-Identifier: MIT
//
// Writers, somebody who truncates and resets the log under them, and readers of all kinds, in the process and by a view.
// What each reader was given is judged at the end, when it is known which append got which sequence, beside which cuts.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <varve/varve.hpp>

#include "concurrency/workload.hpp"
#include "crash/cycle_ledger.hpp"
#include "support/catch.hpp"
#include "support/fast_dir.hpp"
#include "support/shared_memory.hpp"

namespace {

using namespace varve::testing;
using varve::errc;
using varve::sequence;

/// A record that a reader was given, how many cuts had returned when it asked, and whether the record before it in the list
/// is the one that it was given before, with nothing said in between.
struct sighting {
  std::uint64_t sequence = 0, id = 0, cuts_done = 0;
  std::uint32_t epoch = 0;
  bool follows = false;
};

class truncate_stress {
 public:
  truncate_stress(varve::log& log, const varve::log_view& view, double seconds) : log_(log), view_(view), clock_(seconds) {}

  void run() {
    std::vector<std::thread> appending, others;
    for (std::uint64_t w = 0; w < 3; ++w) appending.emplace_back([this, w] { append(w); });
    std::vector<std::vector<sighting>> seen(6);
    others.emplace_back([this] { cut(); });
    others.emplace_back([&] { follow(log_.reader(), "in the process", true, seen[0]); });
    others.emplace_back([&] { follow(view_.reader(), "by a view", false, seen[1]); });
    others.emplace_back([&] { read_by_number(log_, 7, seen[2]); });
    others.emplace_back([&] { read_by_number(view_, 8, seen[3]); });
    others.emplace_back([&] { read_all_there_is(log_, seen[4]); });
    others.emplace_back([&] { read_all_there_is(view_, seen[5]); });
    for (auto& t : appending) t.join();
    done_ = true;
    for (auto& t : others) t.join();
    for (const auto& s : seen) {
      complaints_.add_unless_empty(judge(s));
      read += s.size();
    }
  }
  [[nodiscard]] std::string complaints_text() const { return complaints_.text(); }
  [[nodiscard]] std::uint64_t cuts() const noexcept { return ledger_->moves_done; }
  std::atomic<std::uint64_t> read = 0, told = 0;

 private:
  static constexpr std::size_t sightings_max = 400'000;
  using append_state = cycle_ledger::append_state;

  // ---- Who changes the log.

  void append(std::uint64_t writer) {
    dice d{mixed(writer)};
    while (!clock_.is_over()) {
      const std::uint64_t count = d.one_in(12) ? d.between(2, 20) : 1, id = ledger_->records.fetch_add(count);
      if (id + count > cycle_ledger::records_max) return;
      std::vector<std::vector<std::byte>> payloads;
      const auto before = static_cast<std::uint32_t>(ledger_->moves_done.load());
      for (std::uint64_t i = id; i < id + count; ++i) {
        payloads.push_back(payload_of(author_of(i), size_of(i)));
        ledger_->entries[i].moves_before = before;
        ledger_->entries[i].state = append_state::started;
      }
      varve::result<sequence> first = sequence{};
      if (count == 1) {
        first = log_.append(payloads.front());
      } else {
        const std::vector<std::span<const std::byte>> all(payloads.begin(), payloads.end());
        const auto range = log_.append_batch(all);
        first = range ? varve::result<sequence>{range->first} : std::unexpected(range.error());
      }
      if (!first) return complaints_.add("append: " + first.error().message());
      const auto after = static_cast<std::uint32_t>(ledger_->moves_begun.load());
      for (std::uint64_t i = 0; i < count; ++i) {
        ledger_->entries[id + i].sequence = first->value + i;
        ledger_->entries[id + i].moves_after = after;
        ledger_->entries[id + i].state = append_state::returned;
      }
    }
  }

  void cut() {
    dice d{3};
    while (!done_ && ledger_->moves_begun < cycle_ledger::moves_max) {
      const std::uint64_t first = log_.first_sequence().value, end = log_.published_sequence().value + 1;
      const bool resets = d.one_in(40);
      const std::uint64_t length = end - first;
      const std::uint64_t next = resets ? end + d.below(100)
                                        : end - std::min(length, d.one_in(30)  ? length
                                                                 : d.one_in(3) ? d.below(4)
                                                                               : d.below(300));
      auto& m = ledger_->moves[ledger_->moves_begun.load()];
      m.next = resets ? 0 : next;  // from where on nothing is what it was
      ++ledger_->moves_begun;
      const auto done = resets ? log_.reset({next}) : log_.truncate_after({next - 1});
      if (!done) return complaints_.add("cut: " + done.error().message());
      ++ledger_->moves_done;
      std::this_thread::sleep_for(std::chrono::microseconds{d.below(3'000)});
    }
  }

  // ---- Who reads it.

  static bool went(const varve::error& e) noexcept { return e.code() == errc::trimmed || e.code() == errc::truncated; }
  [[nodiscard]] bool goes_on(const std::vector<sighting>& seen) const noexcept {
    return !done_ && seen.size() < sightings_max;
  }

  template <class Record>
  bool note(const Record& r, std::uint64_t cuts_done, bool follows, std::vector<sighting>& seen) {
    sighting s{.sequence = r.sequence().value, .cuts_done = cuts_done, .epoch = r.epoch(), .follows = follows};
    if (!is_whole(r.payload(), s.id)) return complaints_.add("other bytes at " + std::to_string(s.sequence)), false;
    seen.push_back(s);
    return true;
  }

  void follow(varve::result<varve::reader> at, const std::string& how, bool knows_at_once, std::vector<sighting>& seen) {
    if (!at) return complaints_.add(how + ": " + at.error().message());
    dice d{knows_at_once ? 1U : 2U};
    std::uint64_t moved_behind = 0;  // so many cuts had begun when it was moved
    for (bool follows = false; goes_on(seen);) {
      const auto there = at->wait(std::chrono::steady_clock::now() + std::chrono::milliseconds{20});
      if (there && !*there) continue;
      const std::uint64_t cuts_done = ledger_->moves_done, position = at->position().value;
      const auto r = there ? at->next() : std::unexpected(there.error());
      if (!r && went(r.error())) {
        ++told;
        if (r.error().code() == errc::truncated && knows_at_once && !was_cut_below(moved_behind, position))
          return complaints_.add(how + ": told of a cut, and none was before " + std::to_string(position));
        const auto again = at->next();
        if (again || !went(again.error())) return complaints_.add(how + ": told, and then no more");
        moved_behind = ledger_->moves_done;
        if (!move(*at, d, how)) return;
        follows = false;
        continue;
      }
      if (!r) return complaints_.add(how + ": " + r.error().message());
      if (!*r) continue;
      if (!note(**r, cuts_done, follows, seen)) return;
      follows = true;
      if (d.one_in(3'000)) std::this_thread::sleep_for(std::chrono::milliseconds{10});  // too slow at times
    }
  }

  bool move(varve::reader& at, dice& d, const std::string& how) {
    for (;;) {
      const std::uint64_t last = log_.published_sequence().value, back = d.below(200);
      const auto moved = at.seek(d.one_in(3) || last <= back ? sequence{} : sequence{last - back});
      if (moved) return true;
      const errc code = moved.error().code();
      if (!went(moved.error()) && code != errc::not_yet && code != errc::past_end)
        return complaints_.add(how + ", seek: " + moved.error().message()), false;
    }
  }

  template <class Log>
  void read_by_number(const Log& l, std::uint64_t seed, std::vector<sighting>& seen) {
    for (dice d{seed}; goes_on(seen);) {
      const std::uint64_t first = l.first_sequence().value, published = l.published_sequence().value;
      if (published < first) continue;
      const std::uint64_t cuts_done = ledger_->moves_done;
      const auto r = l.read({first + d.below(published - first + 1)});
      if (!r) {
        const errc code = r.error().code();
        if (code != errc::trimmed && code != errc::not_yet && code != errc::past_end)
          return complaints_.add("read: " + r.error().message());
      } else if (!note(*r, cuts_done, false, seen)) {
        return;
      }
    }
  }

  template <class Log>
  void read_all_there_is(const Log& l, std::vector<sighting>& seen) {
    while (goes_on(seen)) {
      bool follows = false;
      const std::uint64_t cuts_done = ledger_->moves_done;  // a range looks one record ahead
      for (const auto& r : l.records()) {
        if (!r && went(r.error())) break;
        if (!r) return complaints_.add("records: " + r.error().message());
        if (!note(*r, cuts_done, follows, seen)) return;
        follows = true;
      }
    }
  }

  // ---- The judge.

  /// Was the log cut at or before `sequence`, by one of these? Each has begun; whoever asks knows whether it was done.
  [[nodiscard]] bool was_cut(std::uint64_t from, std::uint64_t to, std::uint64_t sequence) const noexcept {
    for (std::uint64_t i = from; i < to; ++i)
      if (ledger_->moves[i].next <= sequence) return true;
    return false;
  }
  [[nodiscard]] bool was_cut_below(std::uint64_t from, std::uint64_t position) const noexcept {
    return was_cut(from, ledger_->moves_begun, position - 1);
  }

  [[nodiscard]] std::string judge(const std::vector<sighting>& seen) {
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const sighting& s = seen[i];
      const auto& e = ledger_->entries[s.id];
      const std::string text = "record " + std::to_string(s.id) + " at " + std::to_string(s.sequence);
      if (e.state != append_state::returned || e.sequence != s.sequence) return "nobody appended " + text;
      if (generations_.try_emplace({s.sequence, s.epoch}, s.id).first->second != s.id) return "two of one epoch: " + text;
      if (was_cut(e.moves_after, s.cuts_done, s.sequence)) return "it had been cut: " + text;
      if (!s.follows) continue;
      const sighting& before = seen[i - 1];
      if (s.sequence != before.sequence + 1 || s.epoch < before.epoch)
        return "behind " + std::to_string(before.sequence) + " came " + text;
      // Was the one before surely cut when this one was appended?
      if (was_cut(ledger_->entries[before.id].moves_after, e.moves_before, before.sequence))
        return "not told of a cut before it was given " + text;
    }
    return {};
  }

  varve::log& log_;
  const varve::log_view& view_;
  stress_clock clock_;
  complaints complaints_;
  shared_memory<cycle_ledger> ledger_;
  std::atomic<bool> done_ = false;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint64_t> generations_;  // which record stood there in this epoch
};

}  // namespace

TEST_CASE("while one truncates under the writers, readers get what was appended as that sequence, or are told that it went",
          "[stress][truncate][view][G3][G6]") {
  const fast_dir dir;
  auto log = varve::log::open(dir.path(), {.segment_bytes = 64 * 1024, .prepared_segments = 4, .spare_segments = 4});
  REQUIRE(log.has_value());
  const auto view = varve::log_view::open(dir.path());
  REQUIRE(view.has_value());
  truncate_stress everybody{*log, *view, 3};
  everybody.run();
  CHECK(everybody.complaints_text() == "");
  std::printf("truncate stress: %llu cuts, %llu records read beside them, readers told %llu times\n",
              static_cast<unsigned long long>(everybody.cuts()), static_cast<unsigned long long>(everybody.read),
              static_cast<unsigned long long>(everybody.told));
  CHECK(everybody.cuts() > 0);
  CHECK(everybody.read > 0);
  const auto last = log->published_sequence();
  REQUIRE(log->close().has_value());
  const auto again = varve::log::open(dir.path());
  REQUIRE(again.has_value());
  CHECK(again->published_sequence() == last);
  const auto report = varve::verify(dir.path());
  REQUIRE(report.has_value());
  CHECK(report->findings.empty());
}
