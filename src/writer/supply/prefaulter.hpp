// SPDX-License-Identifier: MIT
//
// prefaulter.hpp - brings in the pages that appends are about to touch, so that those need not take the faults. Layer
// writer/supply.
//
// The first store to a page of a mapped file costs one to five microseconds in the kernel: as much as fifty small appends.
// So the preparer's thread does it ahead of them: a little in any case, and more once appends come in numbers.
// It holds a segment only while it brings its pages in: what is dropped would take space as long.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "os/shared.hpp"
#include "segment/segment.hpp"

namespace varve::core {

class warmer {
 public:
  /// How often appends say how far they are.
  static constexpr std::uint64_t report_bytes = std::uint64_t{1} << 22;
  /// True if the bytes [begin, end) of a segment reach over such a place.
  [[nodiscard]] static constexpr bool is_due(std::uint64_t begin, std::uint64_t end) noexcept {
    return begin / report_bytes != end / report_bytes;
  }

  /// Appends have come to `offset` of segment `number`. Any thread.
  void appends_reached(std::uint64_t number, std::uint64_t offset) noexcept {
    // relaxed: hints. What does not fit together warms the wrong pages.
    number_.store(number, std::memory_order_relaxed, "warm:place");
    offset_.store(offset, std::memory_order_relaxed, "warm:place");
  }

  /// How much ahead of the appends is warm.
  [[nodiscard]] std::uint64_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed, "warm:bytes");  // relaxed: a figure for people
  }

  // ---- Of one thread.
  /// So much ahead from the beginning, instead of little at first; 0: as it comes.
  void set_ahead(std::uint64_t bytes) noexcept { ahead_ = bytes; }
  /// `s` will be appended to after those that were added before. Without memory for it, it is not warmed.
  void add(const std::shared_ptr<segment>& s, std::uint64_t from) noexcept;
  void clear() noexcept { coming_.clear(); }
  /// Brings in some pages. False if enough are there.
  [[nodiscard]] bool warm_some() noexcept;

 private:
  void drop_passed() noexcept;

  struct coming {
    std::weak_ptr<core::segment> segment;
    std::uint64_t number, capacity;
    std::uint64_t warm_to;
  };
  std::deque<coming> coming_;  // the first is the one that is appended to, as far as is known
  std::uint64_t ahead_ = 0;
  shared::word<std::uint64_t> number_{0}, offset_{0}, bytes_{0};
};

}  // namespace varve::core
