// SPDX-License-Identifier: MIT
//
// varve stat - what a log holds, who writes it, what holds it up, and what the next open would do.
//
// All of it comes from a view: nothing is asked of the writer, and nothing is written.

#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log_view.hpp>

#include "cli/checksum_names.hpp"
#include "cli/failure.hpp"
#include "cli/json.hpp"
#include "cli/next_open.hpp"
#include "cli/opening.hpp"
#include "cli/readable_directory.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct stat_options {
  std::string directory;
  bool json = false;
};

std::string_view name_of(log_description::ending found) {
  switch (found) {
    case log_description::ending::unknown: return "unknown";
    case log_description::ending::closed: return "closed";
    case log_description::ending::death: return "death";
    case log_description::ending::power_loss: return "power_loss";
  }
  return "?";
}

std::string_view text_of(log_description::ending found) {
  switch (found) {
    case log_description::ending::unknown: return "how it had been left is not noted";
    case log_description::ending::closed: return "it had been closed";
    case log_description::ending::death: return "its process had died";
    case log_description::ending::power_loss: return "as after a power loss";
  }
  return "?";
}

std::string_view name_of(log_description::activity writer) {
  switch (writer) {
    case log_description::activity::nobody: return "nobody";
    case log_description::activity::recovering: return "recovering";
    case log_description::activity::appending: return "appending";
  }
  return "?";
}

std::uint64_t kept(const marks& at) { return at.published.value + 1 - at.first.value; }

std::string writer_text(const log_description& d) {
  using activity = log_description::activity;
  if (d.writer == activity::recovering) return "a process that is still recovering the log";
  if (d.writer == activity::appending) return fmt::format("process {}", d.process);
  if (d.process == 0) return "nobody";
  return fmt::format("nobody; process {} did, and has ended without closing the log", d.process);
}

std::string opening_text(const log_description::opening& o) {
  std::string text = fmt::format("{}; {} sequences kept", text_of(o.found), count_text(o.kept));
  if (o.stepped_over != 0) text += fmt::format(", {} unfinished appends stepped over", count_text(o.stepped_over));
  if (o.cut_records != 0 || o.cut_bytes != 0)
    text += fmt::format(", {} records ({}) cut", count_text(o.cut_records), size_text(o.cut_bytes));
  return text;
}

std::string next_open_text(const log_description& d) {
  if (d.refuses) return "refuses";
  return d.next_open ? opening_text(*d.next_open) : "-";
}

std::string unfinished_text(const log_description& d) {
  if (!d.oldest_unfinished) return "none seen";
  const auto& claim = *d.oldest_unfinished;
  return fmt::format("sequence {}, segment {}, offset {}; {} finished records wait behind it", claim.sequence.value,
                     claim.segment, claim.offset, count_text(claim.finished_behind));
}

/// What lies before the first sequence need not be saved any more.
std::string saved_text(const log_description& d) {
  const auto up_to = [&](sequence s) { return s < d.at.first ? std::string{"nothing"} : fmt::format("to {}", s.value); };
  return fmt::format("checkpointed {}, archived {}", up_to(d.checkpointed), up_to(d.archived));
}

/// Without what this program holds itself, to look.
std::vector<log_description::pin> others_pins(const log_description& d) {
  auto pins = d.pins;
  std::erase_if(pins, [](const auto& p) { return p.process == static_cast<std::uint64_t>(::getpid()); });
  return pins;
}

std::string pins_text(const log_description& d) {
  std::string text;
  std::uint64_t before = 0;
  for (const auto& p : others_pins(d)) {
    const std::string who =
        p.process == 0 ? "a process that cannot be seen from here" : fmt::format("process {}", p.process);
    text += p.segment == before ? ", " : fmt::format("{}segment {} by ", text.empty() ? "" : "; ", p.segment);
    text += who;
    before = p.segment;
  }
  return text.empty() ? "nobody, as far as can be seen" : text;
}

std::string set_aside_text(const log_description& d) {
  std::string text;
  for (const auto& each : d.set_aside)
    text += fmt::format("{}{}: {} files, {}", text.empty() ? "" : "; ", each.name, each.files, size_text(each.bytes));
  return text;
}

