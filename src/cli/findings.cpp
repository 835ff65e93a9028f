// SPDX-License-Identifier: MIT

#include "cli/findings.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

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

/// Those of one kind; neighbours are joined.
std::vector<sequence_range> sequences_of(const recovery_report& report, finding_kind kind) {
  std::vector<sequence_range> ranges;
  for (const auto& f : report.findings) {
    if (f.kind() != kind || f.sequences.size() == 0) continue;
    if (!ranges.empty() && ranges.back().end == f.sequences.first) {
      ranges.back().end = f.sequences.end;
    } else {
      ranges.push_back(f.sequences);
    }
  }
  return ranges;
}

/// " (sequences 5, 9 to 11)"
std::string text_of(const std::vector<sequence_range>& ranges) {
  constexpr std::size_t most = 8;  // arbitrary: as many as one reads
  if (ranges.empty()) return {};
  std::string text = ranges.size() == 1 && ranges.front().size() == 1 ? " (sequence " : " (sequences ";
  for (std::size_t i = 0; i < std::min(ranges.size(), most); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", ranges[i].first.value);
    if (ranges[i].size() > 1) text += fmt::format(" to {}", ranges[i].end.value - 1);
  }
  return text + (ranges.size() > most ? fmt::format(" and {} more ranges)", ranges.size() - most) : ")");
}

}  // namespace

void write_finding(const recovery_report::finding& f, output& out) { write_finding(text_of(f.kind()), f, out); }

void write_finding(std::string_view heading, const recovery_report::finding& f, output& out) {
  out.print("{}: {} (", heading, f.cause());
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
  if (report.given_up != 0) out.print("{} sequences given up, which readers find damaged\n", count_text(report.given_up));
  if (!report.lost.empty()) out.print("lost, and gone on without long ago{}\n", text_of(report.lost));
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
  to["given_up"] = report.given_up;
  auto& lost = to["lost"] = nlohmann::ordered_json::array();
  for (const auto& each : report.lost) lost.push_back(sequences_json(each.first.value, each.end.value - 1));
  auto& findings = to["findings"] = nlohmann::ordered_json::array();
  for (const auto& f : report.findings) findings.push_back(finding_json(f));
}

void tell_recovery(const recovery_report& report, std::string_view verb) {
  const auto where = [&](finding_kind kind) { return text_of(sequences_of(report, kind)); };
  std::string done;
  const auto add = [&done](const std::string& what) { done += (done.empty() ? "" : "; ") + what; };
  if (report.stepped_over != 0)
    add(fmt::format("{} unfinished appends stepped over{}", count_text(report.stepped_over),
                    where(finding_kind::stepped_over)));
  if (report.cut_records != 0 || report.cut_bytes != 0)
    add(fmt::format("{} records ({} bytes) cut{}", count_text(report.cut_records), count_text(report.cut_bytes),
                    where(finding_kind::cut)));
  if (report.given_up != 0)
    add(fmt::format("{} sequences given up{}", count_text(report.given_up), where(finding_kind::damage)));
  else if (const auto damage = where(finding_kind::damage); !damage.empty())
    add("records that had been durable are missing" + damage);
  if (report.indexes_rebuilt != 0) add(fmt::format("{} indexes made again", count_text(report.indexes_rebuilt)));
  if (done.empty()) return;
  const std::string line = fmt::format("varve {}: recovered the log: {}\n", verb, done);
  static_cast<void>(std::fwrite(line.data(), 1, line.size(), stderr));
}

nlohmann::ordered_json recovery_json(const recovery_report& report) {
  nlohmann::ordered_json j;
  add_report(j, report);
  j["indexes_rebuilt"] = report.indexes_rebuilt;
  return j;
}

}  // namespace varve::cli
