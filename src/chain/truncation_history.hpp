// SPDX-License-Identifier: MIT
//
// truncation_history.hpp - where the log was truncated lately: a reader that has not looked since finds out whether its
// place was dropped. Layer chain.
//
// A reader need not step for long, and the log may have grown meanwhile beyond where it was cut: the marks do not tell. Nor
// do the segments: a reader that has read up to just before a cut may stand at the begin of one that went.
//
// Invariants
//   I1  Of two entries the later one has the higher end: what a later cut took along needs no entry of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "segment/segment.hpp"

namespace varve::core {

class truncations {
 public:
  /// The log was cut so that `end` came next. `turn`: that of the source of readers, as it will be when they learn of it.
  void note(std::uint64_t end, std::uint64_t turn) noexcept {
    const std::scoped_lock lock{guard_};
    while (count_ > 0 && all_[count_ - 1].end >= end) --count_;
    if (count_ == all_.size()) forget_oldest();
    all_[count_++] = {.turn = turn, .end = end};
  }

  /// As long as one lives, what readers look at changes part by part: what they find missing then is no damage. It ends when
  /// the turn has changed for the last time.
  class change {
   public:
    explicit change(truncations& of) noexcept : of_(&of) { of.set_changing(true); }
    ~change() { of_->set_changing(false); }
    change(const change&) = delete;
    change& operator=(const change&) = delete;

   private:
    truncations* of_;
  };
  [[nodiscard]] bool is_changing() const noexcept {
    const std::scoped_lock lock{guard_};
    return is_changing_;
  }

  /// The lowest end since the turn was `turn`; none_yet if there is none. Who has not looked for very long may be given a
  /// lower one, and then looks for his place again without need.
  [[nodiscard]] std::uint64_t lowest_since(std::uint64_t turn) const noexcept {
    const std::scoped_lock lock{guard_};
    for (std::size_t i = 0; i < count_; ++i)
      if (all_[i].turn > turn) return all_[i].end;
    return none_yet;
  }

 private:
  struct entry {
    std::uint64_t turn, end;
  };

  void set_changing(bool is) noexcept {
    const std::scoped_lock lock{guard_};
    is_changing_ = is;
  }

  /// It is told to those as well who have seen it, but not the one behind it.
  void forget_oldest() noexcept {
    all_[1].end = all_[0].end;
    for (std::size_t i = 1; i < count_; ++i) all_[i - 1] = all_[i];
    --count_;
  }

  static constexpr std::size_t entries_max =
      64;  // arbitrary: so many cuts, each behind the last, between two steps of a reader

  mutable std::mutex guard_;
  std::array<entry, entries_max> all_{};
  std::size_t count_ = 0;
  bool is_changing_ = false;
};

}  // namespace varve::core
