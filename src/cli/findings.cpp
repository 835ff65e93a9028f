// SPDX-License-Identifier: MIT

#include "cli/findings.hpp"

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json.hpp"
#include "cli/sizes.hpp"

namespace varve::cli {
namespace {

std::string_view name_of(finding_kind kind) {
  switch (kind) {
    case finding_kind::damage: return "damage";
    case finding_kind::cut: return "cut";
    case finding_kind::stepped_over: return "stepped_over";
  }
  return "?";
}

std::string_view text_of(finding_kind kind) {
  switch (kind) {
    case finding_kind::damage: return "damage";
    case finding_kind::cut: return "torn end, which the next open cuts";
    case finding_kind::stepped_over: return "unfinished append, which the next open steps over";
  }
  return "?";
}

}  // namespace

void write_finding(const recovery_report::finding& f, output& out) {
  out.print("{}: {} (", text_of(f.kind()), f.cause());
  if (f.segment != 0) out.print("segment {}, offset {}, ", f.segment, f.offset);
  if (f.sequences.size() != 0) out.print("sequences {} to {}, ", f.sequences.first.value, f.sequences.end.value - 1);
  out.print("row {})\n", f.row);
}

void write_findings(const recovery_report& report, output& out) {
  for (const auto& f : report.findings) write_finding(f, out);
  out.print(
      "{} sequences kept, {} claims of dead writers stepped over, {} bytes ({} records) cut from a torn end, {} findings\n",
      count_text(report.kept), count_text(report.stepped_over), count_text(report.cut_bytes), count_text(report.cut_records),
      count_text(report.findings.size()));
}

nlohmann::ordered_json finding_json(const recovery_report::finding& f) {
  nlohmann::ordered_json j = {{"kind", name_of(f.kind())},
                              {"row", std::string(1, f.row)},
                              {"cause", f.cause()},
                              {"segment", f.segment},
                              {"offset", f.offset}};
  j["sequences"] = f.sequences.size() == 0 ? nlohmann::ordered_json{}
                                           : sequences_json(f.sequences.first.value, f.sequences.end.value - 1);
  return j;
}

void add_report(nlohmann::ordered_json& to, const recovery_report& report) {
  to["closed"] = report.clean;
  to["kept"] = report.kept;
  to["stepped_over"] = report.stepped_over;
  to["cut_bytes"] = report.cut_bytes;
  to["cut_records"] = report.cut_records;
  auto& findings = to["findings"] = nlohmann::ordered_json::array();
  for (const auto& f : report.findings) findings.push_back(finding_json(f));
}

}  // namespace varve::cli
