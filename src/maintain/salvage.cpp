// SPDX-License-Identifier: MIT
//
// A survey says which segments are the log's and where it ends; here they are read once more, and those as well to which
// the chain of segments does not lead any more.
#include <algorithm>
#include <map>
#include <new>
#include <vector>

#include <varve/salvage.hpp>

#include "maintain/salvage_segments.hpp"
#include "reader/cursor.hpp"
#include "recovery/resync.hpp"
#include "recovery/stable_survey.hpp"
#include "segment/walker.hpp"
#include "store/log_directory.hpp"
#include "store/segment_files.hpp"

namespace varve::core {

class salvager {
 public:
  salvager(const log_place& place, const salvage_handler& handler, std::uint64_t first) noexcept
      : place_(place), handler_(handler), expected_(first) {
    report_.sequences.first = {first};
  }

  result<salvage_report> run(const std::vector<segment_to_salvage>& segments, std::uint64_t durable) {
    bool goes_on = true;
    for (std::size_t i = 0; i < segments.size() && goes_on; ++i) goes_on = read(segments[i]);
    // What had been durable and is nowhere.
    if (goes_on && expected_ <= durable) goes_on = miss(row_at_end, durable + 1);
    if (!goes_on) return fail({.code = errc::cancelled, .subject = place_.path});
    report_.sequences.end = {expected_};
    return std::move(report_);
  }

 private:
  static constexpr char row_at_end = 'G', row_of_frame = 'F';

  /// False: the caller has had enough.
  bool read(const segment_to_salvage& from) {
    segment_ = from.facts.number;
    offset_ = 0;
    if (from.facts.base > expected_ && !miss(row_segment_missing, from.facts.base)) return false;
    const auto opened = open_to_salvage(place_, from);
    if (!opened) return from.end_sequence == none_yet || miss(row_header_damaged, from.end_sequence);
    walker at{opened};
    observation seen;
    for (;;) {
      at.step_over_holes();
      const std::uint64_t offset = at.offset(), sequence = at.sequence();
      at.step(format::depth::everything, seen);
      if (seen.what == sight::end) break;
      if (seen.what == sight::frame) {
        if (!take(opened, seen.frame, sequence)) return false;
        continue;
      }
      const auto rest = look_behind(*opened, offset, sequence, format::depth::everything);
      offset_ = offset;
      if (rest.what != behind::frame) return from.end_sequence == none_yet || miss(row_of_frame, from.end_sequence);
      if (!miss(row_of_frame, rest.sequence)) return false;
      at = walker{opened, rest.offset, rest.sequence};
    }
    expected_ = std::max(expected_, at.sequence());
    return true;
  }

  bool take(const std::shared_ptr<const segment>& in, const format::frame& f, std::uint64_t sequence) {
    if (sequence < expected_) return true;  // trimmed, or read already
    expected_ = sequence + 1;
    if (!f.is_record()) return true;
    ++report_.records;
    return !handler_.record || handler_.record(record_access::lend(in, f, sequence));
  }

  /// [expected_, end) is not there.
  bool miss(char row, std::uint64_t end) {
    if (end <= expected_) return true;
    report_.missing += end - expected_;
    report_.gaps.push_back({.row = row, .segment = segment_, .offset = offset_, .sequences = {{expected_}, {end}}});
    expected_ = end;
    return !handler_.gap || handler_.gap(report_.gaps.back());
  }

  const log_place& place_;
  const salvage_handler& handler_;
  std::uint64_t expected_;  // all sequences before it are accounted for
  std::uint64_t segment_ = 0, offset_ = 0;
  salvage_report report_;
};

}  // namespace varve::core

namespace varve {

result<salvage_report> salvage(const std::filesystem::path& directory, const salvage_handler& handler) {
  try {
    const auto place = core::open_place_for_reading(directory);
    if (!place) return std::unexpected(place.error());
    const auto s = core::survey_undisturbed(*place, {.looking_on = true, .tolerant = true, .every_byte = true});
    if (!s) return std::unexpected(s.error());
    const auto segments = core::segments_to_salvage(*place, *s);
    if (!segments) return std::unexpected(segments.error());
    return core::salvager{*place, handler, s->seen.first}.run(*segments, s->seen.durable);
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve
