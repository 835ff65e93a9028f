// SPDX-License-Identifier: MIT
//
// The kill loop over everything that moves the ends of a log: trims, truncations, resets, recycling, retention, a cap,
// checkpoints, an archive, records larger than a segment, with a follower in another process. VARVE_SEED chooses the lives,
// VARVE_KILLS how many.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include <varve/varve.hpp>

#include "crash/cycle_follower.hpp"
#include "crash/cycle_judge.hpp"
#include "crash/cycle_ledger.hpp"
#include "crash/cycle_writer.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/dice.hpp"
#include "support/shared_memory.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

/// A third dies in the middle of a move, a third somewhere else that is named, the others at any moment.
life choose_cycle_life(dice& d, std::uint32_t number) {
  static constexpr const char* of_moves[] = {"truncate.held",         "truncate.before_state", "truncate.decided",
                                             "truncate.before_clear", "trim.before_state",     "trim.before_drop"};
  static constexpr const char* of_others[] = {"state.before_store",      "state.before_sync",    "repair.before_sync",
                                              "repair.before_remove",    "seal.before_store",    "roll.begun",
                                              "roll.activated",          "roll.ended",           "recycle.before_erase",
                                              "recycle.before_sync",     "recycle.renamed",      "prepare.before_sync",
                                              "archive.before_hook",     "archive.before_state", "checkpoint.before_save",
                                              "checkpoint.before_state", "publish.before_stamp", "publish.between_stamps"};
  life l{.number = number, .seed = d.next(), .build = build::tiny};
  l.writers = static_cast<std::uint32_t>(d.between(1, 4));
  l.kill_after = std::chrono::microseconds{d.between(500, 60'000)};
  const auto kind = d.below(3);
  if (kind != 0) {
    l.point = kind == 1 ? d.pick(of_moves) : d.pick(of_others);
    l.hit = static_cast<std::uint32_t>(d.between(1, kind == 1 ? 12 : 30));
    l.at_point = d.pick({at_point::die, at_point::linger, at_point::stall});
    // While it opens it ends what another truncation has left.
    l.armed_from_the_start = l.at_point == at_point::die && d.one_in(4);
    if (l.armed_from_the_start) l.hit = 1;
    l.kill_after += std::chrono::milliseconds{30};
  }
  l.closes = d.one_in(8);
  return l;
}

class cycle_loop {
 public:
  cycle_loop(fs::path directory, std::uint64_t seed)
      : directory_(std::move(directory)), dice_(seed), follower_(directory_, *ledger_) {}

  /// One more life. Returns a complaint; empty if everything is as promised.
  [[nodiscard]] std::string one_life() {
    const life l = choose_cycle_life(dice_, number_++);
    last_life_ = l.text();
    const std::uint64_t moves = ledger_->moves_begun.load(), records = ledger_->records.load();
    if (auto complaint = let_live(l); !complaint.empty()) return complaint;
    follower_.stop();
    if (auto complaint = follower_.complaint(); !complaint.empty()) return complaint;
    cycle_picture now;
    const auto view = log_view::open(directory_);
    if (!view && view.error().code() == errc::not_found && before_.end == 1) return follower_.go_on(), std::string{};
    if (!view) return "a view: " + view.error().message();
    if (auto complaint = now.take(*view); !complaint.empty()) return "a view: " + complaint;
    cycle_judge judge{*ledger_, before_, moves, records, now, follower_.take()};
    if (auto complaint = judge.find(); !complaint.empty()) return complaint;
    follower_.go_on();
    settle(judge.last_move_counted());
    checked += judge.checked();
    before_ = std::move(now);
    return dice_.one_in(3) ? std::string{} : open_and_compare();
  }
  void print(std::uint64_t seed, std::uint64_t losses) const {
    const auto n = [](std::uint64_t x) { return static_cast<unsigned long long>(x); };
    std::uint64_t trims = 0, truncations = 0, resets = 0;
    for (std::uint64_t i = 0; i < ledger_->moves_begun.load(); ++i) {
      using enum cycle_ledger::move_kind;
      if (ledger_->moves[i].state.load() != cycle_ledger::move_state::done) continue;
      const auto kind = ledger_->moves[i].kind.load();
      ++(kind == trim ? trims : kind == truncation ? truncations : resets);
    }
    static_cast<void>(std::printf(
        "kill loop, everything: seed %llu: %llu kills, %llu in the middle of a move (%llu of these were carried out); %llu "
        "records checked, losses and resurrections: %llu; %llu truncations, %llu resets, %llu trims, %llu segments out of "
        "dropped files, %llu checkpoints, %llu archived, %llu records larger than a segment; a follower saw %llu, was told "
        "truncated %llu times, trimmed %llu times\n",
        n(seed), n(number_), n(cut_short), n(carried_out), n(checked), n(losses), n(truncations), n(resets), n(trims),
        n(recycled), n(ledger_->checkpoints.load()), n(ledger_->copies.load()), n(ledger_->large.load()),
        n(follower_.seen()), n(follower_.told_that_truncated()), n(follower_.told_that_trimmed())));
    static_cast<void>(std::fflush(stdout));
  }
  [[nodiscard]] const std::string& last_life() const noexcept { return last_life_; }
  [[nodiscard]] const cycle_ledger& ledger() const noexcept { return *ledger_; }
  [[nodiscard]] const cycle_follower& follower() const noexcept { return follower_; }
  std::uint64_t checked = 0, cut_short = 0, carried_out = 0, recycled = 0;

 private:
  std::string let_live(const life& l) {
    const shared_memory<oracle> points;
    ledger_->is_open.store(0);
    child_process child{[&] { return cycle_writer{l, *ledger_}.live(directory_, *points); }};
    using namespace std::chrono_literals;
    while (ledger_->is_open.load(std::memory_order_acquire) == 0 && !child.wait_for(20us)) {
    }
    child.wait_for(l.kill_after);
    child.end();
    recycled += points->recycled.load();
    if (ledger_->has_complaint.load(std::memory_order_acquire) == 2) return std::string{"the child: "} + ledger_->complaint;
    return child.was_killed() ? std::string{} : "the child ended by itself, status " + std::to_string(child.status());
  }

  /// What a move was that was cut short is known now; a view learns of it from the next writer.
  void settle(bool counted) {
    using enum cycle_ledger::move_state;
    const std::uint64_t moves = ledger_->moves_begun.load();
    if (moves == 0 || ledger_->moves[moves - 1].state.load() != begun) return;
    ++cut_short;
    carried_out += counted ? 1U : 0U;
    ledger_->moves[moves - 1].state.store(counted ? done : refused);
  }

  /// Recovery keeps what a view showed, and replays what was not checkpointed.
  std::string open_and_compare() {
    std::uint64_t replayed = 0;
    log_options o;
    o.on_recovery.record = [&](const record& r) {
      if (r.sequence().value > before_.checkpointed) ++replayed;
      return r.sequence().value > before_.checkpointed;
    };
    auto l = log::open(directory_, o);
    if (!l) return "recovery: " + l.error().message();
    cycle_picture again{.first = l->first_sequence().value, .end = l->published_sequence().value + 1};
    if (auto complaint = again.read(*l); !complaint.empty()) return "recovery: " + complaint;
    if (again.first != before_.first || again.end != before_.end || again.records != before_.records)
      return "G8: a view showed " + std::to_string(before_.records.size()) + " records from " +
             std::to_string(before_.first) + " before " + std::to_string(before_.end) + ", recovery kept " +
             std::to_string(again.records.size()) + " from " + std::to_string(again.first) + " before " +
             std::to_string(again.end);
    const auto from = std::ranges::upper_bound(before_.records, before_.checkpointed, {}, &cycle_picture::kept::sequence);
    if (replayed != 0 && replayed != static_cast<std::uint64_t>(before_.records.end() - from))
      return "recovery replayed " + std::to_string(replayed) + " records";
    if (const auto done = l->close(); !done) return "close: " + done.error().message();
    const auto report = verify(directory_);
    if (!report) return "verify: " + report.error().message();
    if (!report->findings.empty()) return std::string{"verify: row "} + report->findings.front().row;
    return {};
  }

  fs::path directory_;
  dice dice_;
  shared_memory<cycle_ledger> ledger_;
  cycle_follower follower_;
  cycle_picture before_;
  std::uint32_t number_ = 0;
  std::string last_life_;
};

}  // namespace

TEST_CASE("whatever moves the ends of a log, and whenever its writer is killed, nothing is lost and nothing comes back",
          "[crash][kill_loop][cycle][trim][truncate][checkpoint][archive][G1][G3][G4][G6][G8][slow]") {
  const std::uint64_t seed = seed_of_this_run(), kills = number_from_environment("VARVE_KILLS", 40);
  const temp_dir dir;
  cycle_loop loop{dir.path() / "log", seed};
  for (std::uint64_t i = 0; i < kills; ++i) {
    const std::string complaint = loop.one_life();
    if (complaint.empty()) continue;
    loop.print(seed, 1);
    FAIL("seed " << seed << ", after " << i << " kills, " << loop.last_life() << ": " << complaint);
  }
  loop.print(seed, 0);
  CHECK(loop.checked > kills);
  CHECK(loop.ledger().checkpoints.load() > 0);
  CHECK(loop.ledger().copies.load() > 0);
  CHECK(loop.follower().told_that_truncated() > 0);
}

}  // namespace varve::testing
