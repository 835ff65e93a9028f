// SPDX-License-Identifier: MIT
//
// judge.hpp - compares what a log kept of one life with what the oracle knows of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "crash/kept_log.hpp"
#include "crash/life.hpp"
#include "crash/oracle.hpp"
#include "crash/script.hpp"
#include "support/authorship.hpp"

namespace varve::testing {

/// Figures of a run; also the result of one life.
struct tally {
  std::uint64_t records = 0;          // that were kept and compared
  std::uint64_t missing = 0;          // sequences that are abandoned
  std::uint64_t returned_behind = 0;  // returned records behind the first of them
  std::uint64_t trimmed = 0;          // returned records that a trim has dropped
  std::uint64_t batches_absent = 0;   // batches under way of which nothing was kept
};

class judge {
 public:
  judge(const life& l, const oracle& o, const kept_log& before, const kept_log& now) noexcept
      : life_(l), oracle_(o), before_(before), now_(now) {}

  /// A complaint; empty if all is as promised.
  [[nodiscard]] std::string find() {
    if (auto complaint = check_goes_on(before_, now_); !complaint.empty()) return complaint;
    if (auto complaint = check_trimmed(); !complaint.empty()) return complaint;
    if (auto complaint = name_the_returned(); !complaint.empty()) return complaint;
    for (std::uint32_t w = 0; w < life_.writers; ++w)
      if (auto complaint = follow_writer(w); !complaint.empty()) return complaint;
    if (auto complaint = account_for_all(); !complaint.empty()) return complaint;
    if (oracle_.synced.load(std::memory_order_acquire) >= now_.end)
      return "G2: synced " + std::to_string(oracle_.synced.load()) + ", and the log ends before " + std::to_string(now_.end);
    return {};
  }
  [[nodiscard]] const tally& figures() const noexcept { return tally_; }

 private:
  /// Everything before what a trim returned for is gone, and nothing else but perhaps what one was about to drop.
  std::string check_trimmed() {
    const std::uint64_t surely = std::max(before_.first, oracle_.trimmed.load(std::memory_order_acquire));
    const std::uint64_t perhaps = std::max(surely, oracle_.trim_target.load(std::memory_order_acquire));
    if (now_.first != surely && now_.first != perhaps)
      return "trimmed before " + std::to_string(surely) + ", or perhaps before " + std::to_string(perhaps) +
             ", and the log begins with " + std::to_string(now_.first);
    // Of this life's places.
    trimmed_ = std::max(now_.first, before_.end) - before_.end;
    return {};
  }

  [[nodiscard]] const kept_record* at_sequence(std::uint64_t sequence) const noexcept {
    const auto in_place = place_.at(sequence - before_.end);
    return in_place == none ? nullptr : &now_.records[in_place];
  }

  /// No two appends got one sequence, and none a sequence that was kept before.
  std::string name_the_returned() {
    place_.assign(now_.end - before_.end, none);
    for (std::size_t i = place_from(now_, before_.end); i < now_.records.size(); ++i)
      place_[now_.records[i].sequence - before_.end] = i;
    taken_.assign(place_.size(), false);
    for (std::uint32_t w = 0; w < life_.writers; ++w) {
      const auto& writer = oracle_.writers[w];
      std::uint64_t previous = 0;
      for (std::uint64_t c = 0; c < writer.returned.load(std::memory_order_acquire); ++c) {
        const std::uint64_t s = writer.notes[c].sequence.load(std::memory_order_relaxed);
        if (s < before_.end) return of_writer(w, c) + "got sequence " + std::to_string(s) + ", which an earlier life had";
        if (s >= now_.end) return "G1: " + of_writer(w, c) + "had returned " + std::to_string(s) + ", and is gone";
        if (taken_[s - before_.end]) return of_writer(w, c) + "got a sequence twice: " + std::to_string(s);
        if (s <= previous) return "G3: " + of_writer(w, c) + "got a smaller sequence than its predecessor";
        taken_[s - before_.end] = true;
        previous = s;
      }
    }
    for (std::size_t i = 0; i < place_.size(); ++i) {
      if (place_[i] == none && i >= trimmed_) ++tally_.missing;
      if (taken_[i] && tally_.missing != 0) ++tally_.returned_behind;
    }
    return {};
  }

  /// Goes through the writer's script, up to what it had begun.
  std::string follow_writer(std::uint32_t w) {
    const auto& writer = oracle_.writers[w];
    const std::uint64_t returned = writer.returned.load(std::memory_order_acquire);
    const std::uint64_t started = writer.started.load(std::memory_order_acquire);
    if (started < returned) return "the oracle: more returned than started";
    script steps{life_.seed, w, life_.build, life_.waits_for_disk};
    for (std::uint64_t counter = 0; counter < started;) {
      const step s = steps.next();
      if (s.what == step::kind::sync) continue;
      if (counter != s.first) return "the oracle: it does not follow the script";
      auto complaint = s.first < returned ? check_returned(w, s) : look_for_unfinished(w, s);
      if (!complaint.empty()) return complaint;
      counter += s.sizes.size();
    }
    return {};
  }

