// SPDX-License-Identifier: MIT
//
// histogram.hpp - how often a time was how long, to within 3 %, in a fixed table: counting costs a few instructions.
//
// The buckets of each power of two divide it evenly: HdrHistogram's idea.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace bench {

class histogram {
 public:
  void add(std::uint64_t value) noexcept {
    ++counts_[bucket_of(value)];
    ++total_;
    if (value > largest_) largest_ = value;
  }

  /// The value that `share` (0 to 1) of all values do not exceed, as the upper end of its bucket.
  [[nodiscard]] std::uint64_t quantile(double share) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return std::min(end_of(i), largest_);
    }
    return largest_;
  }
  [[nodiscard]] std::uint64_t largest() const noexcept { return largest_; }

 private:
  static constexpr unsigned part_bits = 5;  // 32 buckets for each power of two
  static constexpr std::uint64_t parts = std::uint64_t{1} << part_bits;

  /// Values below `parts` have a bucket each; others are found by their highest bits.
  static std::size_t bucket_of(std::uint64_t value) noexcept {
    if (value < parts) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - part_bits - 1;
    return static_cast<std::size_t>(shift * parts + (value >> shift));
  }
  static std::uint64_t end_of(std::size_t bucket) noexcept {
    if (bucket < parts) return bucket;
    const std::uint64_t shift = bucket / parts - 1;
    return ((bucket - shift * parts + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - part_bits + 1) * parts> counts_{};
  std::uint64_t total_ = 0, largest_ = 0;
};

}  // namespace bench
