// SPDX-License-Identifier: MIT
#include "recovery/reading_plan.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace varve::core {
namespace {

constexpr std::uint64_t newest_epoch = ~std::uint64_t{0};

/// The log ended before `from` when the epoch began; what an earlier one holds from there on was cut.
struct beginning {
  std::uint64_t epoch, from;
};

class judge {
 public:
  judge(const log_evidence& from, const placed_segments& placed, bool is_same_boot)
      : from_(from),
        all_(placed.all),
        is_same_boot_(is_same_boot),
        epochs_(all_.size()),
        in_chain_(all_.size()),
        follower_base_(all_.size(), none_yet),
        followed_cut_(all_.size()) {}

  reading_plan run() {
    for (std::size_t i = 0; i < all_.size(); ++i) by_salt_[{all_[i].facts.number, all_[i].facts.salt}] = i;
    find_epochs();
    find_what_followed_a_cut();
    find_chain();
    find_beginnings();
    judge_trim_point();
    std::vector<piece> standing, removed;
    for (std::size_t i = 0; i < all_.size(); ++i) split(i, standing, removed);
    plan_.kept = newest_layer(standing);
    for (auto& p : standing) p.verdict = verdict::superseded;
    removed.insert(removed.end(), standing.begin(), standing.end());
    while (!removed.empty()) plan_.removed.push_back(newest_layer(removed));
    find_end();
    find_unfinished();
    return std::move(plan_);
  }

 private:
  [[nodiscard]] const placed_segment* predecessor_of(const placed_segment& p) const {
    const auto found = by_salt_.find({p.predecessor, p.predecessor_salt});
    return p.predecessor == 0 || found == by_salt_.end() ? nullptr : &all_[found->second];
  }

  /// Epochs grow with the numbers: one that was lost with its sector is not later than that of any later segment.
  void find_epochs() {
    std::vector<std::size_t> by_number(all_.size());
    std::iota(by_number.begin(), by_number.end(), std::size_t{0});
    std::ranges::sort(by_number, std::greater{}, [&](std::size_t i) { return all_[i].facts.number; });
    std::uint64_t latest = newest_epoch;
    // All that is there while a truncation is under way is of an earlier epoch than it.
    if (const auto& s = from_.state; s && s->truncate_intent != 0) latest = s->epoch - 1;
    for (const std::size_t i : by_number) {
      const auto& p = all_[i];
      epochs_[i] = p.facts.epoch != placed_segment::unknown_epoch ? p.facts.epoch : latest;
      if (p.facts.epoch != placed_segment::unknown_epoch) latest = std::min(latest, p.facts.epoch);
    }
  }

  /// Back from the newest segment, by what each says that it follows.
  void find_chain() {
    std::size_t at = all_.size();
    const auto key = [&](std::size_t i) { return std::tuple{epochs_[i], all_[i].facts.base, all_[i].facts.number}; };
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (!followed_cut_[i] && (at == all_.size() || key(i) > key(at))) at = i;
    while (at != all_.size()) {
      in_chain_[at] = true;
      const auto* const before = predecessor_of(all_[at]);
      if (before == nullptr) return;
      const auto i = static_cast<std::size_t>(before - all_.data());
      if (in_chain_[i] || all_[i].facts.base > all_[at].facts.base) return;  // a ring, or back to front: made up
      follower_base_[i] = all_[at].facts.base;
      at = i;
    }
  }

  /// Segments that followed what their predecessor held after the place where it was cut later. They went with it.
  void find_what_followed_a_cut() {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const auto* const before = predecessor_of(all_[i]);
      if (before == nullptr) continue;
      const bool goes_with_it = followed_cut_[static_cast<std::size_t>(before - all_.data())];
      followed_cut_[i] =
          goes_with_it || (before->was_cut() && all_[i].facts.base - all_[i].given_up > before->end->last + 1);
    }
  }

  void find_beginnings() {
    for (const auto& p : all_)
      if (p.facts.epoch != placed_segment::unknown_epoch) beginnings_.push_back({p.facts.epoch, p.facts.base});
    if (from_.state && from_.state->truncate_intent != 0)
      beginnings_.push_back({from_.state->epoch, from_.state->truncate_intent});
    // By epochs; each with the lowest of its own and all later ones.
    std::ranges::sort(beginnings_, {}, &beginning::epoch);
    for (std::size_t i = beginnings_.size(); i-- > 1;)
      beginnings_[i - 1].from = std::min(beginnings_[i - 1].from, beginnings_[i].from);
  }

  /// Where what an epoch holds was cut later; none_yet if it was not.
  [[nodiscard]] std::uint64_t cut_of(std::uint64_t epoch) const {
    const auto later = std::ranges::upper_bound(beginnings_, epoch, {}, &beginning::epoch);
    return later == beginnings_.end() ? none_yet : later->from;
  }

  void judge_trim_point() {
    if (!from_.state) return;
    const auto is_later = [&](std::uint64_t epoch) { return epoch > from_.state->epoch; };
    const bool is_stale = std::ranges::any_of(all_, is_later, [](const auto& p) { return p.facts.epoch; }) ||
                          std::ranges::any_of(from_.marks, is_later, &format::mark::epoch);
    plan_.first = from_.state->trim_point;  // it only goes up, so an old one says less, and nothing wrong
    plan_.trim_point_known = from_.state_is_newest && !is_stale;
  }