  /// G1: there, at its sequence, with its payload, and if it is a batch all in a row.
  std::string check_returned(std::uint32_t w, const step& s) {
    const auto& notes = oracle_.writers[w].notes;
    const std::uint64_t first = notes[s.first].sequence.load(std::memory_order_relaxed);
    for (std::uint64_t i = 0; i < s.sizes.size(); ++i) {
      if (notes[s.first + i].sequence.load(std::memory_order_relaxed) != first + i)
        return "G4: " + of_writer(w, s.first + i) + "is not next to the rest of its batch";
      if (first + i < now_.first) {
        ++tally_.trimmed;
        continue;
      }
      const kept_record* const kept = at_sequence(first + i);
      if (kept == nullptr)
        return "G1: " + of_writer(w, s.first + i) + "had returned " + std::to_string(first + i) + ", and is lost";
      if (!is(w, s, i, *kept)) return "G1: " + of_writer(w, s.first + i) + "returned, and now there is " + text_of(*kept);
    }
    tally_.records += s.sizes.size();
    return {};
  }

  /// G4: all of it or nothing, behind all that the writer had appended before.
  std::string look_for_unfinished(std::uint32_t w, const step& s) {
    under_way_ += s.sizes.size();
    const std::uint64_t previous =
        s.first == 0 ? 0 : oracle_.writers[w].notes[s.first - 1].sequence.load(std::memory_order_relaxed);
    std::uint64_t parts = 0;
    for (std::size_t i = 0; i < place_.size(); ++i) {
      if ((place_[i] == none && i >= trimmed_) || taken_[i]) continue;
      if (is_whole_at(i, w, s)) {
        if (before_.end + i <= previous) return "G3: " + of_writer(w, s.first) + "stands before its predecessor";
        for (std::size_t j = 0; j < s.sizes.size(); ++j) taken_[i + j] = true;
        unfinished_kept_ += s.sizes.size();
        tally_.records += s.sizes.size();
        return {};
      }
      for (std::uint64_t j = 0; i >= trimmed_ && j < s.sizes.size(); ++j)
        if (is(w, s, j, now_.records[place_[i]])) {
          ++parts;
          break;
        }
    }
    if (parts != 0)
      return "G4: of a batch of " + std::to_string(s.sizes.size()) + ", which begins with " + of_writer(w, s.first) +
             "and had not " + "returned, a part of " + std::to_string(parts) + " is there";
    if (s.what == step::kind::batch) ++tally_.batches_absent;
    return {};
  }

  [[nodiscard]] bool is_whole_at(std::size_t i, std::uint32_t w, const step& s) const noexcept {
    // Of what was trimmed nobody knows whose it was; but then the rest of it must be there.
    if (place_.size() - i < s.sizes.size() || i + s.sizes.size() <= trimmed_) return false;
    for (std::size_t j = 0; j < s.sizes.size(); ++j) {
      if (taken_[i + j]) return false;
      if (i + j < trimmed_) continue;
      if (place_[i + j] == none || !is(w, s, j, now_.records[place_[i + j]])) return false;
    }
    return true;
  }

  /// Every record has an author, and nothing reaches beyond what was claimed.
  std::string account_for_all() {
    for (std::size_t i = 0; i < place_.size(); ++i)
      if (place_[i] != none && !taken_[i]) return "G6: nobody of this life wrote " + text_of(now_.records[place_[i]]);
    if (tally_.missing + unfinished_kept_ > under_way_)
      return "G3: " + std::to_string(tally_.missing) + " sequences are missing, and only " + std::to_string(under_way_) +
             " records were under way";
    return {};
  }

  /// Record i of the step, with its size, tag and bytes; goes on as its batch does.
  [[nodiscard]] bool is(std::uint32_t w, const step& s, std::uint64_t i, const kept_record& kept) const noexcept {
    return kept.size == s.sizes[i] && kept.type == tag_of({.life = life_.number, .writer = w, .counter = s.first}) &&
           kept.batch_goes_on == (i + 1 < s.sizes.size()) &&
           kept.hash == oracle_.writers[w].notes[s.first + i].hash.load(std::memory_order_relaxed) &&
           kept.hash == core::sum_of_structure(payload_of({life_.number, w, s.first + i}, kept.size));
  }
  static std::string of_writer(std::uint32_t w, std::uint64_t counter) {
    return "record " + std::to_string(counter) + " of writer " + std::to_string(w) + " ";
  }

  static constexpr std::size_t none = SIZE_MAX;
  const life& life_;
  const oracle& oracle_;
  const kept_log& before_;
  const kept_log& now_;
  std::vector<std::size_t> place_;     // by sequence - before.end: where in now.records; none if it is abandoned
  std::uint64_t trimmed_ = 0;          // of these, at the beginning
  std::vector<bool> taken_;            // likewise: its author is known
  std::uint64_t under_way_ = 0;        // records whose append had not returned
  std::uint64_t unfinished_kept_ = 0;  // of these
  tally tally_;
};

}  // namespace varve::testing
