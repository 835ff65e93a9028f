// SPDX-License-Identifier: MIT
//
// varve copy - rewrite a log with other settings: the same records, under the same sequences.
//
// As strict as a backup: a log that lacks something is refused, before NEW is made, unless the caller accepts the loss.

#include <algorithm>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log_view.hpp>
#include <varve/salvage.hpp>

#include "cli/copier.hpp"
#include "cli/failure.hpp"
#include "cli/findings.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/progress.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct copy_verb_options {
  copy_settings with;
  bool accept_loss = false;
};

using finding = recovery_report::finding;

struct outcome {
  sequence_range sequences{};
  std::uint64_t records = 0, abandoned = 0;
  std::vector<finding> losses;    // records that had been durable
  std::vector<finding> left_out;  // a torn end, which the next open would cut as well
};

std::vector<finding> of_kind(const recovery_report& report, finding_kind kind) {
  std::vector<finding> those;
  std::ranges::copy_if(report.findings, std::back_inserter(those), [&](const finding& f) { return f.kind() == kind; });
  return those;
}

/// Several findings may concern one sequence.
std::uint64_t count_sequences(std::vector<finding> findings) {
  std::ranges::sort(findings, {}, [](const finding& f) { return f.sequences.first.value; });
  std::uint64_t count = 0, end = 0;
  for (const auto& f : findings) {
    const std::uint64_t from = std::max(f.sequences.first.value, end);
    end = std::max(f.sequences.end.value, end);
    count += end - std::min(from, end);
  }
  return count;
}

std::uint64_t count_lost(const recovery_report& report) {
  std::uint64_t count = 0;
  for (const auto& each : report.lost) count += each.size();
  return count;
}

/// Every byte is read: what a reader passes over without a word is found here.
recovery_report look_at(const std::string& directory) {
  progress line;
  const auto on_progress = [&line](const recovery_progress& p) {
    line.tick([&p] { return fmt::format("checking: {} of {}", size_text(p.bytes_done), size_text(p.bytes_total)); });
  };
  auto report = verify(directory, {}, {.on_progress = on_progress});
  line.erase();
  if (!report) throw failure_to_read(report.error());
  return std::move(*report);
}

failure refusal(const std::string& directory, const std::vector<finding>& losses) {
  const auto is_placed = [](const finding& each) { return each.sequences.size() != 0; };
  const auto placed = std::ranges::find_if(losses, is_placed);
  const finding& worst = placed != losses.end() ? *placed : losses.front();
  failure f;
  f.exit = exit_code::damaged;
  f.code = name_of(errc::damaged);
  f.path = directory;
  f.segment = worst.segment;
  f.offset = worst.offset;
  f.first_sequence = worst.sequences.first.value;
  f.last_sequence = std::max(worst.sequences.end.value, std::uint64_t{1}) - 1;
  std::string where = f.segment == 0 ? "" : fmt::format("segment {}, offset {}", f.segment, f.offset);
  if (worst.sequences.size() != 0)
    where += fmt::format("{}sequences {} to {}", where.empty() ? "" : ", ", f.first_sequence, f.last_sequence);
  const std::string more = losses.size() == 1 ? "" : fmt::format(", and {} more findings", losses.size() - 1);
  f.message = fmt::format("{}: {} ({}){}; nothing was made. varve verify names all of it; --accept-loss copies what is left",
                          directory, worst.cause(), where, more);
  return f;
}

std::string progress_text(const copier& target, sequence first, sequence end) {
  return fmt::format("copying: {} of {} records", target.next().value - first.value, end.value - first.value);
}

/// `lost`  how many sequences it goes on without, and so does the copy.
outcome copy_all(const copy_settings& settings, std::uint64_t lost) {
  const log_view view = open_to_read(settings.from);
  const log_description from = take(view.describe());
  // What a writer appends meanwhile is left out.
  const sequence first = from.at.first, end = {view.published_sequence().value + 1};
  copier target(settings.to, options_of(settings, from), first);
  progress line;
  reader r = take(view.reader(first));
  while (target.next() < end) {
    auto next = r.next();
    if (!next && next.error().code() == errc::damaged && lost != 0) {
      const sequence_range gap{{next.error().first_sequence()}, {std::min(next.error().last_sequence() + 1, end.value)}};
      target.lose(gap);
      check(r.seek(gap.end));
      continue;
    }
    const auto record = take(std::move(next));
    if (!record || (record->sequence() >= end && !target.inside_batch())) break;
    target.add(*record);
    line.tick([&] { return progress_text(target, first, end); });
  }
  line.erase();
  target.finish(end);
  return {
      .sequences = {first, end}, .records = target.records(), .abandoned = target.abandoned(), .losses = {}, .left_out = {}};
}

