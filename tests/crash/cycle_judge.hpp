// SPDX-License-Identifier: MIT
//
// cycle_judge.hpp - compares what a log kept of a life whose ends moved with what the ledger knows, and with what followers
// saw of it.
//
// A move that a kill cut short was carried out whole, or not at all: the judge tries both, and one of them must fit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <varve/varve.hpp>

#include "crash/cycle_follower.hpp"
#include "crash/cycle_ledger.hpp"

namespace varve::testing {

/// What a view of a log without a writer shows.
struct cycle_picture {
  struct kept {
    std::uint64_t sequence = 0, id = 0;
    std::uint32_t epoch = 0;
    bool operator==(const kept&) const = default;
  };
  std::uint64_t first = 1, end = 1, checkpointed = 0, archived = 0;
  std::uint64_t base = 1;  // first sequence of the oldest segment that is there
  std::vector<kept> records{};

  /// A complaint; empty if there is none.
  [[nodiscard]] std::string take(const log_view& view) {
    const auto d = view.describe();
    if (!d) return "describe: " + d.error().message();
    first = d->at.first.value;
    end = d->at.published.value + 1;
    checkpointed = d->checkpointed.value;
    archived = d->archived.value;
    if (first > end) return "the log ends before it begins";
    const auto segments = view.segments();
    if (!segments) return "segments: " + segments.error().message();
    base = end;
    for (const auto& s : *segments)
      if (s.state == segment_description::state::active || s.state == segment_description::state::ended ||
          s.state == segment_description::state::sealed)
        base = std::min(base, s.sequences.first.value);
    return read(view);
  }
  template <class Log>
  [[nodiscard]] std::string read(const Log& log) {
    for (const auto& r : log.records()) {
      if (!r) return "reading: " + r.error().message();
      kept k{.sequence = r->sequence().value, .epoch = r->epoch()};
      if (!is_whole(r->payload(), k.id)) return "other bytes at " + std::to_string(k.sequence);
      if (!records.empty() && records.back().sequence >= k.sequence) return "sequences do not grow";
      records.push_back(k);
    }
    if (!records.empty() && (records.front().sequence < first || records.back().sequence >= end))
      return "a record beyond an end";
    return {};
  }
};

[[nodiscard]] inline std::string text_of(const cycle_picture::kept& k) {
  return "record " + std::to_string(k.id) + " at " + std::to_string(k.sequence) + " of epoch " + std::to_string(k.epoch);
}

class cycle_judge {
 public:
  /// `moves`, `records`: how many there were when the life began, which found `before`.
  cycle_judge(const cycle_ledger& l, const cycle_picture& before, std::uint64_t moves, std::uint64_t records,
              const cycle_picture& now, std::span<const sighting> seen) noexcept
      : ledger_(l), before_(before), first_move_(moves), first_record_(records), now_(now), seen_(seen) {}

  /// A complaint; empty if all is as promised.
  [[nodiscard]] std::string find() {
    const std::uint64_t moves = ledger_.moves_begun.load();
    const bool cut_short = moves > first_move_ && ledger_.moves[moves - 1].state.load() == cycle_ledger::move_state::begun;
    for (std::uint64_t i = 0; i < now_.records.size(); ++i)
      if (!place_.emplace(now_.records[i].id, i).second) return "there twice: " + text_of(now_.records[i]);
    const std::string without = check(moves, false);
    if (!cut_short || without.empty()) return without;
    const std::string with = check(moves, true);
    return with.empty() ? with : "as if the last move had not been: " + without + "; as if it had: " + with;
  }
  /// Of what find() accepted.
  [[nodiscard]] std::uint64_t checked() const noexcept { return checked_; }
  [[nodiscard]] bool last_move_counted() const noexcept { return last_counts_; }

 private:
  using append_state = cycle_ledger::append_state;
  using move_kind = cycle_ledger::move_kind;
  using move_state = cycle_ledger::move_state;
  static constexpr std::uint64_t nowhere = ~std::uint64_t{0};

