// SPDX-License-Identifier: MIT
//
// varve salvage - get what can still be read out of a damaged log, into a new one.

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/salvage.hpp>

#include "cli/copier.hpp"
#include "cli/failure.hpp"
#include "cli/findings.hpp"
#include "cli/json.hpp"
#include "cli/progress.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct salvage_settings : copy_settings {
  std::vector<std::string> files;
  std::string removed_to;
};

/// What a salvage of the tool has done.
struct outcome {
  salvage_report report;
  std::uint64_t removed_saved = 0;  // in the second log
};

void write_text(const outcome& done, const salvage_settings& settings, output& out) {
  const auto& r = done.report;
  for (const auto& each : r.headers) write_finding(each, out);
  for (const auto& gap : r.gaps) write_finding(gap, out);
  for (const auto& each : r.decisions) write_finding("removed", each, out);
  for (const auto& each : r.foreign) out.print("left alone: {} is a segment of another log\n", each);
  if (!r.trim_point_known)
    out.print("varve.state is lost, or is not the newest: what comes first, or is missing first, may have been trimmed\n");
  out.print("saved {} records to {}; {} sequences are missing, in {} gaps; {} were abandoned, {} never finished\n",
            count_text(r.records), settings.to, count_text(r.missing), count_text(r.gaps.size()), count_text(r.abandoned),
            count_text(r.unfinished));
  if (r.removed + r.superseded == 0) return;
  out.print("{} records are still there that were trimmed, truncated or cut, and {} whose sequence another one has",
            count_text(r.removed), count_text(r.superseded));
  if (settings.removed_to.empty()) {
    out.print(" (--removed NEW2 saves them as well)\n");
  } else {
    out.print("; {} of them are in {}\n", count_text(done.removed_saved), settings.removed_to);
  }
}

nlohmann::ordered_json list_json(const std::vector<recovery_report::finding>& findings) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& each : findings) list.push_back(finding_json(each));
  return list;
}

void write_json(const outcome& done, const salvage_settings& settings, output& out) {
  const auto& r = done.report;
  nlohmann::ordered_json report;
  add_bytes(report, "directory", "directory_base64", settings.from);
  add_bytes(report, "new", "new_base64", settings.to);
  report["records"] = r.records;
  report["abandoned"] = r.abandoned;
  report["missing"] = r.missing;
  report["unfinished"] = r.unfinished;
  report["removed"] = r.removed;
  report["superseded"] = r.superseded;
  report["removed_saved"] = done.removed_saved;
  report["trim_point_known"] = r.trim_point_known;
  report["gaps"] = list_json(r.gaps);
  report["decisions"] = list_json(r.decisions);
  report["headers"] = list_json(r.headers);
  report["foreign"] = r.foreign;
  out.write(one_line(report));
}

log_description description_of(const salvage_source& s) {
  log_description d;
  d.segment_bytes = s.segment_bytes;
  d.index_stride_bytes = s.index_stride_bytes;
  d.checksum = s.checksum;
  d.record_times = s.record_times;
  return d;
}

/// Takes what a salvage hands out into one new log, or two.
class saver {
 public:
  explicit saver(const salvage_settings& settings) : settings_(settings) {}

  outcome run() {
    salvage_handler handler;
    handler.begin = [this](const salvage_source& s) {
      return without_trouble([&] {
        options_ = options_of(settings_, description_of(s));
        target_.emplace(settings_.to, options_, s.first);
      });
    };
    handler.record = [this](const record& r) { return without_trouble([&] { add(r); }); };
    handler.gap = [this](const recovery_report::finding& gap) {
      // What was never finished was never a record.
      return without_trouble([&] {
        if (gap.kind() == finding_kind::damage) target_->lose(gap.sequences);
      });
    };
    if (!settings_.removed_to.empty())
      handler.removed = [this](const record& r) { return without_trouble([&] { add_removed(r); }); };
    salvage_options options;
    for (const auto& each : settings_.files) options.from.emplace_back(each);
    const auto done = salvage(settings_.from, handler, options);
    line_.erase();
    if (trouble_) std::rethrow_exception(trouble_);
    if (!done) throw failure_to_read(done.error());
    target_->finish(done->sequences.end);
    if (removed_) removed_->finish(removed_->next());
    return {*done, removed_ ? removed_->records() : 0};
  }

 private:
  /// The library's callers may not throw.
  template <class Do>
  bool without_trouble(Do what) {
    try {
      what();
    } catch (...) {
      trouble_ = std::current_exception();
    }
    return trouble_ == nullptr;
  }

  void add(const record& r) {
    target_->add(r);
    line_.tick([&] { return fmt::format("salvaging: {} records", target_->records()); });
  }

  /// Of several records of one sequence the newest comes first, and a log holds one.
  void add_removed(const record& r) {
    if (!removed_) removed_.emplace(settings_.removed_to, options_, r.sequence());
    if (r.sequence() >= removed_->next()) removed_->add(r);
  }

  const salvage_settings& settings_;
  log_options options_;
  std::optional<copier> target_, removed_;
  progress line_;
  std::exception_ptr trouble_;
};

exit_code salvage_log(salvage_settings settings, output& out) {
  if (settings.to.empty() && !settings.files.empty()) std::swap(settings.from, settings.to);  // NEW alone
  if (settings.to.empty()) throw usage_failure("usage", "salvage: NEW is missing: where is what is found to be written?");
  const outcome done = saver{settings}.run();
  if (settings.json) {
    write_json(done, settings, out);
  } else {
    write_text(done, settings, out);
  }
  const bool is_whole = done.report.missing == 0 && done.report.headers.empty();
  return is_whole ? exit_code::fine : exit_code::findings;
}

}  // namespace

action set_up_salvage(CLI::App& app) {
  const auto settings = std::make_shared<salvage_settings>();
  add_copy_settings(app, *settings);
  app.get_option("NEW")->required(false);
  app.add_option(
         "--from", settings->files,
         "A segment file, or a directory of such, to be read as well; may be given again. With it DIR may be left out")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(path_with_a_name())
      ->option_text("FILE");
  app.add_option("--removed", settings->removed_to,
                 "A second new log, for records that are still there though they were trimmed, truncated or cut")
      ->check(path_with_a_name())
      ->option_text("NEW2");
  set_footer(app,
             "  varve salvage orders orders.saved\n"
             "  varve salvage --from 00000000000000000007.seg orders.saved\n"
             "Each record that can be read gets into NEW under its own sequence; readers of NEW answer damaged for what is\n"
             "missing. DIR is never changed. 1 says that something was missing, or a header was damaged.\n");
  return [settings](output& out) { return salvage_log(*settings, out); };
}

}  // namespace varve::cli
