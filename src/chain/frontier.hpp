// SPDX-License-Identifier: MIT
//
// frontier.hpp - the end of the published prefix, advanced by whoever needs to know it. Layer chain.
//
// Invariants
//   I1  Everything before the frontier is finished, so it never stops inside a batch: who sees a batch's first stamp sees
//       all of them.
//
// Ordering
//   frontier:A / frontier:B   the stamps up to `published` were seen, then `published` was raised. So who reads it and then
//                             looks at a frame at or below it finds the stamp. A truncation lowers it, when the ends of
//                             segments are lowered already: who goes on from there does not meet what went.
#pragma once

#include <cstdint>
#include <mutex>

#include "chain/segment_table.hpp"
#include "os/shared.hpp"
#include "segment/frame_search.hpp"
#include "segment/walker.hpp"

namespace varve::core {

class frontier {
 public:
  explicit frontier(segment_table& table) noexcept : table_(&table) {}

  /// Stands at `start`, before which everything is published. `published` is the last sequence before it.
  void place(walker start, std::uint64_t published) noexcept {
    const std::scoped_lock lock{guard_};
    at_ = std::move(start);
    raise(published);
  }

  /// The log was truncated, and ends at `end`, or has no segment: `published` is the last sequence.
  void move_back(walker end, std::uint64_t published) noexcept {
    const std::scoped_lock lock{guard_};
    at_ = std::move(end);
    published_.store(published, std::memory_order_release, "frontier:B");
  }

  /// Goes on to the first frame that is not finished, and says where that is.
  walker advance() noexcept {
    const std::scoped_lock lock{guard_};
    for (;;) {
      if (!at_.segment() && !enter(published() + 1)) return at_;
      const auto seen = at_.step(format::depth::shape).what;
      if (seen == sight::end && enter(at_.sequence())) continue;
      if (seen != sight::frame && !pass_damage()) break;
    }
    if (at_.sequence() > published() + 1) raise(at_.sequence() - 1);
    return at_;
  }

  [[nodiscard]] std::uint64_t published() const noexcept { return published_.load(std::memory_order_acquire, "frontier:A"); }

 private:
  /// What is published and not there is damaged. Goes on with the next frame, if all before it was published.
  bool pass_damage() noexcept {
    const std::uint64_t published = this->published();
    if (at_.sequence() > published) return false;
    const auto next = find_frame(*at_.segment(), {at_.offset(), at_.sequence()}, published + 2);
    if (next) at_ = walker{at_.segment(), next->offset, next->sequence};
    return next.has_value();
  }
  /// Moves to the segment that begins with `sequence`; false if it is not there yet.
  bool enter(std::uint64_t sequence) noexcept {
    const auto next = table_->holding(sequence);
    if (!next || !*next || *next == at_.segment() || (*next)->facts().base != sequence) return false;
    at_ = walker{*next};
    return true;
  }
  void raise(std::uint64_t sequence) noexcept { published_.raise(sequence, std::memory_order_release, "frontier:B"); }

  segment_table* table_;
  std::mutex guard_;
  walker at_;
  shared::word<std::uint64_t> published_{0};
};

}  // namespace varve::core