  std::string check(std::uint64_t moves, bool last_counts) {
    last_counts_ = last_counts;
    checked_ = 0;
    fold_moves(moves);
    if (auto complaint = check_first(); !complaint.empty()) return complaint;
    if (auto complaint = check_authors(); !complaint.empty()) return complaint;
    if (auto complaint = check_earlier(); !complaint.empty()) return complaint;
    for (std::uint64_t id = first_record_; id < ledger_.records.load(); ++id)
      if (auto complaint = check_record(id); !complaint.empty()) return complaint;
    if (auto complaint = check_saved(); !complaint.empty()) return complaint;
    return check_seen();
  }

  [[nodiscard]] bool counts(std::uint64_t move) const noexcept {
    const auto state = ledger_.moves[move].state.load();
    const bool is_last = move + 1 == first_move_ + lowest_.size() - 1;
    return state == move_state::done || (state == move_state::begun && is_last && last_counts_);
  }

  /// `lowest_[i]`: where the log was cut by the moves of this life from i on; nowhere if it was not. And where it begins.
  void fold_moves(std::uint64_t moves) {
    lowest_.assign(moves - first_move_ + 1, nowhere);
    first_least_ = before_.first;
    for (std::uint64_t i = first_move_; i < moves; ++i) {
      if (!counts(i)) continue;
      const auto& m = ledger_.moves[i];
      const std::uint64_t next = m.next.load();
      if (m.kind.load() == move_kind::trim) first_least_ = std::max(first_least_, next);
      if (m.kind.load() == move_kind::reset) first_least_ = next;
    }
    for (std::uint64_t i = moves; i-- > first_move_;) {
      const auto& m = ledger_.moves[i];
      std::uint64_t& lowest = lowest_[i - first_move_] = lowest_[i - first_move_ + 1];
      if (!counts(i) || m.kind.load() == move_kind::trim) continue;
      lowest = std::min(lowest, m.kind.load() == move_kind::reset ? 0 : m.next.load());
    }
  }
  /// Since so many moves were done, or begun.
  [[nodiscard]] bool was_cut_since(std::uint64_t moves, std::uint64_t sequence) const noexcept {
    return lowest_[std::max(moves, first_move_) - first_move_] <= sequence;
  }

  /// A cut that left nothing takes along what was trimmed before, in the segment that it cut.
  [[nodiscard]] bool may_go_unasked(std::uint64_t moves) const noexcept { return was_cut_since(moves, now_.first); }

  /// Trims and resets are exact; beyond that retention has dropped what was checkpointed, and a trim without room some.
  std::string check_first() const {
    std::uint64_t most = std::max(first_least_, now_.checkpointed + 1);
    for (std::uint64_t i = first_move_; i < first_move_ + lowest_.size() - 1; ++i)
      if (ledger_.moves[i].state.load() == move_state::begun) most = std::max(most, ledger_.moves[i].next.load());
    if (now_.first >= first_least_ && now_.first <= most) return {};
    return "the log begins with " + std::to_string(now_.first) + ", not with " + std::to_string(first_least_) + " to " +
           std::to_string(most);
  }

  /// Nothing is there that nobody appended there.
  std::string check_authors() const {
    for (const auto& k : now_.records) {
      const auto& e = ledger_.entries[k.id];
      const auto state = e.state.load();
      if (state == append_state::returned && e.sequence.load() != k.sequence)
        return "returned elsewhere, at " + std::to_string(e.sequence.load()) + ": " + text_of(k);
      if (state == append_state::none || state == append_state::refused) return "nobody appended " + text_of(k);
      if (k.id >= first_record_) continue;
      const auto same = std::ranges::lower_bound(before_.records, k.sequence, {}, &cycle_picture::kept::sequence);
      if (same == before_.records.end() || *same != k) return "G6: came back: " + text_of(k);
    }
    return {};
  }

  /// What earlier lives left.
  std::string check_earlier() {
    for (const auto& k : before_.records) {
      const bool is_there = place_.contains(k.id);
      if (was_cut_since(first_move_, k.sequence)) {
        if (is_there) return "G6: was cut, and is there: " + text_of(k);
      } else if (k.sequence >= now_.first && !is_there) {
        return "gone: " + text_of(k);
      } else if (k.sequence < now_.base && !may_go_unasked(first_move_) && ledger_.is_archived[k.id].load() == 0) {
        return "dropped, and not archived: " + text_of(k);
      }
      ++checked_;
    }
    return {};
  }

