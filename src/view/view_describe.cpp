// SPDX-License-Identifier: MIT
//
// view_describe.cpp - what a view says of a log and its segments. Layer view.
#include <algorithm>
#include <map>

#include "os/process.hpp"
#include "recovery/set_aside.hpp"
#include "view/unfinished.hpp"
#include "view/view_object.hpp"

namespace varve::core {
namespace {

log_description::ending public_name_of(ending how) noexcept {
  switch (how) {
    case ending::clean: return log_description::ending::closed;
    case ending::death: return log_description::ending::death;
    case ending::power_loss: return log_description::ending::power_loss;
    case ending::living: break;
  }
  return log_description::ending::unknown;
}

/// What the last open for writing noted of itself.
log_description::opening last_opening_of(const format::state& s) noexcept {
  const bool is_known = s.report_ending <= static_cast<std::uint32_t>(ending::power_loss);
  return {.found = is_known ? public_name_of(static_cast<ending>(s.report_ending)) : log_description::ending::unknown,
          .kept = s.report_kept,
          .cut_bytes = s.report_cut_bytes,
          .cut_records = s.report_cut_records,
          .stepped_over = s.report_stepped_over};
}

std::uint64_t& count_of(log_description& d, enum segment_description::state state) noexcept {
  switch (state) {
    case segment_description::state::prepared: return d.prepared;
    case segment_description::state::active: return d.active;
    case segment_description::state::ended: return d.ended;
    case segment_description::state::sealed: return d.sealed;
    case segment_description::state::dropped: return d.dropped;
    case segment_description::state::damaged: break;
  }
  return d.damaged;
}

/// Each process once for each segment. Where the system does not tell, nobody.
std::vector<log_description::pin> pins_of(const log_place& place, const segment_files& found) {
  std::vector<log_description::pin> pins;
  const auto holders = os::pin_holders(place.directory);
  if (!holders) return pins;
  std::map<std::uint64_t, std::uint64_t> number_of;  // by inode
  for (const auto& f : found.files) number_of.emplace(f.inode, f.number);
  for (const auto& each : *holders) {
    const auto file = number_of.find(each.inode);
    if (file != number_of.end()) pins.push_back({.segment = file->second, .process = each.process});
  }
  const auto key = [](const log_description::pin& p) { return std::pair{p.segment, p.process}; };
  std::ranges::sort(pins, {}, key);
  const auto again = std::ranges::unique(pins, {}, key);
  pins.erase(again.begin(), again.end());
  return pins;
}

bool is_refused(const recovery_report::finding& f) noexcept { return f.kind() == finding_kind::damage; }

/// Strict recovery refuses it. A torn activation it does not: nothing was in that segment.
bool is_cut(const recovery_report::finding& f) noexcept {
  return f.kind() == finding_kind::cut && f.row != row_activation_torn;
}

/// From the first sequence that would go to the last.
sequence_range cut_of(const recovery_report& r) noexcept {
  sequence_range cut;
  for (const auto& f : r.findings) {
    if (!is_cut(f) || f.sequences.size() == 0) continue;
    cut.first = cut.size() == 0 ? f.sequences.first : std::min(cut.first, f.sequences.first);
    cut.end = std::max(cut.end, f.sequences.end);
  }
  return cut;
}

}  // namespace

result<statistics> view_object::stats() {
  statistics s;
  const std::scoped_lock lock{guard_};
  s.at = look_now();
  s.claimed = s.at.published;
  const auto found = look_at_files();
  if (!found) return std::unexpected(found.error());
  for (const auto& f : found->files) s.bytes_allocated += f.allocated_bytes;
  s.segments = seen_.chain.size();
  for (const auto& each : list(*found))
    if (each.state != segment_description::state::prepared) s.bytes_used += each.used_bytes;
  return s;
}

result<std::vector<segment_description>> view_object::segments() {
  const std::scoped_lock lock{guard_};
  static_cast<void>(look_now());
  const auto found = look_at_files();
  if (!found) return std::unexpected(found.error());
  return list(*found);
}

/// Behind a look: all that there is, also what stands behind a claim that is not finished. That holds up the view; the log
/// has gone on.
result<segment_files> view_object::look_at_files() {
  if (trouble_) return std::unexpected(*trouble_);
  if (seen_.ending == ending::living) {
    if (const auto done = extend_chain(); !done) return std::unexpected(done.error());
  }
  return read_segment_files(place_);
}

std::vector<segment_description> view_object::list(const segment_files& found) {
  const auto at = frontier_.advance();
  std::vector<segment_description> all, prepared;
  std::map<std::uint64_t, std::size_t> link_of;  // by number
  for (std::size_t i = 0; i < seen_.chain.size(); ++i) link_of.emplace(seen_.chain[i].facts.number, i);
  for (const auto& f : found.files) {
    segment_description d{.number = f.number, .file_bytes = f.file_bytes};
    if (f.identity) d.version_info = f.identity->version_info;
    const auto position = link_of.find(f.number);
    if (position == link_of.end()) {
      // Beside a living writer one may have been begun since.
      const bool was_begun = f.activation && seen_.ending != ending::living;
      const bool was_truncated = std::ranges::find(seen_.truncated, f.number) != seen_.truncated.end();
      const bool was_dropped = was_truncated || (f.activation && f.activation->base < seen_.first);
      if (was_dropped) {
        d.state = segment_description::state::dropped;
      } else if (f.foreign || f.activation_damaged || was_begun) {
        d.state = segment_description::state::damaged;
      }
      prepared.push_back(std::move(d));
      continue;
    }
    const chain_link* const link = &seen_.chain[position->second];
    const bool is_last = link == &seen_.chain.back();
    const bool takes_claims = is_last && (seen_.ending == ending::living || seen_.ending == ending::clean);
    d.state = link->facts.header_rebuilt ? segment_description::state::damaged
              : f.seal                   ? segment_description::state::sealed
              : takes_claims             ? segment_description::state::active
                                         : segment_description::state::ended;
    const std::uint64_t end = link->end_sequence != none_yet ? link->end_sequence : frontier_.published() + 1;
    d.sequences = {{link->facts.base}, {std::max(end, link->facts.base)}};
    d.used_bytes = link->end_offset != none_yet                               ? link->end_offset
                   : at.segment() && at.segment()->facts().number == f.number ? at.offset()
                   : f.end                                                    ? f.end->offset
                                                                              : format::segment_header_bytes;
    all.push_back(std::move(d));
  }
  std::ranges::sort(all, {}, [](const segment_description& d) { return d.sequences.first; });
  all.insert(all.end(), std::make_move_iterator(prepared.begin()), std::make_move_iterator(prepared.end()));
  return all;
}

result<log_description> view_object::describe() {
  log_description d;
  const std::scoped_lock lock{guard_};
  d.at = look_now();
  const auto found = look_at_files();
  if (!found) return std::unexpected(found.error());
  for (const auto& f : found->files) d.bytes_allocated += f.allocated_bytes;
  for (const auto& s : list(*found)) {
    d.bytes_used += s.state == segment_description::state::prepared ? 0 : s.used_bytes;
    ++count_of(d, s.state);
  }
  describe_positions(d);
  d.epoch = state_->current().epoch;
  d.segment_bytes = place_.meta.segment_bytes;
  d.checksum = place_.checksum_kind();
  d.index_stride_bytes = place_.meta.index_stride_bytes;
  d.record_times = place_.keeps_times();
  d.last_open = last_opening_of(state_->current());
  d.pins = pins_of(place_, *found);
  const auto set_aside = list_set_aside(place_);
  if (!set_aside) return place_.fail_call(set_aside.error());
  for (const auto& each : *set_aside) d.set_aside.push_back({each.name, each.files, each.bytes});
  d.refuses = std::ranges::any_of(seen_.report.findings, is_refused);
  if (auto done = describe_writer(d); !done) return std::unexpected(done.error());
  return d;
}

/// They move while the state says nothing else that is new.
void view_object::describe_positions(log_description& d) const {
  const auto again = state_file::open(place_, os::access::read);
  const auto& now = again ? again->current() : state_->current();
  const std::uint64_t least = seen_.first - 1;
  // Of a log that nobody writes, as the next open will have it.
  const std::uint64_t most = std::max(least, seen_.ending == ending::living ? format::sequence_max : seen_.next - 1);
  d.checkpointed = {std::clamp(now.checkpoint, least, most)};
  d.archived = {std::clamp(now.archived, least, most)};
}

result<void> view_object::describe_writer(log_description& d) {
  using activity = log_description::activity;
  const auto appends = has_writer_of(live_, *state_);
  if (!appends) return place_.fail_call(appends.error());
  const auto owned = live_.has_owner();
  if (!owned) return place_.fail_call(owned.error());
  d.writer = *appends ? activity::appending : *owned ? activity::recovering : activity::nobody;
  const bool is_open = state_->current().condition == format::condition::open;
  if (d.writer != activity::recovering && is_open && live_.writer_epoch() == d.epoch) d.process = live_.writer_process();
  if (d.writer == activity::appending) d.oldest_unfinished = find_unfinished(frontier_.advance(), table_);
  if (d.writer == activity::nobody && seen_.ending != ending::living) {
    const auto& r = seen_.report;
    d.next_open = {.found = public_name_of(seen_.ending),
                   .kept = r.kept,
                   .cut_bytes = r.cut_bytes,
                   .cut_records = r.cut_records,
                   .stepped_over = r.stepped_over,
                   .cut = cut_of(r)};
    d.would_cut = !d.refuses && std::ranges::any_of(r.findings, is_cut);
  }
  return {};
}

}  // namespace varve::core
