// SPDX-License-Identifier: MIT
#include "cli/rebuild_state.hpp"

#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <varve/recovery.hpp>

#include "cli/checksum_names.hpp"
#include "cli/failure.hpp"
#include "cli/findings.hpp"
#include "cli/json.hpp"
#include "cli/progress.hpp"
#include "cli/sizes.hpp"

namespace varve::cli {
namespace {

failure why(const error& e, const rebuild_wish& wish) {
  if (e.code() == errc::bad_option) {
    return usage_failure(
        "nothing_to_rebuild",
        fmt::format("{}: varve.state and varve.meta can be read, so there is nothing to rebuild; varve recover, "
                    "without this option, recovers the log",
                    wish.directory),
        wish.directory);
  }
  failure f = failure_to_read(e);
  if (e.code() == errc::damaged || e.code() == errc::incomplete)
    f.message = fmt::format(
        "it cannot be proved that nothing would be lost, and nothing was changed: {} Now varve salvage {} NEW "
        "reads what is there",
        f.message, wish.directory);
  return f;
}

nlohmann::ordered_json range_json(const sequence_range& r) {
  return r.size() == 0 ? nlohmann::ordered_json{} : sequences_json(r.first.value, r.end.value - 1);
}

void write_json(const rebuild_wish& wish, const state_rebuild& r, output& out) {
  nlohmann::ordered_json j;
  add_bytes(j, "directory", "directory_base64", wish.directory);
  j["dry_run"] = wish.dry_run;
  j["state"] = r.state;
  j["meta"] = r.meta;
  j["sequences"] = range_json(r.sequences);
  j["next"] = r.sequences.end.value;
  j["segments"] = r.segments;
  j["may_have_been_trimmed"] = range_json(r.may_have_been_trimmed);
  j["truncated_from"] =
      r.truncated_from.value == 0 ? nlohmann::ordered_json{} : nlohmann::ordered_json(r.truncated_from.value);
  j["segment_bytes"] = r.segment_bytes;
  j["index_stride_bytes"] = r.index_stride_bytes;
  j["checksum"] = checksum_name(r.checksum);
  j["record_times"] = r.record_times;
  nlohmann::ordered_json next_open;
  add_report(next_open, r.next_open);
  j["next_open"] = next_open;
  if (r.kept_in.empty()) {
    j["kept_in"] = {};
  } else {
    add_bytes(j, "kept_in", "kept_in_base64", r.kept_in);
  }
  out.write(one_line(j));
}

void write_text(const rebuild_wish& wish, const state_rebuild& r, output& out) {
  const std::string_view files = r.state && r.meta ? "varve.state and varve.meta" : r.state ? "varve.state" : "varve.meta";
  out.print("{} {} made again from {}\n", files,
            wish.dry_run        ? "would be"
            : r.state && r.meta ? "were"
                                : "was",
            segments_text(r.segments));
  if (r.meta)
    out.print("made with, by what the segments say: segments of {}, checksum {}, an index entry each {}{}\n",
              size_text(r.segment_bytes), checksum_name(r.checksum), size_text(r.index_stride_bytes),
              r.record_times ? ", times of records" : "");
  if (r.may_have_been_trimmed.size() != 0)
    out.print("sequences {} to {}: the first of them, or all, may have been trimmed; varve trim drops them again\n",
              r.may_have_been_trimmed.first.value, r.may_have_been_trimmed.end.value - 1);
  if (r.truncated_from.value != 0)
    out.print("a truncation was under way: the next open removes everything from sequence {} on\n", r.truncated_from.value);
  if (r.state) out.print("that anything was checkpointed or archived is not known any more\n");
  if (!r.kept_in.empty()) out.print("what was left of the old files is in {}\n", r.kept_in);
  out.print("the next open recovers the log:\n");
  write_findings(r.next_open, out);
}

}  // namespace

exit_code rebuild_lost_state(const rebuild_wish& wish, output& out) {
  progress line;
  const auto tell = [&line](const recovery_progress& p) {
    line.tick([&p] { return fmt::format("checking: {} of {}", size_text(p.bytes_done), size_text(p.bytes_total)); });
  };
  const auto done = rebuild_state(wish.directory, {.dry_run = wish.dry_run, .threads = wish.threads, .on_progress = tell});
  line.erase();
  if (!done) throw why(done.error(), wish);
  if (wish.json) {
    write_json(wish, *done, out);
  } else {
    write_text(wish, *done, out);
  }
  return exit_code::fine;
}

}  // namespace varve::cli