void write_text(const log_description& d, output& out) {
  const std::string held = kept(d.at) == 0 ? "-" : fmt::format("{} to {}", d.at.first.value, d.at.published.value);
  std::string files = fmt::format("{} sealed, {} ended, {} active, {} prepared", d.sealed, d.ended, d.active, d.prepared);
  if (d.damaged != 0) files += fmt::format(", {} damaged", d.damaged);
  if (const std::string trouble = trouble_of_next_open(d); !trouble.empty()) out.print("{}\n", trouble);
  table t{.to_the_right = {}, .rows = {}};
  t.rows.push_back({"sequences", fmt::format("{} ({}), durable to {}", count_text(kept(d.at)), held, d.at.durable.value)});
  t.rows.push_back({"saved elsewhere", saved_text(d)});
  t.rows.push_back({"segments", files});
  t.rows.push_back({"space", fmt::format("{} used of {}", size_text(d.bytes_used), size_text(d.bytes_allocated))});
  t.rows.push_back({"made with", fmt::format("segments of {}, checksum {}, an index entry each {}{}",
                                             size_text(d.segment_bytes), checksum_name(d.checksum),
                                             size_text(d.index_stride_bytes), d.record_times ? ", times of records" : "")});
  t.rows.push_back({"written by", writer_text(d)});
  t.rows.push_back({"unfinished", unfinished_text(d)});
  t.rows.push_back({"held", pins_text(d)});
  if (!d.set_aside.empty()) t.rows.push_back({"set aside", set_aside_text(d)});
  t.rows.push_back({"last open", fmt::format("epoch {}: {}", d.epoch, opening_text(d.last_open))});
  t.rows.push_back({"next open", next_open_text(d)});
  out.write(t.text());
}

nlohmann::ordered_json opening_json(const log_description::opening& o) {
  return {{"found", name_of(o.found)},
          {"kept", o.kept},
          {"stepped_over", o.stepped_over},
          {"cut_bytes", o.cut_bytes},
          {"cut_records", o.cut_records},
          {"cut", o.cut.size() == 0 ? nlohmann::ordered_json{} : sequences_json(o.cut.first.value, o.cut.end.value - 1)}};
}

nlohmann::ordered_json unfinished_json(const log_description& d) {
  if (!d.oldest_unfinished) return {};
  const auto& claim = *d.oldest_unfinished;
  return {{"sequence", claim.sequence.value},
          {"segment", claim.segment},
          {"offset", claim.offset},
          {"finished_behind", claim.finished_behind}};
}

void write_json(const log_description& d, const std::string& directory, output& out) {
  using nlohmann::ordered_json;
  ordered_json j;
  add_bytes(j, "directory", "directory_base64", directory);
  j["first"] = d.at.first.value;
  j["durable"] = d.at.durable.value;
  j["published"] = d.at.published.value;
  j["kept"] = kept(d.at);
  j["checkpointed"] = d.checkpointed.value;
  j["archived"] = d.archived.value;
  j["epoch"] = d.epoch;
  j["segments"] = {{"prepared", d.prepared}, {"active", d.active},   {"ended", d.ended},
                   {"sealed", d.sealed},     {"damaged", d.damaged}, {"dropped", d.dropped}};
  j["used_bytes"] = d.bytes_used;
  j["allocated_bytes"] = d.bytes_allocated;
  j["segment_bytes"] = d.segment_bytes;
  j["checksum"] = checksum_name(d.checksum);
  j["index_stride_bytes"] = d.index_stride_bytes;
  j["record_times"] = d.record_times;
  j["writer"] = name_of(d.writer);
  j["process"] = d.process == 0 ? ordered_json{} : ordered_json(d.process);
  j["oldest_unfinished"] = unfinished_json(d);
  auto& pins = j["held_by"] = ordered_json::array();
  for (const auto& p : others_pins(d))
    pins.push_back({{"segment", p.segment}, {"process", p.process == 0 ? ordered_json{} : ordered_json(p.process)}});
  auto& set_aside = j["set_aside"] = ordered_json::array();
  for (const auto& each : d.set_aside)
    set_aside.push_back({{"name", each.name}, {"files", each.files}, {"bytes", each.bytes}});
  j["last_open"] = opening_json(d.last_open);
  j["next_open"] = d.next_open && !d.refuses ? opening_json(*d.next_open) : ordered_json{};
  j["refuses"] = d.refuses;
  j["would_cut"] = d.would_cut;
  out.write(one_line(j));
}

exit_code stat(const stat_options& options, output& out) {
  readable_directory there(options.directory);
  const log_view view = open_to_read(there.path());
  const log_description d = take(there.reading([&] { return view.describe(); }));
  if (options.json) {
    write_json(d, options.directory, out);
  } else {
    write_text(d, out);
  }
  return d.refuses || d.would_cut || d.damaged != 0 ? exit_code::findings : exit_code::fine;
}

}  // namespace

action set_up_stat(CLI::App& app) {
  const auto options = std::make_shared<stat_options>();
  add_directory(app, options->directory);
  add_json(app, options->json);
  set_footer(
      app,
      "  varve stat orders\n"
      "  varve stat orders --json | jq .oldest_unfinished\n"
      "1 says that a segment is damaged, or that the next open would cut records or refuse: the first line says which.\n"
      "Also beside a writer, who is not disturbed. What stands in front of finished records and is not finished holds up\n"
      "all readers: it is the append of a thread that is stopped, or was just then under way.\n");
  return [options](output& out) { return stat(*options, out); };
}

}  // namespace varve::cli
