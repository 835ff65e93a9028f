// SPDX-License-Identifier: MIT
//
// retention_plan.hpp - what retention decides of a log as it is now, the readers in other processes included. Layer chain.
#pragma once

#include <vector>

#include <varve/retention.hpp>

#include "chain/retention_policy.hpp"
#include "chain/segment_table.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// As decide_retention(). Readers are asked about only for what would go, by trying the lock of its file for a moment. May
/// throw std::bad_alloc.
[[nodiscard]] std::vector<retention_verdict> plan_retention(const log_place& place, std::vector<retained_segment> segments,
                                                            const retention_rules& rules, const saved_positions& saved,
                                                            std::uint64_t now_ns);

}  // namespace varve::core
