// SPDX-License-Identifier: MIT
//
// retention.hpp - which segments go: one function from what there is and the rules to a verdict for each. Layer log; pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <varve/retention.hpp>

namespace varve::core {

struct retained_segment {
  std::uint64_t number = 0;
  std::uint64_t base = 0, end = 0;  // sequences
  std::uint64_t bytes = 0;
  std::uint64_t newest_ns = 0;  // its newest record is not younger than this
  bool sealed = false;
  bool has_reader = false;
};

/// `segments` from the oldest to the active one. The verdicts are in the same order; those that go come first.
[[nodiscard]] std::vector<retention_verdict> decide_retention(std::span<const retained_segment> segments,
                                                              const retention_rules& rules, std::uint64_t now_ns);

}  // namespace varve::core
