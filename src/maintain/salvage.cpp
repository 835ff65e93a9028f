// SPDX-License-Identifier: MIT
//
// The last of four steps by which a damaged log is read: what there is was collected, placed and judged
// (recovery/evidence.hpp, placed_segments.hpp, reading_plan.hpp); here it is read.
#include <algorithm>
#include <new>
#include <vector>

#include <varve/salvage.hpp>

#include "os/process.hpp"
#include "reader/cursor.hpp"
#include "recovery/reading_plan.hpp"
#include "recovery/recovery_table.hpp"
#include "segment/frame_search.hpp"
#include "segment/walker.hpp"

namespace varve::core {
namespace {

using finding = recovery_report::finding;

class salvager {
 public:
  salvager(const log_evidence& from, const placed_segments& placed, const reading_plan& plan,
           const salvage_handler& handler) noexcept
      : from_(from), placed_(placed), plan_(plan), handler_(handler), expected_(plan.first) {}

  result<salvage_report> run() {
    if (!begin() || !read_kept() || !read_removed()) return fail({.code = errc::cancelled, .subject = from_.path});
    return std::move(report_);
  }

 private:
  bool begin() {
    report_.trim_point_known = plan_.trim_point_known;
    report_.foreign = from_.foreign;
    for (const auto& p : placed_.all)
      if (p.rebuilt) report_.headers.push_back({row_header_damaged, p.facts.number, 0, {{p.facts.base}, {p.facts.base}}});
    for (const std::size_t i : placed_.unplaced) report_.headers.push_back({row_unplaced, from_.segments[i].number, 0, {}});
    return !handler_.begin || handler_.begin(source());
  }

  [[nodiscard]] salvage_source source() const {
    salvage_source s{
        .first = {plan_.first}, .trim_point_known = plan_.trim_point_known, .meta_known = from_.meta.has_value()};
    if (const auto& m = from_.meta) {
      s.segment_bytes = m->segment_bytes;
      s.index_stride_bytes = m->index_stride_bytes;
      s.checksum = static_cast<varve::checksum>(m->checksum_kind);
      s.record_times = m->times != 0;
      return s;
    }
    for (const auto& p : placed_.all) {
      const auto& f = from_.segments[p.copies.front()];
      s.segment_bytes = std::max(s.segment_bytes, round_down(f.file_bytes, format::segment_bytes_unit));
      if (f.identity) s.index_stride_bytes = f.identity->index_stride_bytes;
      s.checksum = p.facts.checksum;
      s.record_times = s.record_times || has_times(p);
    }
    return s;
  }

  /// By its first record.
  [[nodiscard]] bool has_times(const placed_segment& p) const {
    const auto in = map_evidence(from_, from_.segments[p.copies.front()], p.facts);
    if (!in) return false;
    const auto seen = look(*in, p.begin.offset, p.begin.sequence, format::depth::everything);
    return seen.what == sight::frame && seen.frame.is_record() &&
           (seen.frame.flags >> format::frame_flags::extension_shift) != 0;
  }

  // ---- What stands.

  bool read_kept() {
    for (std::size_t i = 0; i < plan_.kept.size(); ++i) {
      const auto& p = plan_.kept[i];
      const auto& segment = placed_.all[p.segment];
      segment_ = segment.facts.number;
      offset_ = 0;
      if (p.first > expected_ && !miss(row_segment_missing, p.first)) return false;
      if (!read(p, 0, p.first, std::min(p.end, end_of_piece(i)))) return false;
    }
    const bool is_here = segment_ != 0 && segment_ == plan_.end_segment;
    if (!is_here) segment_ = offset_ = 0;
    if (expected_ < plan_.end && !miss(is_here ? row_of_frame : row_at_end, plan_.end)) return false;
    report_.sequences = {{plan_.first}, {expected_}};
    return true;
  }

  /// A segment that does not know where it ends does so where one begins that follows it.
  [[nodiscard]] std::uint64_t end_of_piece(std::size_t i) const noexcept {
    if (i + 1 == plan_.kept.size()) return none_yet;
    const auto& here = placed_.all[plan_.kept[i].segment].facts;
    const auto& next = placed_.all[plan_.kept[i + 1].segment];
    const bool follows = next.predecessor == here.number && next.predecessor_salt == here.salt;
    return follows ? plan_.kept[i + 1].first : none_yet;
  }

  /// What one copy of a segment lacks another one may have.
  bool read(const piece& p, std::size_t copy, std::uint64_t first, std::uint64_t end) {
    const auto& segment = placed_.all[p.segment];
    if (copy == segment.copies.size()) {
      if (end == none_yet) return true;
      return miss(!copies_seen_ ? row_header_damaged : is_unfinished_ ? row_stepped_over : row_of_frame, end);
    }
    if (copy == 0) copies_seen_ = false;
    const auto in = map_evidence(from_, from_.segments[segment.copies[copy]], segment.facts);
    if (!in) return read(p, copy + 1, first, end);
    copies_seen_ = true;
    if (segment.end) in->set_end(segment.end->offset, segment.end->last + 1);
    walker at{in, segment.begin.offset, segment.begin.sequence};
    for (;;) {
      const frame_place here{at.offset(), at.sequence()};
      const auto seen = at.step(format::depth::everything);
      if (seen.what == sight::frame) {
        if (here.sequence >= end) break;
        if (here.sequence < first) continue;
        if (here.sequence > expected_ && !fill(p, copy, here.sequence)) return false;
        if (!take(in, seen.frame, here.sequence)) return false;
        continue;
      }
      is_unfinished_ = seen.what == sight::nothing && here.sequence >= plan_.unfinished_from;
      if (here.sequence >= first) offset_ = here.offset;
      const auto next = seen.what == sight::end ? std::nullopt : find_frame(*in, here, end);
      if (!next) break;
      at = walker{in, next->offset, next->sequence};
    }
    return expected_ >= end || read(p, copy + 1, std::max(first, expected_), end);
  }

