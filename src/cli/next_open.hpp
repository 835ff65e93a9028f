// SPDX-License-Identifier: MIT
//
// next_open.hpp - what the next opening for writing would take from a log, in words. Layer tool.
#pragma once

#include <string>

#include <varve/log_view.hpp>

namespace varve::cli {

/// "cut 12 records (1,234 bytes), sequences 8 to 19"
[[nodiscard]] std::string cut_text(const log_description::opening& o);

/// A clause that says so and what to do, if the next open would cut or refuse; otherwise empty.
[[nodiscard]] std::string trouble_of_next_open(const log_description& d);

}  // namespace varve::cli
