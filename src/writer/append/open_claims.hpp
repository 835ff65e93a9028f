// SPDX-License-Identifier: MIT
//
// open_claims.hpp - the claims in place that this thread has not finished yet, of all logs. Layer writer/append.
//
// A thread that waits for a claim of its own would wait for ever; here it finds out first. Each thread sees its own alone,
// so there is nothing to order.
#pragma once

#include <cstdint>

#include <varve/claim.hpp>

namespace varve::core::open_claims {

void add(open_claim& c) noexcept;
void remove(open_claim& c) noexcept;
/// `to` takes the place of `from`, whose fields it has been given.
void replace(open_claim& from, open_claim& to) noexcept;
/// The oldest claim of `of` that this thread holds; none if there is none.
[[nodiscard]] open_claim* oldest(const log_object* of) noexcept;

}  // namespace varve::core::open_claims
