// SPDX-License-Identifier: MIT
#include "recovery/survey_walk.hpp"

#include <algorithm>
#include <cerrno>

#include "recovery/resync.hpp"
#include "recovery/segment_checks.hpp"
#include "segment/walker.hpp"

namespace varve::core {
namespace {

class chain_walk {
 public:
  chain_walk(const log_place& place, const survey_options& options, std::size_t from, survey& s)
      : place_(place), options_(options), from_(from), survey_(s), found_(s.chain), before_(s.report) {
    for (std::size_t i = from_; i < found_.size(); ++i) bytes_to_walk_ += found_[i].facts.capacity;
    if (options_.threads != 1) look_ahead();
  }

  result<void> run() {
    for (;;) {
      start_over();
      auto outcome = walk();
      if (!outcome) return std::unexpected(outcome.error());
      if (*outcome == action::as_power_loss) {
        survey_.ending = ending::power_loss;
        before_.findings.push_back(survey_.report.findings.back());  // the reason
        continue;
      }
      if (auto done = take_back_incomplete_batch(); !done) return done;
      return finish(*outcome);
    }
  }

 private:
  /// All but the last segment can be checked before the walk comes there: where each ends is known, and only a frame that is
  /// not as it should be depends on what stands elsewhere.
  void look_ahead() {
    std::vector<segment_to_check> ahead;
    for (std::size_t i = from_; i + 1 < found_.size(); ++i) {
      const auto& each = found_[i];
      ahead.push_back({.facts = each.facts, .end_offset = each.end_offset, .end_sequence = found_[i + 1].facts.base});
    }
    checks_.emplace(place_, std::move(ahead), pinning_kind(), options_.threads);
  }

  void start_over() {
    link_ = from_;
    bytes_before_link_ = 0;
    survey_.chain = found_;
    survey_.report = before_;
    dirty_ = survey_.synced + 1 <= survey_.chain[from_].facts.base;
    lost_until_ = 0;
  }

  /// Until the log ends: returns stop, cut or as_power_loss.
  result<action> walk() {
    for (;;) {
      if (pass_whole_segment()) {
        go_to_next();
        continue;
      }
      auto entered = enter();
      if (!entered) return std::unexpected(entered.error());
      while (*entered) {
        auto outcome = step();
        if (!outcome) return outcome;
        if (*outcome == action::next_segment) break;
        if (*outcome == action::stop || *outcome == action::cut || *outcome == action::as_power_loss) return outcome;
      }
      if (!*entered && !has_successor()) return action::stop;
      go_to_next();
    }
  }

  /// As if it had been walked: another thread has found nothing in it but valid frames, and the table keeps them all.
  bool pass_whole_segment() {
    if (!checks_ || !has_successor() || survey_.chain[link_ + 1].after_loss) return false;
    const std::uint64_t base = link().facts.base, next_base = survey_.chain[link_ + 1].facts.base;
    const bool becomes_dirty = !dirty_ && next_base > survey_.synced;  // and its frames say where
    if (becomes_dirty || !keeps_frame(base) || !keeps_frame(next_base - 1)) return false;
    const auto whole = checks_->take(link_ - from_);
    if (!whole) return false;
    begin_link();
    offset_ = whole->end_offset;
    sequence_ = next_base;
    if (whole->frames != 0) {
      batch_unknown_ = false;
      batch_offset_ = whole->batch_offset;
      batch_sequence_ = whole->batch_sequence;
      batch_goes_on_ = whole->batch_goes_on;
    }
    return true;
  }

  [[nodiscard]] bool keeps_frame(std::uint64_t sequence) const noexcept {
    return decide({.ending = survey_.ending, .region = region_of(sequence), .finding = kind_of_frame(), .behind = {}})
               .action == action::keep;
  }

  [[nodiscard]] bool has_successor() const noexcept { return link_ + 1 < survey_.chain.size(); }
  [[nodiscard]] chain_link& link() noexcept { return survey_.chain[link_]; }

  /// False if a tolerant survey finds a file that cannot be the segment, and has reported it by its header; or if a living
  /// writer has dropped it.
  result<bool> enter() {
    begin_link();
    const std::uint64_t next_base = has_successor() ? survey_.chain[link_ + 1].facts.base : link().end_sequence;
    const segment_to_check what{.facts = link().facts, .end_offset = link().end_offset, .end_sequence = next_base};
    const auto opened = open_to_check(place_, what, pinning_kind());
    if (!opened && options_.tolerant && opened.error().code() == errc::damaged) return false;
    const int number = opened ? 0 : opened.error().os_errno();
    if (survey_.ending == ending::living && (number == ENOENT || number == EBUSY)) return false;  // trimmed meanwhile
    if (!opened) return std::unexpected(opened.error());
    segment_ = *opened;
    return true;
  }

