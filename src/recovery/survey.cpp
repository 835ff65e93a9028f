// SPDX-License-Identifier: MIT
#include "recovery/survey.hpp"

#include <algorithm>

#include "os/process.hpp"
#include "recovery/survey_walk.hpp"

namespace varve::core {
namespace {

result<ending> how_it_ended(const log_place& place, const state_file& state, const live_file& live,
                            const survey_options& options) {
  if (options.looking_on) {
    const auto followed = has_writer_of(live, state);
    if (!followed) return place.fail_call(followed.error());
    if (*followed) return ending::living;
  }
  if (state.is_copy()) return ending::power_loss;
  if (state.current().condition == format::condition::clean) {
    // With one slot torn something was under way when it ended; then the walk finds out.
    return state.both_slots_valid() && state.current().truncate_intent == 0 ? ending::clean : ending::power_loss;
  }
  const auto boot = os::this_boot();
  if (!boot) return place.fail_call(boot.error());
  return state.current().boot == *boot ? ending::death : ending::power_loss;
}

/// The durable mark by what stands outside of the segments: never too high, since each of its sources was written after the
/// sync that it reports. But a copy may be older than its own marks.
std::uint64_t stored_mark(const state_file& state, const live_file& live) noexcept {
  const auto& s = state.current();
  std::uint64_t mark = std::max(s.trim_point - 1, s.durable_floor);
  if (s.condition == format::condition::clean) mark = std::max(mark, s.clean_next - 1);
  if (const auto stored = live.best_mark(s.epoch)) mark = std::max(mark, stored->sequence);
  return mark;
}

/// The durable mark by the seals, which stand in the segments themselves.
std::uint64_t sealed_mark(const state_file& state, const segment_files& found) noexcept {
  std::uint64_t mark = state.current().trim_point - 1;
  for (const auto& f : found.files)
    if (f.seal && !f.foreign) mark = std::max(mark, f.seal->last);
  return mark;
}

/// The letter of what is wrong with a file as a whole; 0 if nothing is.
char fault_of(const segment_file& f, const log_place& place) noexcept {
  if (f.foreign) return row_foreign_segment;
  if (f.activation_damaged) return row_header_damaged;
  if (!f.activation) return 0;
  // A file that was cut short stays in the chain of a tolerant survey, so that the segments behind it are read.
  const bool sane =
      f.identity && f.identity->checksum_kind == place.meta.checksum_kind && f.identity->file_bytes <= f.file_bytes;
  return sane ? char{0} : row_header_damaged;
}

chain_link link_of(const segment_file& f, varve::checksum kind) {
  chain_link link{.facts = f.facts(kind),
                  .links = f.links,
                  .allocated_bytes = f.allocated_bytes,
                  .predecessor = f.activation->predecessor,
                  .predecessor_salt = f.activation->predecessor_salt};
  if (f.end) {
    link.end_offset = f.end->offset;
    link.end_sequence = f.end->last + 1;
    if (f.is_truncated) link.end_cause = format::end_cause::truncate;
  } else if (f.seal) {
    link.end_offset = f.seal->offset;
    link.end_sequence = f.seal->last + 1;
  }
  link.end_recorded = f.end.has_value();
  link.sealed = f.seal.has_value();
  link.newest_ns = f.sealed_time_ns;
  return link;
}

class surveyor {
 public:
  /// `truncated`: what set_truncated_aside() did.
  surveyor(const log_place& place, const state_file& state, const survey_options& options,
           const std::vector<std::uint64_t>& truncated) noexcept
      : place_(place), state_(state.current()), options_(options), truncated_(truncated) {}

  result<survey> run(ending how, std::uint64_t durable, std::uint64_t synced, const segment_files& found) {
    survey_.ending = how;
    survey_.synced = synced;
    survey_.first = survey_.next = state_.trim_point;
    survey_.durable = durable;
    survey_.highest = found.highest;
    survey_.report.clean = how == ending::clean;
    find_chain(found);
    if (auto done = check_files(found); !done) return std::unexpected(done.error());
    if (auto done = build_chain(found); !done) return std::unexpected(done.error());
    if (auto done = find_end(); !done) return std::unexpected(done.error());
    begin_at_trim_point();
    survey_.truncated = truncated_;
    survey_.dropped.insert(survey_.dropped.end(), truncated_.begin(), truncated_.end());
    survey_.report.kept = survey_.next - std::min(survey_.first, survey_.next);
    return std::move(survey_);
  }

 private:
  void find_chain(const segment_files& found) {
    in_chain_ = chain_from(found, survey_.first);
    if (in_chain_.size() != 1) return;
    // Nothing durable may ever have stood in the segment that followed what was dropped, and a power loss have taken it.
    // Beside a living writer what followed may be gone, and this one is kept to be used again.
    const auto& only = found.files[in_chain_.front()];
    const std::uint64_t least = survey_.ending == ending::living ? survey_.first + 1 : survey_.first;
    if (only.seal && only.seal->last + 1 < least) in_chain_.clear();
  }