/// What findings say of sequences that a salvage did not come to.
std::vector<finding> from(std::vector<finding> findings, sequence end) {
  for (auto& f : findings) f.sequences.first = std::max(f.sequences.first, end);
  std::erase_if(findings, [](const finding& f) { return f.sequences.end <= f.sequences.first; });
  return findings;
}

/// Sequences of what is lost are not given out again.
outcome copy_what_is_left(const copy_settings& settings, const recovery_report& found) {
  const log_view view = open_to_read(settings.from);
  const log_description description = take(view.describe());
  const sequence first = description.at.first, expected = {view.published_sequence().value + 1};
  copier target(settings.to, options_of(settings, description), first);
  progress line;
  std::exception_ptr trouble;  // with the new log; the library's callers may not throw
  const auto add = [&](const record& r) {
    try {
      target.add(r);
      line.tick([&] { return progress_text(target, first, expected); });
    } catch (...) {
      trouble = std::current_exception();
    }
    return trouble == nullptr;
  };
  const auto lose = [&](const finding& gap) {
    try {
      if (gap.kind() == finding_kind::damage) target.lose(gap.sequences);
    } catch (...) {
      trouble = std::current_exception();
    }
    return trouble == nullptr;
  };
  auto done = salvage(settings.from, {.record = add, .gap = lose});
  line.erase();
  if (trouble) std::rethrow_exception(trouble);
  if (!done) throw failure_to_read(done.error());
  outcome o{.losses = std::move(done->gaps), .left_out = {}};
  sequence end = done->sequences.end;
  for (const auto& f : from(of_kind(found, finding_kind::damage), end)) {
    o.losses.push_back(f);
    target.lose(f.sequences);
    end = std::max(end, f.sequences.end);
  }
  o.left_out = from(of_kind(found, finding_kind::cut), end);
  target.finish(end);
  o.sequences = {first, end};
  o.records = target.records();
  o.abandoned = target.abandoned();
  return o;
}

nlohmann::ordered_json findings_json(const std::vector<finding>& findings) {
  auto all = nlohmann::ordered_json::array();
  for (const auto& f : findings) all.push_back(finding_json(f));
  return all;
}

void write_json(const outcome& o, const copy_settings& settings, output& out) {
  nlohmann::ordered_json report;
  add_bytes(report, "directory", "directory_base64", settings.from);
  add_bytes(report, "new", "new_base64", settings.to);
  report["records"] = o.records;
  report["abandoned"] = o.abandoned;
  report["first"] = o.sequences.first.value;
  report["published"] = o.sequences.end.value - 1;
  report["lost"] = count_sequences(o.losses);
  report["losses"] = findings_json(o.losses);
  report["left_out"] = findings_json(o.left_out);
  out.write(one_line(report));
}

void write_text(const outcome& o, const copy_settings& settings, output& out) {
  for (const auto& f : o.losses) write_finding(f, out);
  for (const auto& f : o.left_out) write_finding(f, out);
  out.print("copied {} records to {}, sequences {} to {}", count_text(o.records), settings.to, o.sequences.first.value,
            o.sequences.end.value - 1);
  if (!o.losses.empty()) out.print("; {} sequences are lost", count_text(count_sequences(o.losses)));
  if (!o.left_out.empty()) out.print("; a torn end is left out, {} sequences", count_text(count_sequences(o.left_out)));
  out.print("\n");
}

exit_code copy(const copy_verb_options& options, output& out) {
  const copy_settings& settings = options.with;
  refuse_if_there(settings.to);  // before all is read
  const recovery_report found = look_at(settings.from);
  const std::vector<finding> damage = of_kind(found, finding_kind::damage);
  if (!damage.empty() && !options.accept_loss) throw refusal(settings.from, damage);
  outcome o = damage.empty() ? copy_all(settings, count_lost(found)) : copy_what_is_left(settings, found);
  if (damage.empty()) o.left_out = of_kind(found, finding_kind::cut);
  if (settings.json) {
    write_json(o, settings, out);
  } else {
    write_text(o, settings, out);
  }
  return damage.empty() ? exit_code::fine : exit_code::findings;
}

}  // namespace

action set_up_copy(CLI::App& app) {
  const auto options = std::make_shared<copy_verb_options>();
  add_copy_settings(app, options->with);
  app.add_flag("--accept-loss", options->accept_loss,
               "Copy what can be read of a log that is damaged or lacks records, say what is lost, and answer 1");
  set_footer(app,
             "  varve copy orders orders.new --segment-size 256MiB\n"
             "Every byte is checked first. Damage and missing records stop it, with 4, and nothing is left of NEW. Of a\n"
             "torn end after a power loss, which opening the log would cut, it says that it is left out.\n");
  return [options](output& out) { return copy(*options, out); };
}

}  // namespace varve::cli
