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
#include "cli/findings.hpp"
#include "cli/json.hpp"
#include "cli/progress.hpp"
#include "cli/readable_directory.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct verify_settings {
  std::string directory;
  std::uint32_t threads = 1;
  bool json = false;
};

void write_json(const recovery_report& report, const std::string& directory, bool whole, output& out) {
  nlohmann::ordered_json j;
  add_bytes(j, "directory", "directory_base64", directory);
  j["whole"] = whole;
  add_report(j, report);
  out.write(one_line(j));
}

exit_code verify_log(const verify_settings& options, output& out) {
  progress line;
  const auto on_progress = [&line](const recovery_progress& p) {
    line.tick([&p] { return fmt::format("verifying: {} of {}", size_text(p.bytes_done), size_text(p.bytes_total)); });
  };
  readable_directory there(options.directory);
  there.expand_all();
  const auto read = verify(there.path(), {}, {.threads = options.threads, .on_progress = on_progress});
  line.erase();
  if (!read) throw failure_to_read(read.error());
  const recovery_report& report = *read;
  const bool whole = report.findings.empty() && report.cut_bytes == 0 && report.cut_records == 0 && report.stepped_over == 0;
  if (options.json) {
    write_json(report, options.directory, whole, out);
  } else {
    write_findings(report, out);
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
