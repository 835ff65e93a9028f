// SPDX-License-Identifier: MIT
//
// kill_loop.hpp - life after life on one log: a child appends and is killed, and what it left is looked at from outside,
// recovered, recovered once more, and compared with what an oracle outside of the child knows.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include <varve/varve.hpp>

#include "crash/directory_picture.hpp"
#include "crash/follower.hpp"
#include "crash/judge.hpp"
#include "crash/kept_log.hpp"
#include "crash/life.hpp"
#include "crash/oracle.hpp"
#include "crash/writer_program.hpp"
#include "support/child_process.hpp"
#include "support/shared_memory.hpp"

namespace varve::testing {

/// Of a whole run, for people.
struct run_figures {
  std::uint64_t kills = 0, kills_of_recovery = 0, kills_of_four = 0;
  std::uint64_t behind_unfinished = 0,
                behind_unfinished_of_four = 0;  // kills with returned appends behind an unfinished claim
  std::uint64_t most_behind = 0, rolls = 0, stepped_over = 0, half_stamped_batches = 0, batches_absent = 0, records = 0;
  std::uint64_t clean_closes = 0, followed = 0, losses = 0;
  std::uint64_t trimmed = 0, recycled = 0, cut_short = 0, told_that_trimmed = 0;

  void print(const char* what, std::uint64_t seed) const {
    const auto n = [](std::uint64_t x) { return static_cast<unsigned long long>(x); };
    static_cast<void>(
        std::printf("kill loop, %s: seed %llu: %llu kills (and %llu of recoveries), %llu rolls, %llu claims stepped over; "
                    "%llu kills with "
                    "returned appends behind an unfinished claim (%llu of the %llu of 4 writers at work; at most %llu "
                    "behind one); batches dropped "
                    "whole: %llu, of which partly stamped: %llu; %llu clean closes; %llu records checked, "
                    "%llu of them as a follower saw them; losses: %llu\n",
                    what, n(seed), n(kills), n(kills_of_recovery), n(rolls), n(stepped_over), n(behind_unfinished),
                    n(behind_unfinished_of_four), n(kills_of_four), n(most_behind), n(batches_absent),
                    n(half_stamped_batches), n(clean_closes), n(records), n(followed), n(losses)));
    if (trimmed != 0)
      static_cast<void>(
          std::printf("  trims: %llu returned records dropped, %llu segments out of dropped files, %llu kills in the "
                      "middle of a trim, a follower told %llu times\n",
                      n(trimmed), n(recycled), n(cut_short), n(told_that_trimmed)));
    static_cast<void>(std::fflush(stdout));
  }
};

/// What the lives of a log are like.
enum class lives_of : std::uint8_t { large_segments, small_segments, trims };

class kill_loop {
 public:
  kill_loop(std::filesystem::path directory, std::uint64_t seed, lives_of kind, run_figures& figures)
      : directory_(std::move(directory)),
        dice_(seed),
        kind_(kind),
        tiny_(kind != lives_of::large_segments),
        figures_(figures),
        follower_(directory_) {}
  ~kill_loop() {
    figures_.followed += follower_.checked();
    figures_.told_that_trimmed += follower_.told_that_trimmed();
  }
  kill_loop(const kill_loop&) = delete;
  kill_loop& operator=(const kill_loop&) = delete;

  /// One more life. Returns a complaint; empty if everything is as promised.
  [[nodiscard]] std::string one_life() {
    const life l = kind_ == lives_of::trims ? choose_trimming_life(dice_, number_++) : choose_life(dice_, number_++, tiny_);
    const shared_memory<oracle> o;
    last_life_ = l.text();
    if (auto complaint = let_live(l, *o); !complaint.empty()) return complaint;
    kept_log now;
    recovery_report found;
    // Sometimes it has the time to see that the writer is dead.
    if (dice_.one_in(4)) std::this_thread::sleep_for(std::chrono::milliseconds{dice_.below(120)});
    follower_.stop();
    if (auto complaint = look(now, found); !complaint.empty()) return "looking on: " + complaint;
    if (auto complaint = follower_.check(now); !complaint.empty()) {
      ++figures_.losses;
      return complaint;
    }
    follower_.go_on();
    judge verdict{l, *o, kept_, now};
    if (auto complaint = verdict.find(); !complaint.empty()) {
      ++figures_.losses;
      return complaint;
    }
    if (auto complaint = check_report(found); !complaint.empty()) return "verify: " + complaint;
    count(l, *o, verdict.figures(), found);
    kept_ = std::move(now);
    return recover(found);
  }
  [[nodiscard]] const std::string& last_life() const noexcept { return last_life_; }

