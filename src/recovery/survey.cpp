// SPDX-License-Identifier: MIT
#include "recovery/survey.hpp"

#include <algorithm>

#include "os/process.hpp"
#include "recovery/survey_files.hpp"

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
    return state.both_slots_known() && state.current().truncate_intent == 0 ? ending::clean : ending::power_loss;
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

/// True if segments or marks were written under a later state than this one. The state is durable before anything under it
/// begins, so no crash explains that: the file is an older one, or newer blocks of it were lost. Where the segments lead it
/// is no wonder.
bool is_stale(const log_place& place, const state_file& state, bool has_later_mark, const segment_files& found) noexcept {
  if (place.meta.kind != format::directory_kind::log) return false;
  const auto& s = state.current();
  if (has_later_mark) return true;
  return std::ranges::any_of(found.files, [&s](const segment_file& f) {
    return f.identity && f.activation && !f.foreign &&
           (f.activation->epoch > s.epoch || f.activation->generation > s.generation);
  });
}

/// What a dead writer had published, as far as it has said so; 0: not known. No more than what the segments that it may have
/// had can hold.
///
/// next  the first sequence that is not known to have been there.
std::uint64_t published_before(const state_file& state, const live_file& live, std::uint64_t next) noexcept {
  const std::uint64_t published = live.published_in(state.current().epoch);
  constexpr std::uint64_t segments_max = 64;  // made ahead; arbitrary: a check word can be right by chance
  constexpr std::uint64_t frames_max = segments_max * (format::segment_bytes_max / format::frame_header_bytes);
  return published >= next && published - next < frames_max ? published : 0;
}

/// Notes that the log ends before `last`, which was there.
void note_missing_end(survey& s, std::uint64_t last) {
  const auto says_so = [&](const recovery_report::finding& f) {
    return f.kind() == finding_kind::damage && f.sequences.first.value <= s.next && f.sequences.end.value > last;
  };
  if (s.next > last || std::ranges::any_of(s.report.findings, says_so)) return;
  s.report.findings.push_back({.row = row_incomplete, .segment = 0, .offset = 0, .sequences = {{s.next}, {last + 1}}});
}

/// Names what is given up where no frame was found to be wrong, and counts all of it.
void report_losses(survey& s) {
  const auto lose = [&s](char row, std::uint64_t segment, std::uint64_t first, std::uint64_t end) {
    if (first >= end) return;
    s.report.given_up += end - first;
    const bool is_named = std::ranges::any_of(s.report.findings, [&](const recovery_report::finding& f) {
      return f.kind() == finding_kind::damage && f.sequences.first.value <= first && f.sequences.end.value >= end;
    });
    if (!is_named) s.report.findings.push_back({.row = row, .segment = segment, .offset = 0, .sequences = {{first}, {end}}});
  };
  for (const auto& link : s.chain) {
    if (link.after_loss) lose(row_segment_missing, link.facts.number, link.facts.base, link.facts.first_frame);
    for (const auto& h : link.holes)
      if (h.gone) lose(h.first <= s.durable ? row_of_frame : row_incomplete, link.facts.number, h.first, h.end);
  }
  lose(row_incomplete, 0, s.next - s.lost_at_end(), s.next);
}

/// What was not durable may be torn, but more may be readable after it: who accepts a loss in a copy, which no power loss
/// explains, or after damage, wants that.
bool is_cut(const survey& s) noexcept { return s.report.cut_records != 0 || !s.dropped.empty() || !s.set_aside.empty(); }

/// Goes on without what is missing. Everything is read, also what was sealed.
result<survey> survey_accepting_loss(const log_place& place, const state_file& state, ending how, std::uint64_t durable,
                                     const survey_options& options, const segment_files& found,
                                     const std::vector<std::uint64_t>& truncated) {
  survey_options all = options;
  all.tolerant = all.every_byte = true;
  if (how == ending::clean) how = ending::power_loss;  // that it ends where it was closed is what is in doubt
  auto s = survey_files(place, state, all, {how, durable, 0, found, truncated});
  if (!s) return s;
  s->is_copy = state.is_copy();
  report_losses(*s);
  s->report.kept -= std::min(s->report.kept, s->report.given_up);
  return s;
}

/// Refuses, and says between which sequences there is something missing: just what accepting the loss would give up. If that
/// is nothing, a file is spoiled all the same: `why` names it.
std::unexpected<error> refuse_incomplete(const log_place& place, const state_file& state, ending how, std::uint64_t durable,
                                         const survey_options& options, const segment_files& found,
                                         const std::vector<std::uint64_t>& truncated, const error& why) {
  survey_options accepting = options;
  accepting.mode = recovery_mode::accept_loss;
  accepting.on_progress = nullptr;
  const auto s = survey_accepting_loss(place, state, how, durable, accepting, found, truncated);
  if (!s) return std::unexpected(s.error());
  error_fields fields{.code = errc::incomplete, .subject = place.path, .segment = why.segment()};
  for (const auto& f : s->report.findings) {
    if (f.kind() != finding_kind::damage) continue;
    if (fields.segment == 0) fields.segment = f.segment;
    if (f.sequences.size() == 0) continue;
    const std::uint64_t first = f.sequences.first.value;
    fields.first_sequence = fields.first_sequence == 0 ? first : std::min(fields.first_sequence, first);
    fields.last_sequence = std::max(fields.last_sequence, f.sequences.end.value - 1);
  }
  if (fields.segment == 0 && fields.first_sequence == 0) return std::unexpected(why);
  return fail(fields);
}