  /// Beside a living writer it might be used again while it is walked.
  [[nodiscard]] pinning pinning_kind() const noexcept { return options_.looking_on ? pinning::yes : pinning::no; }

  void begin_link() noexcept {
    offset_ = format::segment_header_bytes;
    sequence_ = link().facts.first_frame;
    batch_goes_on_ = false;
    if (link().facts.first_frame != link().facts.base) batch_unknown_ = true;  // the head of a batch may have been there
    if (!link().after_loss) note_lost(link().facts.base, link().facts.first_frame);
    if (dirty_) link().dirty_from = offset_;
  }

  void go_to_next() {
    leave();
    bytes_before_link_ += link().facts.capacity;
    ++link_;
    tell_progress(0);
  }

  void tell_progress(std::uint64_t bytes) const {
    if (options_.on_progress && *options_.on_progress)
      (*options_.on_progress)({.bytes_done = bytes_before_link_ + bytes, .bytes_total = bytes_to_walk_});
  }

  /// The link ends where the walk left it, whether or not its end sector says so.
  void leave() noexcept {
    auto& next = survey_.chain[link_ + 1];
    // What was lost between the two belongs to the one that follows.
    if (options_.accepts_loss() && sequence_ < next.facts.base) {
      next.facts.base = sequence_;
      next.after_loss = true;
    }
    note_end(link(), next.facts.base);
  }

  /// The walk says that it ends here.
  void note_end(chain_link& link, std::uint64_t end_sequence) const noexcept {
    link.end_recorded = link.end_recorded && link.end_offset == offset_ && link.end_sequence == end_sequence;
    const bool is_truncated = link.end_cause == format::end_cause::truncate && link.end_sequence == end_sequence;
    if (!link.end_recorded && !is_truncated) link.end_cause = format::end_cause::recovery;
    link.sealed = link.sealed && link.end_recorded;
    link.end_offset = offset_;
    link.end_sequence = end_sequence;
  }

  result<action> step() {
    const auto seen = look(*segment_, offset_, sequence_, format::depth::everything);
    const core::finding found = classify(seen);
    remains rest;
    if (found == finding::nothing || (options_.tolerant && (found == finding::broken || found == finding::gap)))
      rest = look_behind(*segment_, offset_, sequence_, format::depth::everything);
    const circumstances c{.ending = survey_.ending, .region = region_of(sequence_), .finding = found, .behind = rest.what};
    const row& r = decide(c);
    if (const auto done = accept_loss_at(r, found, seen.frame, rest)) return *done;
    switch (r.action) {
      case action::keep: keep(seen.frame); break;
      case action::lose: lose(seen.frame, r); break;
      case action::step_over: step_over(rest, r); break;
      case action::as_power_loss: report(r.letter, sequence_ + 1); break;
      case action::cut: count_cut(r); break;
      case action::refuse: return refuse(past_damage(rest), r);
      case action::next_segment:
      case action::stop: break;
    }
    return r.action;
  }

  [[nodiscard]] region region_of(std::uint64_t sequence) const noexcept {
    return sequence <= survey_.durable ? region::durable : region::tail;
  }
  [[nodiscard]] core::finding kind_of_frame() const noexcept {
    return place_.checksum_kind() == checksum::none ? finding::unprotected : finding::frame;
  }

  [[nodiscard]] core::finding classify(const observation& seen) const noexcept {
    switch (seen.what) {
      case sight::end: return has_successor() ? finding::successor : finding::end;
      case sight::nothing: return batch_goes_on_ && !batch_unknown_ ? finding::gap : finding::nothing;
      case sight::broken: return finding::broken;
      case sight::frame: break;
    }
    if (seen.frame.begins_inside() && !batch_goes_on_ && !batch_unknown_) return finding::orphan;
    return kind_of_frame();
  }

  void keep(const format::frame& f) {
    if (f.kind == format::frame_kind::gone) {
      note_lost(sequence_, sequence_ + 1);
      batch_goes_on_ = false;
      batch_unknown_ = true;
      return move_to(offset_ + f.extent, sequence_ + 1);
    }
    if (!f.begins_inside()) {
      batch_unknown_ = false;
      batch_offset_ = offset_;
      batch_sequence_ = sequence_;
    }
    batch_goes_on_ = f.goes_on();
    move_to(offset_ + f.extent, sequence_ + 1);
  }

  /// It was given up long ago.
  void note_lost(std::uint64_t first, std::uint64_t end) {
    auto& lost = survey_.report.lost;
    first = std::max(first, survey_.first);
    if (first >= end) return;
    if (!lost.empty() && lost.back().end.value == first)
      lost.back().end = {end};
    else
      lost.push_back({{first}, {end}});
  }

  void lose(const format::frame& f, const row& r) {
    report(r.letter, sequence_ + 1);
    add_hole(offset_ + f.extent, sequence_ + 1);
  }

