// SPDX-License-Identifier: MIT
//
// findings.hpp - what a verification, a recovery or a salvage found, for people and as JSON. Layer tool.
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <varve/recovery.hpp>

#include "cli/output.hpp"

namespace varve::cli {

/// A line.
void write_finding(const recovery_report::finding& f, output& out);
/// The same under another heading than that of its kind.
void write_finding(std::string_view heading, const recovery_report::finding& f, output& out);
/// A line for each, and one that sums up.
void write_findings(const recovery_report& report, output& out);

[[nodiscard]] nlohmann::ordered_json finding_json(const recovery_report::finding& f);
/// Adds closed, kept, stepped_over, cut_bytes, cut_records and findings.
void add_report(nlohmann::ordered_json& to, const recovery_report& report);

// ---- What an opening for writing did. Each verb that may recover a log says it: one line on standard error in text, and
// "recovery" in its report as JSON.
/// Nothing if there was nothing to do.
void tell_recovery(const recovery_report& report, std::string_view verb);
/// {"closed":..,"kept":..,"stepped_over":..,"cut_bytes":..,"cut_records":..,"findings":[..],"indexes_rebuilt":..}
[[nodiscard]] nlohmann::ordered_json recovery_json(const recovery_report& report);

}  // namespace varve::cli