  /// Never judged, only removed: whatever was done to it since it was dropped.
  [[nodiscard]] bool is_below_chain(const segment_file& f, const segment_files& found) const {
    return !f.foreign && !in_chain_.empty() && f.number < found.files[in_chain_.front()].number;
  }

  result<void> check_files(const segment_files& found) {
    for (const auto& f : found.files) {
      if (f.identity && !options_.looking_on && !format::may_write(f.identity->features))
        return fail({.code = errc::newer_format, .subject = place_.path, .segment = f.number});
      if (const char letter = fault_of(f, place_); letter != 0) {
        if (is_below_chain(f, found)) {
          survey_.leftovers.push_back(f.number);
          continue;
        }
        // Memory is torn by words, and so may be what a power loss left of it on the disk. If the segment was durable it is
        // missed: by the chain, or by the mark.
        if (f.activation_damaged && !f.foreign && survey_.ending == ending::power_loss) {
          survey_.leftovers.push_back(f.number);
          survey_.report.findings.push_back({.row = row_activation_torn, .segment = f.number, .offset = 0, .sequences = {}});
          continue;
        }
        if (auto done = structural_damage(letter, f.number); !done) return done;
      } else if (!f.activation) {
        survey_.leftovers.push_back(f.number);
      }
    }
    return {};
  }

  result<void> build_chain(const segment_files& found) {
    std::vector<bool> in_chain(found.files.size());
    for (const std::size_t i : in_chain_) in_chain[i] = true;
    for (const std::size_t i : in_chain_) survey_.chain.push_back(link_of(found.files[i], place_.checksum_kind()));
    // The last one is to end before what was to go; where, the walk finds out.
    if (state_.truncate_intent != 0 && !survey_.chain.empty() && survey_.chain.back().end_sequence == none_yet) {
      survey_.chain.back().end_sequence = state_.truncate_intent;
      survey_.chain.back().end_cause = format::end_cause::truncate;
    }
    for (std::size_t i = 0; i + 1 < survey_.chain.size(); ++i) {
      auto& link = survey_.chain[i];
      const std::uint64_t next_base = survey_.chain[i + 1].facts.base;
      if (link.end_sequence == next_base) continue;
      // What contradicts the segment that follows is no end: nobody may be told of one by a seal.
      link.end_offset = none_yet;
      link.end_sequence = next_base;
      link.end_recorded = link.sealed = false;
    }
    for (std::size_t i = 0; i < found.files.size(); ++i) {
      const auto& f = found.files[i];
      if (!f.activation || f.foreign || in_chain[i]) continue;
      if (survey_.ending == ending::living) continue;  // dropped, or begun, while we looked
      const bool before_chain = !survey_.chain.empty() && f.activation->base < survey_.chain.front().facts.base;
      if (before_chain || (f.seal && f.seal->last < survey_.first)) {
        survey_.leftovers.push_back(f.number);  // below the trim point
        continue;
      }
      // Only a power loss loses a segment that others follow: after a death the directory is as it was.
      if (f.activation->base <= survey_.durable || survey_.ending != ending::power_loss) {
        if (auto done = structural_damage(row_segment_missing, f.number); !done) return done;
      } else {
        survey_.dropped.push_back(f.number);
        // R: what was before it is lost, not what was behind that.
        if (f.identity) report_dropped(place_, f.facts(place_.checksum_kind()), 'R', survey_.report);
      }
    }
    return {};
  }

  result<void> find_end() {
    if (survey_.chain.empty()) {
      if (survey_.durable >= survey_.first) return structural_damage(row_segment_missing, 0);
      if (!survey_.dropped.empty() && options_.mode == recovery_mode::strict && !options_.looking_on)
        return fail({.code = errc::would_cut, .subject = place_.path, .segment = survey_.dropped.front()});
      return {};
    }
    if (survey_.ending == ending::clean && survey_.chain.back().facts.number != state_.clean_segment) {
      if (auto done = structural_damage(row_segment_missing, state_.clean_segment); !done) return done;
    }
    if (survey_.ending == ending::clean) {
      set_clean_end();
      if (auto done = check_clean_end(); !done) return done;
    }
    if (options_.every_byte) return walk_chain(place_, options_, 0, survey_);
    if (survey_.ending == ending::clean) return {};
    if (survey_.ending == ending::living) return believe_headers();
    const std::uint64_t from = std::max(survey_.synced, survey_.first);
    std::size_t link = 0;
    while (link + 1 < survey_.chain.size() && survey_.chain[link + 1].facts.base <= from) ++link;
    return walk_chain(place_, options_, link, survey_);
  }

  /// If nothing reaches the trim point the log is empty, and goes on there: what ends below it is only removed.
  void begin_at_trim_point() {
    if (survey_.next >= survey_.first || survey_.ending == ending::living) return;
    for (const auto& link : survey_.chain) survey_.dropped.push_back(link.facts.number);
    survey_.chain.clear();
    survey_.next = survey_.first;
    survey_.end_offset = 0;
  }

