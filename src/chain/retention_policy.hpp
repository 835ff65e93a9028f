// SPDX-License-Identifier: MIT
//
// retention_policy.hpp - which segments are dropped: one function from what there is and the rules to a verdict for each.
// Layer chain; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <varve/retention.hpp>

#include "chain/segment_table.hpp"

namespace varve::core {

/// What else holds segments, or lets them go: last sequences, or nothing if nobody saves, or archives.
struct saved_positions {
  std::optional<std::uint64_t> checkpoint{}, archived{};

  /// True if a segment that ends before the sequence `end` may go as far as these are concerned.
  [[nodiscard]] bool let_go(std::uint64_t end) const noexcept {
    return (!checkpoint || end <= *checkpoint + 1) && (!archived || end <= *archived + 1);
  }
};

/// `segments` from the oldest to the active one. The verdicts are in the same order; those that go come first.
[[nodiscard]] std::vector<retention_verdict> decide_retention(std::span<const retained_segment> segments,
                                                              const retention_rules& rules, const saved_positions& saved,
                                                              std::uint64_t now_ns);

}  // namespace varve::core