/// A copy may have been made file by file, while the log was written. Only the seals in its segments count as synced here.
/// But everything that its state and marks speak of was durable, and so must be there, and valid: if it is not, the copy is
/// incomplete.
result<survey> survey_copy(const log_place& place, const state_file& state, const survey_options& options, bool stale,
                           std::uint64_t stored, std::uint64_t sealed, const segment_files& found,
                           const std::vector<std::uint64_t>& truncated) {
  const std::uint64_t durable = std::max(stored, sealed);
  error why = place.fail_file(errc::incomplete, format::state_name).error();
  if (!stale) {
    survey_options exact = options;
    exact.tolerant = false;
    if (options.accepts_loss()) {
      exact.mode = recovery_mode::prefix;
      exact.every_byte = true;
    }
    auto whole = survey_files(place, state, exact, {ending::power_loss, durable, sealed, found, truncated});
    const bool lacks = !whole && (whole.error().code() == errc::damaged || whole.error().code() == errc::incomplete);
    if (!whole && !lacks) return whole;
    if (!whole) why = whole.error();
    if (whole) whole->is_copy = true;
    if (whole && whole->next > stored && !(options.accepts_loss() && is_cut(*whole))) return whole;
  }
  survey_options tolerant = options;
  tolerant.tolerant = true;
  tolerant.mode = recovery_mode::prefix;
  auto s = survey_files(place, state, tolerant, {ending::power_loss, durable, sealed, found, truncated});
  if (!s) return s;
  s->is_copy = true;
  if (stale) s->report.findings.push_back({.row = row_state_stale, .segment = 0, .offset = 0, .sequences = {}});
  note_missing_end(*s, stored);
  if (options.accepts_loss())
    return survey_accepting_loss(place, state, ending::power_loss, durable, options, found, truncated);
  if (options.tolerant) return s;
  return refuse_incomplete(place, state, ending::power_loss, durable, options, found, truncated, why);
}

/// A log where it was written.
result<survey> survey_original(const log_place& place, const state_file& state, const live_file& live, ending how,
                               bool stale, std::uint64_t durable, const survey_options& options, const segment_files& found,
                               const std::vector<std::uint64_t>& truncated) {
  const bool accepts = options.accepts_loss();
  if (stale && !options.tolerant && !accepts) return place.fail_file(errc::damaged, format::state_name);
  if (stale) how = ending::power_loss;  // whatever it says of that is old
  if (stale && accepts) return survey_accepting_loss(place, state, how, durable, options, found, truncated);
  survey_options exact = options;
  if (accepts) {
    exact.mode = recovery_mode::prefix;
    exact.tolerant = false;
    exact.every_byte = true;
  }
  auto s = survey_files(place, state, exact, {how, durable, durable, found, truncated});
  const bool is_refused = !s && (s.error().code() == errc::damaged || s.error().code() == errc::incomplete);
  // No dead process leaves what made the survey take it for a power loss.
  const bool is_spoiled = s && how == ending::death && s->ending != ending::death;
  if ((is_refused || is_spoiled) && accepts) {
    const std::uint64_t last = how == ending::death ? published_before(state, live, durable + 1) : 0;
    return survey_accepting_loss(place, state, how, std::max(durable, last), options, found, truncated);
  }
  if (is_refused && s.error().code() == errc::incomplete)
    return refuse_incomplete(place, state, how, durable, options, found, truncated, s.error());
  if (!s) return s;
  if (stale) s->report.findings.push_back({.row = row_state_stale, .segment = 0, .offset = 0, .sequences = {}});
  // The cache has all that a dead writer wrote. A power loss may have let the word outlive what it speaks of.
  const std::uint64_t published = s->ending == ending::death ? published_before(state, live, s->next) : 0;
  if (published == 0) return s;
  if (accepts) return survey_accepting_loss(place, state, how, std::max(durable, published), options, found, truncated);
  note_missing_end(*s, published);
  if (options.tolerant) return s;
  const auto file = place.fail_file(errc::incomplete, format::live_name);
  return refuse_incomplete(place, state, how, std::max(durable, published), options, found, truncated, file.error());
}

}  // namespace

os::result<bool> has_writer_of(const live_file& live, const state_file& state) noexcept {
  const auto appender = live.has_appender();
  if (!appender || !*appender) return appender;
  return live.writer_epoch() == state.current().epoch;
}

namespace {

result<survey> survey_either(const log_place& place, const state_file& state, const live_file& live,
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
    truncated = set_truncated_aside(*found, s.truncate_intent, s.trim_point, s.epoch);
  const std::uint64_t sealed = sealed_mark(state, *found);
  if (*how == ending::living) {
    survey_options beside = options;
    beside.mode = recovery_mode::prefix;  // nothing of it is given up
    return survey_files(place, state, beside, {*how, stored, stored, *found, truncated});
  }
  const auto later = live.later_mark(state.current().epoch, state.current().generation);
  const bool stale = is_stale(place, state, later.has_value(), *found);
  const std::uint64_t known = std::max(stored, later.value_or(0));
  if (state.is_copy()) return survey_copy(place, state, options, stale, known, sealed, *found, truncated);
  return survey_original(place, state, live, *how, stale, std::max(known, sealed), options, *found, truncated);
}

}  // namespace

result<survey> survey_log(const log_place& place, const state_file& state, const live_file& live,
                          const survey_options& options) {
  auto s = survey_either(place, state, live, options);
  if (s) s->accepts_loss = options.accepts_loss();
  return s;
}

}  // namespace varve::core