  void split(std::size_t i, std::vector<piece>& standing, std::vector<piece>& removed) const {
    const auto& p = all_[i];
    const std::uint64_t base = p.facts.base;
    std::uint64_t end = p.end ? p.end->last + 1 : none_yet;
    bool was_cut = p.was_cut();
    const auto cut_at = [&](std::uint64_t at) {
      if (at >= end) return;
      end = std::max(at, base);
      was_cut = true;
    };
    cut_at(cut_of(epochs_[i]));
    if (in_chain_[i]) cut_at(follower_base_[i]);
    if (followed_cut_[i]) cut_at(base);
    const std::uint64_t kept_from = std::max(base, plan_.first);
    if (base < std::min(plan_.first, end))
      removed.push_back({.segment = i, .first = base, .end = std::min(plan_.first, end), .verdict = verdict::trimmed});
    if (kept_from < end) standing.push_back({.segment = i, .first = kept_from, .end = end});
    if (was_cut) removed.push_back({.segment = i, .first = std::max(end, base), .verdict = verdict::cut});
  }

  /// Takes out of `from` what is newest of each sequence; leaves the rest.
  std::vector<piece> newest_layer(std::vector<piece>& from) const {
    const auto rank = [&](const piece& p) {
      return std::tuple{epochs_[p.segment], in_chain_[p.segment], p.first, all_[p.segment].facts.number};
    };
    std::ranges::sort(from, [&](const piece& a, const piece& b) { return rank(a) > rank(b); });
    std::map<std::uint64_t, piece> layer;  // by the first sequence; they do not overlap
    std::vector<piece> rest;
    for (const auto& p : from) {
      std::uint64_t at = p.first;
      auto taken = layer.upper_bound(at);
      if (taken != layer.begin() && std::prev(taken)->second.end > at) --taken;
      std::vector<piece> free;  // what lies between those that are in the layer already
      for (; at < p.end && taken != layer.end() && taken->first < p.end; ++taken) {
        if (taken->first > at) free.push_back({p.segment, at, taken->first, p.verdict});
        rest.push_back({p.segment, std::max(at, taken->first), std::min(p.end, taken->second.end), p.verdict});
        at = taken->second.end;
      }
      if (at < p.end) free.push_back({p.segment, at, p.end, p.verdict});
      for (const auto& part : free) layer.emplace(part.first, part);
    }
    from = std::move(rest);
    std::vector<piece> in_order;
    for (const auto& [first, p] : layer) in_order.push_back(p);
    return in_order;
  }

  /// Something says that the log reached `last` in that epoch, and perhaps in which segment.
  void reached(std::uint64_t last, std::uint64_t epoch, std::uint64_t segment = 0) {
    if (last > format::sequence_max) return;
    const std::uint64_t end = std::min(last + 1, cut_of(epoch));
    if (end < plan_.end || (end == plan_.end && plan_.end_segment != 0)) return;
    plan_.end = end;
    plan_.end_segment = end == last + 1 ? segment : 0;
  }

  void find_end() {
    plan_.end = plan_.first;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (followed_cut_[i]) continue;
      reached(all_[i].facts.base - 1, epochs_[i]);
      if (all_[i].end) reached(all_[i].end->last, epochs_[i], all_[i].facts.number);
    }
    if (const auto& s = from_.state) {
      reached(std::max(s->trim_point - 1, s->durable_floor), s->epoch);
      if (s->condition == format::condition::clean) reached(s->clean_next - 1, s->epoch, s->clean_segment);
    }
    // Of the marks those of the latest epoch: what an earlier one speaks of may have been cut since.
    std::uint64_t latest = from_.state ? from_.state->epoch : 0;
    for (const auto& m : from_.marks) latest = std::max(latest, m.epoch);
    for (const auto& m : from_.marks)
      if (m.epoch == latest) reached(m.sequence, m.epoch, m.segment);
  }

  void find_unfinished() {
    const auto& s = from_.state;
    const bool is_of_a_death = s && from_.state_is_in_place && is_same_boot_ && s->condition == format::condition::open;
    if (!is_of_a_death) return;
    plan_.unfinished_from = s->durable_floor + 1;
    for (const auto& m : from_.marks)
      if (m.epoch == s->epoch) plan_.unfinished_from = std::max(plan_.unfinished_from, m.sequence + 1);
    // The cache holds what the dead process wrote, and so all that it said was there.
    if (from_.published_epoch != s->epoch || from_.published > format::sequence_max) return;
    plan_.unfinished_from = std::max(plan_.unfinished_from, from_.published + 1);
    reached(from_.published, s->epoch);
  }

  const log_evidence& from_;
  const std::vector<placed_segment>& all_;
  const bool is_same_boot_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> by_salt_;  // by number and salt
  std::vector<std::uint64_t> epochs_;  // of all_; of an unknown one the latest it can be
  std::vector<bool> in_chain_;
  std::vector<std::uint64_t> follower_base_;
  std::vector<bool> followed_cut_;
  std::vector<beginning> beginnings_;
  reading_plan plan_;
};

}  // namespace

reading_plan plan_reading(const log_evidence& from, const placed_segments& placed, bool is_same_boot) {
  return judge{from, placed, is_same_boot}.run();
}

}  // namespace varve::core
