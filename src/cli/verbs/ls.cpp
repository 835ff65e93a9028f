// SPDX-License-Identifier: MIT
//
// varve ls - list the segments.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log_view.hpp>

#include "cli/failure.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/readable_directory.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct ls_options {
  std::string directory;
  bool json = false;
};

struct listing {
  std::vector<segment_description> segments;
  marks at;
};

std::string_view name_of_state(enum segment_description::state state) {
  switch (state) {
    case segment_description::state::prepared: return "prepared";
    case segment_description::state::active: return "active";
    case segment_description::state::ended: return "ended";
    case segment_description::state::sealed: return "sealed";
    case segment_description::state::dropped: return "dropped";
    case segment_description::state::damaged: return "damaged";
  }
  return "?";
}

std::string sequences_text(const sequence_range& range) {
  if (range.size() == 0) return "-";
  return fmt::format("{} to {}", range.first.value, range.end.value - 1);
}

void write_table(const listing& l, output& out) {
  table t{.to_the_right = {true, false, false, true, true, false},
          .rows = {{"number", "state", "sequences", "used", "size", "version info"}}};
  std::uint64_t used = 0, size = 0;
  for (const segment_description& s : l.segments) {
    used += s.used_bytes;
    size += s.file_bytes;
    t.rows.push_back({fmt::format("{}", s.number), std::string(name_of_state(s.state)), sequences_text(s.sequences),
                      size_text(s.used_bytes), size_text(s.file_bytes), printable(s.version_info)});
  }
  out.write(t.text());
  const std::uint64_t end = l.at.published.value + 1;
  out.print("{} sequences ({}), durable to {}; {} used of {} in {} segments\n", count_text(end - l.at.first.value),
            sequences_text({l.at.first, {end}}), l.at.durable.value, size_text(used), size_text(size), l.segments.size());
}

void write_json(const listing& l, const std::string& directory, output& out) {
  using nlohmann::ordered_json;
  ordered_json segments = ordered_json::array();
  for (const segment_description& s : l.segments) {
    ordered_json j = {{"number", s.number}, {"state", name_of_state(s.state)}};
    j["sequences"] =
        s.sequences.size() == 0 ? ordered_json{} : sequences_json(s.sequences.first.value, s.sequences.end.value - 1);
    j["used_bytes"] = s.used_bytes;
    j["file_bytes"] = s.file_bytes;
    add_bytes(j, "version_info", "version_info_base64", s.version_info);
    segments.push_back(std::move(j));
  }
  ordered_json report;
  add_bytes(report, "directory", "directory_base64", directory);
  report["first"] = l.at.first.value;
  report["durable"] = l.at.durable.value;
  report["published"] = l.at.published.value;
  report["segments"] = std::move(segments);
  out.write(one_line(report));
}

exit_code ls(const ls_options& options, output& out) {
  readable_directory there(options.directory);
  const log_view view = open_to_read(there.path());
  const listing l{.segments = take(there.reading([&] { return view.segments(); })),
                  .at = take(there.reading([&] { return view.stats(); })).at};
  if (options.json) {
    write_json(l, options.directory, out);
  } else {
    write_table(l, out);
  }
  const bool whole = std::ranges::none_of(
      l.segments, [](const segment_description& s) { return s.state == segment_description::state::damaged; });
  return whole ? exit_code::fine : exit_code::findings;
}

}  // namespace

action set_up_ls(CLI::App& app) {
  const auto options = std::make_shared<ls_options>();
  add_directory(app, options->directory);
  add_json(app, options->json);
  set_footer(app, "  varve ls orders\n");
  return [options](output& out) { return ls(*options, out); };
}

}  // namespace varve::cli