  void set_clean_end() noexcept {
    for (std::size_t i = 0; i + 1 < survey_.chain.size(); ++i)
      survey_.chain[i].end_sequence = survey_.chain[i + 1].facts.base;
    survey_.next = state_.clean_next;
    auto& last = survey_.chain.back();
    if (last.facts.number != state_.clean_segment) return;  // reported already; this one ends as its header says
    const bool ends_there = last.end_offset == state_.clean_offset && last.end_sequence == state_.clean_next;
    last.end_offset = survey_.end_offset = state_.clean_offset;
    last.end_sequence = state_.clean_next;
    last.end_recorded = last.end_recorded && ends_there;
    last.sealed = last.sealed && ends_there;
  }

  result<void> check_clean_end() {
    const auto& last = survey_.chain.back();
    if (last.facts.number != state_.clean_segment) return {};
    const bool is_possible =
        format::is_frame_boundary(last.end_offset, last.facts.capacity) && last.end_sequence >= last.facts.base &&
        last.end_sequence - last.facts.base <= (last.end_offset - format::segment_header_bytes) / format::frame_header_bytes;
    // Something durable, or trimmed, behind where it was closed: not both can be true.
    if (!is_possible || survey_.durable >= survey_.next) return structural_damage(row_segment_missing, last.facts.number);
    return {};
  }

  /// Beside a living writer nothing is walked: its marks and the headers say enough to begin reading.
  result<void> believe_headers() noexcept {
    for (std::size_t i = 0; i + 1 < survey_.chain.size(); ++i)
      survey_.chain[i].end_sequence = survey_.chain[i + 1].facts.base;
    survey_.next = survey_.durable + 1;
    return {};
  }

  result<void> structural_damage(char letter, std::uint64_t number) {
    if (options_.tolerant) {
      survey_.report.findings.push_back({.row = letter, .segment = number, .offset = 0, .sequences = {}});
      return {};
    }
    return fail({.code = errc::damaged, .subject = place_.path, .segment = number});
  }

  const log_place& place_;
  const format::state& state_;
  const survey_options& options_;
  const std::vector<std::uint64_t>& truncated_;
  survey survey_;
  std::vector<std::size_t> in_chain_;  // which files are, in their order
};

/// A copy may have been made while the log was written, file by file, so only the seals in its segments are believed. But
/// if everything is there that its state and marks speak of, and is valid, then they are true of the copy as well.
result<survey> survey_copy(const log_place& place, const state_file& state, const survey_options& options,
                           std::uint64_t stored, std::uint64_t sealed, const segment_files& found,
                           const std::vector<std::uint64_t>& truncated) {
  survey_options exact = options;
  exact.tolerant = false;
  auto whole = surveyor{place, state, exact, truncated}.run(ending::power_loss, std::max(stored, sealed), sealed, found);
  if (!whole && whole.error().code() != errc::damaged) return whole;
  auto s = std::move(whole);
  if (!s) s = surveyor{place, state, options, truncated}.run(ending::power_loss, sealed, sealed, found);
  if (!s) return s;
  s->is_copy = true;
  if (s->next <= stored) {
    s->report.findings.push_back(
        {.row = row_copy_incomplete, .segment = 0, .offset = 0, .sequences = {{s->next}, {stored + 1}}});
    if (options.mode == recovery_mode::strict && !options.looking_on)
      return fail({.code = errc::would_cut, .subject = place.path, .first_sequence = s->next, .last_sequence = stored});
  }
  return s;
}

}  // namespace

os::result<bool> has_writer_of(const live_file& live, const state_file& state) noexcept {
  const auto appender = live.has_appender();
  if (!appender || !*appender) return appender;
  return live.writer_epoch() == state.current().epoch;
}

result<survey> survey_log(const log_place& place, const state_file& state, const live_file& live,
                          const survey_options& options) {
  const auto how = how_it_ended(place, state, live, options);
  if (!how) return std::unexpected(how.error());
  // The marks first: whatever they speak of is then in the directory when it is listed, also beside a living writer.
  const std::uint64_t stored = stored_mark(state, live);
  auto found = read_segment_files(place);
  if (!found) return std::unexpected(found.error());
  // A truncation that was under way is over: what it was to remove is no part of the log any more.
  std::vector<std::uint64_t> truncated;
  if (const auto& s = state.current(); s.truncate_intent != 0)
    truncated = set_truncated_aside(*found, s.truncate_intent, s.trim_point);
  const std::uint64_t sealed = sealed_mark(state, *found);
  surveyor here{place, state, options, truncated};
  if (*how == ending::living) return here.run(*how, stored, stored, *found);
  if (state.is_copy()) return survey_copy(place, state, options, stored, sealed, *found, truncated);
  const std::uint64_t durable = std::max(stored, sealed);
  return here.run(*how, durable, durable, *found);
}

}  // namespace varve::core