  /// [expected_, end) is not in this copy.
  bool fill(const piece& p, std::size_t copy, std::uint64_t end) {
    if (copy + 1 < placed_.all[p.segment].copies.size()) return read(p, copy + 1, expected_, end);
    return miss(is_unfinished_ ? row_stepped_over : row_of_frame, end);
  }

  bool take(const std::shared_ptr<const segment>& in, const format::frame& f, std::uint64_t sequence) {
    if (sequence < expected_) return true;                // another copy had it
    if (f.kind == format::frame_kind::gone) return true;  // the next frame finds that it is missing
    expected_ = sequence + 1;
    if (!f.is_record()) {
      ++report_.abandoned;
      return true;
    }
    ++report_.records;
    return !handler_.record || handler_.record(record_access::lend(in, f, sequence));
  }

  /// [expected_, end) is not there.
  bool miss(char row, std::uint64_t end) {
    if (end <= expected_) return true;
    (row == row_stepped_over ? report_.unfinished : report_.missing) += end - expected_;
    report_.gaps.push_back({.row = row, .segment = segment_, .offset = offset_, .sequences = {{expected_}, {end}}});
    expected_ = end;
    return !handler_.gap || handler_.gap(report_.gaps.back());
  }

  // ---- What was removed.

  bool read_removed() {
    // What was trimmed went by whole segments, and need not be there.
    if (plan_.first > 1) report_.decisions.push_back({row_trimmed, 0, 0, {{1}, {plan_.first}}});
    for (const auto& layer : plan_.removed)
      for (const auto& p : layer)
        if (!read_removed(p)) return false;
    return true;
  }

  bool read_removed(const piece& p) {
    const auto& segment = placed_.all[p.segment];
    finding all{.row = p.verdict == verdict::trimmed ? row_trimmed : row_was_cut,
                .segment = segment.facts.number,
                .offset = 0,
                .sequences = {}};
    std::uint64_t next = p.first;
    for (const std::size_t copy : segment.copies) {
      const auto in = map_evidence(from_, from_.segments[copy], segment.facts);
      if (!in) continue;
      walker at{in, segment.begin.offset, segment.begin.sequence};
      for (bool goes_on = true; goes_on;) {
        const frame_place here{at.offset(), at.sequence()};
        const auto seen = at.step(format::depth::everything);
        if (seen.what != sight::frame) {
          const auto found = find_frame(*in, here, p.end);
          goes_on = found.has_value();
          if (found) at = walker{in, found->offset, found->sequence};
          continue;
        }
        if (here.sequence >= p.end) break;
        if (here.sequence < next) continue;
        next = here.sequence + 1;
        if (all.sequences.first.value == 0) all = {all.row, all.segment, here.offset, {{here.sequence}, {}}};
        all.sequences.end = {next};
        if (!seen.frame.is_record()) continue;
        ++(was_handed_out(here.sequence) ? report_.superseded : report_.removed);
        if (handler_.removed && !handler_.removed(record_access::lend(in, seen.frame, here.sequence))) return false;
      }
    }
    if (p.verdict != verdict::trimmed && all.sequences.first.value != 0) report_.decisions.push_back(all);
    return true;
  }

  [[nodiscard]] bool was_handed_out(std::uint64_t sequence) const noexcept {
    if (sequence < plan_.first || sequence >= report_.sequences.end.value) return false;
    const auto after =
        std::ranges::upper_bound(report_.gaps, sequence, {}, [](const finding& f) { return f.sequences.first.value; });
    return after == report_.gaps.begin() || std::prev(after)->sequences.end.value <= sequence;
  }

  const log_evidence& from_;
  const placed_segments& placed_;
  const reading_plan& plan_;
  const salvage_handler& handler_;
  std::uint64_t expected_;  // all sequences before it are accounted for
  std::uint64_t segment_ = 0, offset_ = 0;
  bool is_unfinished_ = false;  // the gap was never a record
  bool copies_seen_ = false;    // a file of the segment could be read
  salvage_report report_;
};

}  // namespace
}  // namespace varve::core

namespace varve {

result<salvage_report> salvage(const std::filesystem::path& directory, const salvage_handler& handler,
                               const salvage_options& options) {
  try {
    const auto from = core::collect_evidence(directory, options.from);
    if (!from) return std::unexpected(from.error());
    const auto boot = os::this_boot();
    const auto placed = core::place_segments(*from);
    const auto plan = core::plan_reading(*from, placed, boot && from->state && from->state->boot == *boot);
    return core::salvager{*from, placed, plan, handler}.run();
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve
