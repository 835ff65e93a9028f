// SPDX-License-Identifier: MIT
//
// unfinished.hpp - the claim that holds up publication beside a living writer, as far as it can be seen from outside. Layer
// view; only reads.
#pragma once

#include <cstdint>
#include <optional>

#include <varve/log_view.hpp>

#include "chain/segment_table.hpp"
#include "segment/walker.hpp"

namespace varve::core {

/// at       where the first frame stands that is not finished, or will stand.
/// Returns  nullopt if nothing finished is seen behind it: then nobody can tell a claim from space that nobody claimed.
[[nodiscard]] std::optional<log_description::unfinished_claim> find_unfinished(const walker& at, segment_table& table);

}  // namespace varve::core
