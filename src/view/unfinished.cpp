// SPDX-License-Identifier: MIT
#include "view/unfinished.hpp"

#include <algorithm>

#include "recovery/resync.hpp"

namespace varve::core {
namespace {

// How much of the log is looked at. Arbitrary: a few hundredths of a second.
constexpr std::uint64_t bytes_max = std::uint64_t{64} << 20;

class search {
 public:
  search(const walker& at, segment_table& table) noexcept : table_(table), at_(at) {}

  /// Moves behind a place where no frame is finished. False if nothing finished is seen there.
  bool step_over() noexcept {
    const auto rest = look_behind(*at_.segment(), at_.offset(), at_.sequence(), format::depth::everything, left_);
    if (rest.what != behind::frame && rest.what != behind::boundary) return false;
    spend(rest.offset - at_.offset());
    at_ = walker{at_.segment(), rest.offset, rest.sequence};
    return true;
  }

  /// Counts finished records up to the next place where none is.
  std::uint64_t count() {
    std::uint64_t records = 0;
    while (left_ > 0) {
      const std::uint64_t before = at_.offset();
      const auto seen = at_.step(format::depth::shape);
      if (seen.what == sight::end && enter_next()) continue;
      if (seen.what != sight::frame) break;
      spend(at_.offset() - before);
      if (seen.frame.is_record()) ++records;
    }
    return records;
  }

 private:
  void spend(std::uint64_t bytes) noexcept { left_ -= std::min(bytes, left_); }
  bool enter_next() {
    const auto next = table_.holding(at_.sequence());
    if (!next || !*next || *next == at_.segment() || (*next)->facts().base != at_.sequence()) return false;
    at_ = walker{*next};
    return true;
  }

  segment_table& table_;
  walker at_;
  std::uint64_t left_ = bytes_max;
};

bool is_unfinished(const walker& at) noexcept {
  return look(*at.segment(), at.offset(), at.sequence(), format::depth::shape).what == sight::nothing;
}

}  // namespace

std::optional<log_description::unfinished_claim> find_unfinished(const walker& at, segment_table& table) {
  if (!at.segment() || !is_unfinished(at)) return std::nullopt;
  search behind{at, table};
  std::uint64_t finished = 0;
  bool seen = false;
  while (behind.step_over()) {
    seen = true;
    finished += behind.count();
  }
  // It may have been finished meanwhile.
  if (!seen || !is_unfinished(at)) return std::nullopt;
  return log_description::unfinished_claim{.sequence = {at.sequence()},
                                           .segment = at.segment()->facts().number,
                                           .offset = at.offset(),
                                           .finished_behind = finished};
}

}  // namespace varve::core