  void step_over(const remains& rest, const row& r) {
    report(r.letter, rest.sequence);
    add_hole(rest.offset, rest.sequence);
  }

  void add_hole(std::uint64_t resume, std::uint64_t end) {
    link().holes.push_back({.offset = offset_, .resume = resume, .first = sequence_, .end = end});
    survey_.report.stepped_over += end - sequence_;
    batch_goes_on_ = batch_unknown_ = false;
    move_to(resume, end);
  }

  void move_to(std::uint64_t offset, std::uint64_t sequence) {
    constexpr std::uint64_t progress_bytes = std::uint64_t{1} << 20;
    if (offset / progress_bytes != offset_ / progress_bytes) tell_progress(offset);
    offset_ = offset;
    sequence_ = sequence;
    if (!dirty_ && sequence_ > survey_.synced) {
      dirty_ = true;
      link().dirty_from = offset_;
    }
  }

  /// What stands behind damage and can be read: frames that are damaged as well are passed.
  [[nodiscard]] remains past_damage(remains rest) const noexcept {
    while (rest.what == behind::broken) rest = look_behind(*segment_, rest.offset, rest.sequence, format::depth::everything);
    return rest;
  }

  /// With accept_loss nothing that can be read is cut, and no sequence that a dead writer gave out is given out again. What
  /// was done; none if the row decides.
  std::optional<action> accept_loss_at(const row& r, core::finding found, const format::frame& f, const remains& rest) {
    if (!options_.accepts_loss() || found == finding::unprotected) return std::nullopt;
    if (r.action != action::cut && r.action != action::as_power_loss && r.action != action::refuse) return std::nullopt;
    if (found == finding::orphan) {  // its batch has lost its head, but it is whole
      batch_unknown_ = true;
      keep(f);
      return action::keep;
    }
    if (r.action == action::refuse) return std::nullopt;
    const remains next = past_damage(rest);
    if (next.what == behind::frame) {
      lose_up_to(next);
      return action::keep;
    }
    if (has_successor()) return action::next_segment;
    if (r.action == action::cut) return std::nullopt;
    lost_until_ = sequence_ + 1;
    return action::stop;
  }

  /// They become gone frames.
  void lose_up_to(const remains& next) {
    link().holes.push_back(
        {.offset = offset_, .resume = next.offset, .first = sequence_, .end = next.sequence, .gone = true});
    batch_goes_on_ = false;
    batch_unknown_ = true;
    move_to(next.offset, next.sequence);
  }

  /// A tolerant survey goes on behind damage, at the next valid frame or segment, if there is one.
  result<action> refuse(const remains& rest, const row& r) {
    if (!options_.tolerant) return refused(code_of_refusal(r.letter), sequence_);
    const bool goes_on = rest.what == behind::frame || rest.what == behind::boundary;
    const std::uint64_t resume_at = goes_on ? rest.sequence : has_successor() ? survey_.chain[link_ + 1].facts.base : 0;
    report(r.letter, resume_at > sequence_ ? resume_at : std::max(survey_.durable, sequence_) + 1);
    batch_goes_on_ = false;
    batch_unknown_ = true;  // do not find an orphan behind each damaged batch
    if (options_.accepts_loss()) {
      // Where there is no frame that can be read the segment ends here.
      if (rest.what != behind::frame) return has_successor() ? action::next_segment : action::stop;
      lose_up_to(rest);
      return action::refuse;
    }
    if (goes_on) {
      move_to(rest.offset, rest.sequence);
      return rest.what == behind::boundary && has_successor() ? action::next_segment : action::refuse;
    }
    return has_successor() ? action::next_segment : action::stop;
  }

  [[nodiscard]] std::unexpected<error> refused(errc code, std::uint64_t last) const noexcept {
    return fail({.code = code,
                 .subject = place_.path,
                 .segment = segment_->facts().number,
                 .offset = offset_,
                 .first_sequence = sequence_,
                 .last_sequence = last});
  }

  void report(char letter, std::uint64_t end) {
    survey_.report.findings.push_back(
        {.row = letter, .segment = segment_->facts().number, .offset = offset_, .sequences = {{sequence_}, {end}}});
  }

  /// How much goes: in this segment up to the last frame that can be told apart, and whole frames of later ones.
  void count_cut(const row& r) {
    std::uint64_t end = sequence_ + 1, cut_to = offset_ + format::frame_header_bytes;
    std::uint64_t frames = 1, at = offset_, sequence = sequence_;
    // Only counted, so their sums do not matter; and summing what hostile lengths say would take for ever.
    const auto next = [&] { return look_behind(*segment_, at, sequence, format::depth::shape); };
    for (auto rest = next(); rest.what == behind::frame || rest.what == behind::broken; rest = next()) {
      at = cut_to = rest.offset;
      sequence = rest.sequence;
      end = sequence + 1;
      ++frames;
    }
    const auto last = look(*segment_, at, sequence, format::depth::shape);
    if (last.what == sight::frame) cut_to = at + last.frame.extent;
    survey_.report.cut_bytes += cut_to - offset_;
    survey_.report.cut_records += frames;
    report(r.letter, end);
  }