  /// A record of this life, and the batch that it is part of.
  std::string check_record(std::uint64_t id) {
    const auto& e = ledger_.entries[id];
    const auto state = e.state.load();
    const auto found = place_.find(id);
    const bool is_there = found != place_.end();
    if (state != append_state::returned && !is_there) return {};
    const std::uint64_t sequence =
        state == append_state::returned ? e.sequence.load() : now_.records[found->second].sequence;
    const std::string text = text_of(cycle_picture::kept{.sequence = sequence, .id = id});
    const bool perhaps_cut = was_cut_since(e.moves_before.load(), sequence);
    if (state == append_state::returned) {
      if (was_cut_since(e.moves_after.load(), sequence)) {
        if (is_there) return "G6: was cut, and is there: " + text;
      } else if (!perhaps_cut && sequence >= now_.first && !is_there) {
        return "G1: returned, and is gone: " + text;
      } else if (!perhaps_cut && sequence < now_.base && !may_go_unasked(e.moves_before.load()) &&
                 ledger_.is_archived[id].load() == 0) {
        return "dropped, and not archived: " + text;
      }
      ++checked_;
    }
    if (!is_there || e.place_in_batch.load() != 0) return {};
    for (std::uint32_t i = 1; i < e.batch_size.load(); ++i)
      if (!place_.contains(id + i) && !was_cut_since(e.moves_before.load(), sequence + i))
        return "G4: of the batch that begins with " + text + " the rest is not there";
    return {};
  }

  std::string check_saved() const {
    if (now_.checkpointed >= now_.end || now_.archived >= now_.end) return "a position beyond the end of the log";
    for (const auto& k : now_.records) {
      if (k.sequence <= now_.checkpointed && ledger_.is_saved[k.id].load() == 0)
        return "said to be checkpointed, up to " + std::to_string(now_.checkpointed) + ": " + text_of(k);
      if (k.sequence <= now_.archived && ledger_.is_archived[k.id].load() == 0)
        return "said to be archived, up to " + std::to_string(now_.archived) + ": " + text_of(k);
    }
    return {};
  }

  /// What a follower saw was there then, and is still, unless it was cut since.
  std::string check_seen() const {
    std::map<std::uint64_t, cycle_picture::kept> newest;  // by sequence
    for (const auto& s : seen_) {
      const cycle_picture::kept k{.sequence = s.sequence, .id = s.id, .epoch = s.epoch};
      const auto& e = ledger_.entries[s.id];
      if (e.state.load() == append_state::none || e.state.load() == append_state::refused)
        return "a follower saw what nobody appended: " + text_of(k);
      auto& last = newest.try_emplace(s.sequence, k).first->second;
      if (last.epoch > k.epoch || (last.epoch == k.epoch && last.id != k.id))
        return "a follower saw " + text_of(k) + " after it had seen " + text_of(last);
      last = k;
      if (e.state.load() == append_state::returned && was_cut_between(e.moves_after.load(), s.moves_done, s.sequence))
        return "G6: a follower saw what had been cut: " + text_of(k);
      if (s.moves_done < first_move_ || was_cut_since(s.moves_done, s.sequence) || s.sequence < now_.first) continue;
      if (const auto found = place_.find(s.id); found == place_.end() || now_.records[found->second] != k)
        return "a follower saw, and it is gone: " + text_of(k);
    }
    return {};
  }
  [[nodiscard]] bool was_cut_between(std::uint64_t from, std::uint64_t to, std::uint64_t sequence) const noexcept {
    for (std::uint64_t i = from; i < to; ++i) {
      const auto& m = ledger_.moves[i];
      if (m.state.load() != move_state::done || m.kind.load() == move_kind::trim) continue;
      if (m.kind.load() == move_kind::reset || m.next.load() <= sequence) return true;
    }
    return false;
  }

  const cycle_ledger& ledger_;
  const cycle_picture& before_;
  std::uint64_t first_move_, first_record_;
  const cycle_picture& now_;
  std::span<const sighting> seen_;
  bool last_counts_ = false;
  std::vector<std::uint64_t> lowest_;
  std::uint64_t first_least_ = 1;
  std::unordered_map<std::uint64_t, std::size_t> place_;  // by number, of what is there
  std::uint64_t checked_ = 0;
};

}  // namespace varve::testing
