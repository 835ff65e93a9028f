// SPDX-License-Identifier: MIT
//
// tables.hpp - results as tables of Markdown. A table whose benchmarks were not run is empty.
#pragma once

#include <string>

#include "results.hpp"

namespace report {

[[nodiscard]] std::string machine(const results& r);
[[nodiscard]] std::string append_table(const results& r, const std::string& what);
/// What it takes to keep the time of each record.
[[nodiscard]] std::string times_table(const results& r);
[[nodiscard]] std::string sync_table(const results& r);
[[nodiscard]] std::string read_table(const results& r);
[[nodiscard]] std::string scan_table(const results& r);
[[nodiscard]] std::string open_table(const results& r);
[[nodiscard]] std::string sustained_table(const results& r);
[[nodiscard]] std::string bounded_table(const results& r);

/// "42.1 ns", "3.4 us", "12 ms"
[[nodiscard]] std::string time_text(double nanoseconds);

}  // namespace report