  /// If the log ends behind a frame that goes on, its batch was not whole: the log ends at the batch's first frame.
  result<void> take_back_incomplete_batch() {
    if (!batch_goes_on_ || batch_unknown_ || survey_.ending == ending::living) return {};
    // A truncation is exact: what it left of a batch counts as whole.
    if (link().end_cause == format::end_cause::truncate && link().end_sequence == sequence_) return {};
    if (batch_sequence_ <= survey_.durable && !options_.tolerant) return refused(errc::damaged, batch_sequence_);
    if (batch_sequence_ <= survey_.durable && !options_.accepts_loss())
      survey_.report.findings.push_back({.row = 'F',
                                         .segment = segment_->facts().number,
                                         .offset = batch_offset_,
                                         .sequences = {{batch_sequence_}, {sequence_}}});
    if (batch_sequence_ <= survey_.durable) return {};
    survey_.report.cut_records += sequence_ - batch_sequence_;
    survey_.report.cut_bytes += offset_ - batch_offset_;
    offset_ = batch_offset_;
    const std::uint64_t end = sequence_;
    sequence_ = batch_sequence_;
    report('Q', end);
    return {};
  }

  result<void> finish(action outcome) {
    const bool goes_on = survey_.ending == ending::living;  // behind an unfinished claim, for now
    for (std::size_t i = link_ + 1; i < survey_.chain.size() && !goes_on; ++i) {
      const auto& gone = survey_.chain[i].facts;
      (options_.accepts_loss() ? survey_.set_aside : survey_.dropped).push_back(gone.number);
      report_dropped(place_, gone, survey_.report.findings.back().row, survey_.report);  // the row that cut
    }
    survey_.chain.resize(link_ + 1);
    auto& last = survey_.chain[link_];
    note_end(last, sequence_);
    survey_.next = options_.accepts_loss() ? std::max({sequence_, survey_.durable + 1, lost_until_}) : sequence_;
    survey_.end_offset = offset_;
    const bool cut = outcome == action::cut || survey_.report.cut_records > 0 || !survey_.dropped.empty();
    if (cut && options_.mode == recovery_mode::strict && !options_.looking_on)
      return fail({.code = errc::would_cut,
                   .subject = place_.path,
                   .segment = segment_->facts().number,
                   .offset = offset_,
                   .first_sequence = sequence_});
    return {};
  }

  const log_place& place_;
  const survey_options& options_;
  const std::size_t from_;
  survey& survey_;
  const std::vector<chain_link> found_;   // as the headers say, before the walk
  recovery_report before_;                // likewise
  std::optional<segment_checks> checks_;  // of the links from from_ on; none: one thread is all
  std::uint64_t bytes_to_walk_ = 0, bytes_before_link_ = 0;

  std::size_t link_ = 0;
  std::shared_ptr<segment> segment_;
  std::uint64_t offset_ = 0, sequence_ = 0;
  std::uint64_t batch_offset_ = 0, batch_sequence_ = 0;  // of the last frame that does not begin inside a batch
  bool batch_goes_on_ = false;                           // the last kept frame does
  bool batch_unknown_ = false;                           // damage was passed: the head of this batch may have been there
  std::uint64_t lost_until_ = 0;                         // the sequence after what was lost at the end
  bool dirty_ = false;                                   // the walk is above what is on this disk
};

}  // namespace

void report_dropped(const log_place& place, const segment_facts& facts, char row, recovery_report& report) {
  std::uint64_t end = facts.first_frame, bytes = 0;
  // One that cannot be read is reported all the same; that it goes is decided.
  const auto opened = open_segment(place.directory, place.path, facts, os::access::read);
  if (opened && os::populate_for_reading((*opened)->map(), 0, facts.capacity)) {
    walker at{*opened};
    while (at.step(format::depth::shape).what == sight::frame) {
    }
    end = at.sequence();
    bytes = at.offset() - format::segment_header_bytes;
  }
  report.cut_records += end - facts.first_frame;
  report.cut_bytes += bytes;
  report.findings.push_back({.row = row,
                             .segment = facts.number,
                             .offset = format::segment_header_bytes,
                             .sequences = {{facts.first_frame}, {end}}});
}

result<void> walk_chain(const log_place& place, const survey_options& options, std::size_t from, survey& s) {
  return chain_walk{place, options, from, s}.run();
}

}  // namespace varve::core
