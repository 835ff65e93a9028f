// SPDX-License-Identifier: MIT
#include "recovery/survey_files.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/bits.hpp"
#include "format/file_name.hpp"
#include "recovery/survey_walk.hpp"
#include "segment/walker.hpp"

namespace varve::core {
namespace {

/// The letter of what is wrong with a file as a whole; 0 if nothing is.
///
/// may_be_short  a file that was cut short is none: what is left of it is wanted.
char fault_of(const segment_file& f, const log_place& place, bool may_be_short = false) noexcept {
  if (f.foreign) return row_foreign_segment;
  if (f.activation_damaged) return row_header_damaged;
  if (!f.activation) return 0;
  // A file that was cut short stays in the chain of a tolerant survey, so that the segments behind it are read.
  const bool sane =
      f.identity && f.identity->checksum_kind == place.meta.checksum_kind &&
      (f.identity->file_bytes <= f.file_bytes || (may_be_short && f.file_bytes > format::segment_header_bytes));
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
      : place_(place),
        state_(state.current()),
        options_(options),
        truncated_(truncated),
        keeps_all_(!options.looking_on && (options.accepts_loss() || state.is_copy())) {}

  result<survey> run(ending how, std::uint64_t durable, std::uint64_t synced, const segment_files& found) {
    survey_.ending = how;
    survey_.synced = synced;
    survey_.first = survey_.next = state_.trim_point;
    survey_.durable = durable;
    survey_.highest = found.highest;
    survey_.report.clean = how == ending::clean;
    find_chain(found);
    for (const auto& f : found.files)
      if (f.activation && f.identity && !f.foreign) survey_.newest.note(f.activation->epoch, f.activation->generation);
    if (options_.accepts_loss()) find_what_follows(found);
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
    went_ = place_.meta.kind == format::directory_kind::log ? went_with_a_cut(found) : std::vector<bool>(found.files.size());
    in_chain_ = chain_from(found, survey_.first);
    // With accept_loss what is wrong as a whole is set aside, and what follows it stands after a loss.
    in_chain_.erase(std::ranges::find_if(in_chain_, [&](std::size_t i) { return stays_out(found, i); }), in_chain_.end());
    if (in_chain_.size() != 1) return;
    // Nothing durable may ever have stood in the segment that followed what was dropped, and a power loss have taken it.
    // Beside a living writer what followed may be gone, and this one is kept to be used again.
    const auto& only = found.files[in_chain_.front()];
    const std::uint64_t least = survey_.ending == ending::living ? survey_.first + 1 : survey_.first;
    if (only.seal && only.seal->last + 1 < least) in_chain_.clear();
  }

  [[nodiscard]] bool stays_out(const segment_files& found, std::size_t i) const {
    return went_[i] || (options_.accepts_loss() && fault_of(found.files[i], place_, true) != 0);
  }

  /// With accept_loss: segments to which the chain does not lead any more, each with those that follow it. Only their bases
  /// and numbers, which grow alike, say where they belong.
  void find_what_follows(const segment_files& found) {
    for (;;) {
      std::size_t best = SIZE_MAX;
      for (std::size_t i = 0; i < found.files.size(); ++i)
        if (may_follow(found, i) && (best == SIZE_MAX || is_before(found.files[i], found.files[best]))) best = i;
      if (best == SIZE_MAX) return;
      begins_after_loss_.push_back(in_chain_.size());
      for (const std::size_t i : chain_from(found, found.files[best].activation->follows()))
        if (may_follow(found, i)) in_chain_.push_back(i);
    }
  }

  [[nodiscard]] bool may_follow(const segment_files& found, std::size_t i) const {
    const auto& f = found.files[i];
    if (!f.activation || stays_out(found, i) || (f.seal && f.seal->last < survey_.first)) return false;
    if (in_chain_.empty()) return true;
    const auto& last = found.files[in_chain_.back()];
    return f.number > last.number && f.activation->base >= last.activation->base &&
           f.activation->epoch >= last.activation->epoch;
  }

  static bool is_before(const segment_file& a, const segment_file& b) noexcept {
    if (a.activation->base != b.activation->base) return a.activation->base < b.activation->base;
    return a.activation->epoch > b.activation->epoch;  // of two the one of the newer history
  }

  /// Never judged, only removed: whatever was done to it since it was dropped.
  [[nodiscard]] bool is_below_chain(const segment_file& f, const segment_files& found) const {
    return !f.foreign && !in_chain_.empty() && f.number < found.files[in_chain_.front()].number;
  }

  result<void> check_files(const segment_files& found) {
    for (const auto& f : found.files) {
      if (f.identity && !options_.looking_on && !format::may_write(f.identity->features))
        return fail({.code = errc::newer_format, .subject = place_.path, .segment = f.number});
      if (const char letter = fault_of(f, place_, options_.accepts_loss()); letter != 0) {
        // After a loss the chain may begin later than the log did.
        if (is_below_chain(f, found) && !options_.accepts_loss()) {
          survey_.leftovers.push_back(f.number);
          continue;
        }
        // Memory is torn by words, and so may be what a power loss left of it on the disk. If the segment was durable it is
        // missed: by the chain, or by the mark.
        if (f.activation_damaged && !f.foreign && survey_.ending == ending::power_loss && !keeps_all_) {
          survey_.leftovers.push_back(f.number);
          survey_.report.findings.push_back({.row = row_activation_torn, .segment = f.number, .offset = 0, .sequences = {}});
          continue;
        }
        if (keeps_all_) survey_.set_aside.push_back(f.number);
        if (f.activation_damaged && survey_.ending == ending::power_loss && !options_.accepts_loss()) {
          survey_.report.findings.push_back({.row = row_activation_torn, .segment = f.number, .offset = 0, .sequences = {}});
          continue;
        }
        if (auto done = structural_damage(letter, f.number); !done) return done;
      } else if (!f.activation && f.may_be_ours) {
        // Made ahead, or for an entry; anything else may be another program's.
        (keeps_all_ && may_hold_frames(place_, f.number) ? survey_.set_aside : survey_.leftovers).push_back(f.number);
      }
    }
    return {};
  }

  result<void> build_chain(const segment_files& found) {
    std::vector<bool> in_chain(found.files.size());
    for (const std::size_t i : in_chain_) in_chain[i] = true;
    for (const std::size_t i : in_chain_) survey_.chain.push_back(link_of(found.files[i], place_.checksum_kind()));
    if (options_.accepts_loss())
      for (auto& link : survey_.chain) shorten(link, found);
    for (const std::size_t i : begins_after_loss_) survey_.chain[i].after_loss = true;
    if (!survey_.chain.empty() && options_.accepts_loss() && survey_.chain.front().facts.base > survey_.first) {
      survey_.chain.front().facts.base = survey_.first;
      survey_.chain.front().after_loss = true;
    }
    // The last one is to end before what was to go, if it was begun before; where, the walk finds out.
    if (state_.truncate_intent != 0 && !survey_.chain.empty() && survey_.chain.back().end_sequence == none_yet &&
        survey_.chain.back().facts.epoch < state_.epoch) {
      survey_.chain.back().end_sequence = state_.truncate_intent;
      survey_.chain.back().end_cause = format::end_cause::truncate;
    }
    for (std::size_t i = 0; i + 1 < survey_.chain.size(); ++i) {
      auto& link = survey_.chain[i];
      auto& next = survey_.chain[i + 1];
      // Where the segments between them are lost the next one begins where this one ends, if that is known; otherwise the
      // walk finds out.
      if (next.after_loss && link.end_sequence <= next.facts.first_frame)
        next.facts.base = link.end_sequence;
      else if (next.after_loss)
        next.facts.base = next.facts.first_frame;
      const std::uint64_t next_base = next.facts.base;
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
      const bool before_chain = !survey_.chain.empty() && f.activation->follows() < survey_.chain.front().facts.base;
      if (before_chain || (f.seal && f.seal->last < survey_.first)) {
        survey_.leftovers.push_back(f.number);  // below the trim point
        continue;
      }
      if (options_.accepts_loss()) {
        survey_.set_aside.push_back(f.number);
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
      if (options_.accepts_loss()) survey_.next = std::max(survey_.first, survey_.durable + 1);
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

  /// Of a file that was cut short there is less to be mapped.
  static void shorten(chain_link& link, const segment_files& found) noexcept {
    const auto& f = *std::ranges::find(found.files, link.facts.number, &segment_file::number);
    if (f.file_bytes >= f.identity->file_bytes) return;
    link.grow_to = f.identity->capacity;
    link.facts.capacity = std::min(f.identity->capacity, round_down(f.file_bytes, format::frame_alignment));
    link.sealed = false;
    if (link.end_offset <= link.facts.capacity) return;  // what stands after the end was cut, and stays so
    link.end_offset = link.end_sequence = none_yet;
    link.end_recorded = false;
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
    const bool is_possible = format::is_frame_boundary(last.end_offset, last.facts.capacity) &&
                             last.end_sequence >= last.facts.first_frame &&
                             last.end_sequence - last.facts.first_frame <=
                                 (last.end_offset - format::segment_header_bytes) / format::frame_header_bytes;
    // Something durable, or trimmed, behind where it was closed: not both can be true.
    if (!is_possible) return structural_damage(row_state_stale, last.facts.number);
    if (survey_.durable >= survey_.next) return structural_damage(row_segment_missing, last.facts.number);
    if (survey_.goes_on_in_last() && has_frame_at_end()) return structural_damage(row_state_stale, last.facts.number);
    return {};
  }

  /// Where appending would go on there must be no frame: it would be of a writer that this state knows nothing of, whose
  /// records would be overwritten.
  [[nodiscard]] bool has_frame_at_end() const {
    const auto& last = survey_.chain.back();
    if (last.facts.capacity - last.end_offset < format::frame_header_bytes) return false;
    const auto opened = open_segment(place_.directory, place_.path, last.facts, os::access::read);
    if (!opened || !os::populate_for_reading((*opened)->map(), last.end_offset, format::frame_header_bytes)) return false;
    return look(**opened, last.end_offset, last.end_sequence, format::depth::shape).what == sight::frame;
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
    return fail({.code = code_of_refusal(letter), .subject = place_.path, .segment = number});
  }

  const log_place& place_;
  const format::state& state_;
  const survey_options& options_;
  const std::vector<std::uint64_t>& truncated_;
  const bool keeps_all_;  // what is left out is set aside, not removed
  survey survey_;
  std::vector<std::size_t> in_chain_;           // which files are, in their order
  std::vector<bool> went_;                      // which files went with what a truncation has cut
  std::vector<std::size_t> begins_after_loss_;  // which of these do not follow the one before
};

}  // namespace

result<survey> survey_files(const log_place& place, const state_file& state, const survey_options& options,
                            const survey_premises& from) {
  return surveyor{place, state, options, from.truncated}.run(from.how, from.durable, from.synced, from.found);
}

}  // namespace varve::core
