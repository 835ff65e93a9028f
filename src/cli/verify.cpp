// SPDX-License-Identifier: MIT
//
// varve verify - read every byte of a log and name what opening it would find. Writes nothing, and may run beside a writer.

#include <cstdint>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log_view.hpp>

#include "cli/failure.hpp"
#include "cli/json.hpp"
#include "cli/progress.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

using finding = recovery_report::finding;

struct verify_settings {
  std::string directory;
  std::uint32_t threads = 1;
  bool json = false;
};

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

void write_text(const recovery_report& report, output& out) {
  for (const finding& f : report.findings) {
    out.print("{}: {} (", text_of(f.kind()), f.cause());
    if (f.segment != 0) out.print("segment {}, offset {}, ", f.segment, f.offset);
    if (f.sequences.size() != 0) out.print("sequences {} to {}, ", f.sequences.first.value, f.sequences.end.value - 1);
    out.print("row {})\n", f.row);
  }
  out.print(
      "{} sequences kept, {} claims of dead writers stepped over, {} bytes ({} records) cut from a torn end, {} findings\n",
      count_text(report.kept), count_text(report.stepped_over), count_text(report.cut_bytes), count_text(report.cut_records),
      count_text(report.findings.size()));
}

void write_json(const recovery_report& report, const std::string& directory, bool whole, output& out) {
  using nlohmann::ordered_json;
  ordered_json findings = ordered_json::array();
  for (const finding& f : report.findings) {
    ordered_json j = {{"kind", name_of(f.kind())},
                      {"row", std::string(1, f.row)},
                      {"cause", f.cause()},
                      {"segment", f.segment},
                      {"offset", f.offset}};
    j["sequences"] =
        f.sequences.size() == 0 ? ordered_json{} : sequences_json(f.sequences.first.value, f.sequences.end.value - 1);
    findings.push_back(std::move(j));
  }
  ordered_json j;
  add_bytes(j, "directory", "directory_base64", directory);
  j["whole"] = whole;
  j["closed"] = report.clean;
  j["kept"] = report.kept;
  j["stepped_over"] = report.stepped_over;
  j["cut_bytes"] = report.cut_bytes;
  j["cut_records"] = report.cut_records;
  j["findings"] = std::move(findings);
  out.write(one_line(j));
}

exit_code verify_log(const verify_settings& options, output& out) {
  progress line;
  const auto on_progress = [&line](const recovery_progress& p) {
    line.tick([&p] { return fmt::format("verifying: {} of {}", size_text(p.bytes_done), size_text(p.bytes_total)); });
  };
  const auto read = verify(options.directory, {}, {.threads = options.threads, .on_progress = on_progress});
  line.erase();
  if (!read) throw failure_to_read(read.error());
  const recovery_report& report = *read;
  const bool whole = report.findings.empty() && report.cut_bytes == 0 && report.cut_records == 0 && report.stepped_over == 0;
  if (options.json) {
    write_json(report, options.directory, whole, out);
  } else {
    write_text(report, out);
  }
  return whole ? exit_code::fine : exit_code::findings;
}

}  // namespace

action set_up_verify(CLI::App& app) {
  const auto options = std::make_shared<verify_settings>();
  add_directory(app, options->directory);
  add_threads(app, options->threads);
  add_json(app, options->json);
  set_footer(app, "  varve verify orders && echo whole\n");
  return [options](output& out) { return verify_log(*options, out); };
}

}  // namespace varve::cli