 private:
  std::string let_live(const life& l, oracle& o) {
    child_process child{[&] { return live(l, directory_, o); }};
    using namespace std::chrono_literals;
    // Looks often, so that the moment of the kill is chosen by us and not by when we are woken.
    const auto& begun = l.killed_while_opening ? o.is_opening : o.is_open;
    while (begun.load(std::memory_order_acquire) == 0 && !child.wait_for(20us)) {
    }
    child.wait_for(l.kill_after);
    child.end();
    if (o.has_complaint.load(std::memory_order_acquire) == 2) return std::string{"the child: "} + o.complaint;
    if (!child.was_killed()) return "the child ended by itself, status " + std::to_string(child.status());
    if (o.is_closed.load() != 0) ++figures_.clean_closes;
    return {};
  }

  /// Before recovery: what a view shows and verify() finds, and that neither changes a byte (G8).
  std::string look(kept_log& now, recovery_report& found) {
    const auto before = picture_of(directory_);
    {
      const auto view = log_view::open(directory_);
      if (!view) {
        // It died before the log was there.
        if (view.error().code() == errc::not_found && kept_.end == 1) return {};
        return view.error().message();
      }
      if (auto complaint = read_everything(*view, now); !complaint.empty()) return complaint;
      if (auto complaint = read_by_number(*view, now); !complaint.empty()) return complaint;
      const auto report = verify(directory_);
      if (!report) return "verify: " + report.error().message();
      found = *report;
      if (report->kept != now.end - now.first)
        return "verify() would keep " + std::to_string(report->kept) + ", a view shows " +
               std::to_string(now.end - now.first);
    }
    if (auto changed = difference(before, picture_of(directory_)); !changed.empty())
      return "G8: looking changed it: " + changed;
    return {};
  }

  /// Some by their number: those that are there, those that are abandoned, and the one that is not there yet.
  std::string read_by_number(const log_view& view, const kept_log& now) {
    if (now.records.empty()) return {};
    for (int i = 0; i < 8; ++i) {
      const auto at = dice_.below(now.records.size());
      const kept_record& expected = now.records[at];
      const auto r = view.read({expected.sequence});
      if (!r) return "read: " + r.error().message();
      if (core::sum_of_structure(r->payload()) != expected.hash)
        return "read gives another payload than iteration: " + text_of(expected);
      if (at > 0 && now.records[at - 1].sequence + 1 != expected.sequence) {
        const auto gap = view.read({expected.sequence - 1});
        if (gap || gap.error().code() != errc::abandoned) return "not abandoned: " + std::to_string(expected.sequence - 1);
      }
    }
    const auto beyond = view.read({now.end});
    if (beyond || beyond.error().code() != errc::not_yet) return "not not_yet: " + std::to_string(now.end);
    return {};
  }

  /// Nothing is cut when only the process died: all that it ever wrote is there.
  static std::string check_report(const recovery_report& r) {
    if (r.cut_records != 0 || r.cut_bytes != 0) return "records were cut: " + std::to_string(r.cut_records);
    for (const auto& f : r.findings)
      if (f.row != 'K' && f.row != 'M' && f.row != 'N')
        return std::string{"row "} + f.row + " in segment " + std::to_string(f.segment);
    return {};
  }

  /// Recovers it in children: sometimes one dies in the middle; then one opens, compares and dies at once; then another,
  /// which must find nothing left to do, and dies or closes.
  std::string recover(const recovery_report& found) {
    bool disturbed = false;
    if (dice_.one_in(3)) {
      const life dying = choose_dying_recovery(dice_);
      const shared_memory<oracle> o;
      child_process child{[&] { return open_and_compare(dying, *o, false); }};
      child.wait();
      ++figures_.kills_of_recovery;
      if (o->has_complaint.load() != 0) return std::string{"recovery that dies: "} + o->complaint;
      disturbed = true;
      kept_log again;
      recovery_report unused;
      follower_.stop();
      if (auto complaint = look(again, unused); !complaint.empty()) return "after a recovery that died: " + complaint;
      if (auto complaint = follower_.check(again); !complaint.empty()) return "after a recovery that died: " + complaint;
      follower_.go_on();
      if (auto complaint = check_same(kept_, again); !complaint.empty()) return "after a recovery that died: " + complaint;
    }
    if (dice_.one_in(4)) return {};  // the next life begins with the recovery
    for (int round = 0; round < 2; ++round) {
      const shared_memory<oracle> o;
      const bool closes = round == 1 && dice_.one_in(3);
      const life nobody;
      child_process child{[&] { return open_and_compare(nobody, *o, closes); }};
      child.wait();
      if (o->has_complaint.load() != 0) return std::string{"recovery: "} + o->complaint;
      if (closes ? !child.exited_with(0) : !child.was_killed()) return "recovery ended by itself";
      const std::uint64_t expected = round == 0 ? found.stepped_over : 0;
      const std::uint64_t stepped_over = o->recovered_stepped_over.load();
      if (!disturbed && stepped_over != expected)
        return "recovery stepped over " + std::to_string(stepped_over) + " claims, not " + std::to_string(expected);
      disturbed = false;
    }
    return {};
  }

  /// In a child: opens the log, and compares what it kept with what a view showed.
  int open_and_compare(const life& l, oracle& o, bool closes) const {
    deadly_point::install(l, o);
    auto opened = log::open(directory_, {.segment_bytes = segment_bytes_of(tiny_ ? build::tiny : build::usual)});
    kept_log recovered;
    std::string complaint = opened ? read_everything(*opened, recovered) : opened.error().message();
    if (complaint.empty()) complaint = check_same(kept_, recovered);
    if (complaint.empty()) complaint = check_report(opened->recovery());
    if (complaint.empty() && opened->durable_sequence().value != kept_.end - 1)
      complaint = "not all is durable after an open";
    if (complaint.empty()) o.recovered_stepped_over.store(opened->recovery().stepped_over);
    if (complaint.empty() && closes) {
      if (const auto done = opened->close(); !done) complaint = "close: " + done.error().message();
      if (complaint.empty()) return 0;
    }
    if (!complaint.empty()) o.complain("%s", complaint.c_str());
    die_here();
  }

  void count(const life& l, const oracle& o, const tally& t, const recovery_report& found) {
    ++figures_.kills;
    figures_.kills_of_four += l.writers == 4 && o.returned_in_all() != 0;
    figures_.behind_unfinished += t.returned_behind != 0;
    figures_.behind_unfinished_of_four += t.returned_behind != 0 && l.writers == 4;
    figures_.most_behind = std::max(figures_.most_behind, t.returned_behind);
    figures_.rolls += o.rolls.load();
    figures_.trimmed += t.trimmed;
    figures_.recycled += o.recycled.load();
    figures_.cut_short += o.trim_target.load() != o.trimmed.load();
    figures_.stepped_over += t.missing;
    figures_.batches_absent += t.batches_absent;
    figures_.records += t.records;
    // Each run of stamped frames without the head of their batch is one batch.
    std::uint64_t next = 0;
    for (const auto& f : found.findings) {
      if (f.row == 'K' && f.sequences.first.value != next) ++figures_.half_stamped_batches;
      if (f.row == 'K') next = f.sequences.end.value;
    }
  }

  std::filesystem::path directory_;
  dice dice_;
  lives_of kind_;
  bool tiny_;
  run_figures& figures_;
  std::uint32_t number_ = 0;
  std::string last_life_;
  kept_log kept_;  // of all lives so far
  follower follower_;
};

}  // namespace varve::testing
