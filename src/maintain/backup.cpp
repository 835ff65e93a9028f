// SPDX-License-Identifier: MIT
//
// backup.cpp - copies a log as it is at one moment. Layer maintain; writes nothing to the log.
//
// A survey says what is to be copied. Segments are pinned before they are looked at, a good many ahead of the copying and
// oldest first, as they are dropped: a dropped one that is pinned is unlinked, not used again. If segments go that were not
// pinned yet, the records are not there any more, and it begins anew with what the log then keeps.
#include <algorithm>
#include <cerrno>
#include <deque>
#include <new>
#include <utility>

#include <varve/backup.hpp>

#include "maintain/copy_log.hpp"
#include "os/point.hpp"
#include "recovery/stable_survey.hpp"
#include "store/log_directory.hpp"
#include "store/log_export.hpp"
#include "store/segment_copy.hpp"

namespace varve {
namespace core {
namespace {

// A descriptor and a mapping each. Arbitrary; a process may have 1024 descriptors, if nobody has raised that.
constexpr std::size_t pins_max = 256;
// How often it begins anew. Arbitrary.
constexpr int tries_max = 20;

class copying {
 public:
  copying(const log_place& from, const undisturbed& log, log_export& to, const backup_options& options)
      : from_(from), log_(log), to_(to), options_(options) {
    const survey& s = log.seen;
    const bool is_written = s.ending == ending::living;
    end_ = std::max(is_written ? s.durable + 1 : s.next, s.first);
    if (end_ == s.first) return;
    for (const auto& link : s.chain) {
      if (link.facts.base >= end_) break;
      links_.push_back(link);
      progress_.bytes_total += link.end_offset == none_yet ? link.facts.capacity : link.end_offset;
    }
  }

  result<backup_report> run() {
    closed_end end{.first = log_.seen.first, .next = end_};
    std::uint64_t reached = end_ == end.first ? end_ : 0;
    for (std::size_t i = 0; i < links_.size(); ++i) {
      if (auto done = pin_ahead(); !done) {
        lacks_segment_ = true;
        return std::unexpected(done.error());
      }
      const auto source = std::move(pinned_.front());
      pinned_.pop_front();
      auto copied = copy(source);
      if (!copied) return std::unexpected(copied.error());
      end.segment = source.segment->facts().number;
      end.offset = copied->end_offset;
      reached = source.end_sequence;
    }
    if (reached != end_) {
      lacks_segment_ = true;
      return fail({.code = errc::damaged, .subject = from_.path, .first_sequence = reached, .last_sequence = end_ - 1});
    }
    end.newest = newest_;
    if (auto done = to_.finish(closed_state(log_.state.current(), end)); !done) return std::unexpected(done.error());
    report_.sequences = {{end.first}, {end_}};
    return report_;
  }

  /// True if a segment was missing that may have been dropped since the survey. What was pinned does not change any more.
  [[nodiscard]] bool was_too_late() const noexcept {
    return lacks_segment_ && (log_.live.turn() != log_.turn || !log_.state.is_unchanged());
  }

 private:
  result<void> pin_ahead() {
    while (next_ < links_.size() && pinned_.size() < pins_max) {
      auto& link = links_[next_++];
      VARVE_POINT("backup.before_pin");
      auto s =
          open_segment(from_.directory, from_.path, link.facts, os::access::read, pinning::yes, {}, std::move(link.holes));
      if (!s) return std::unexpected(s.error());
      const bool whole = link.end_sequence <= end_;
      auto source =
          make_copy_source(from_, std::move(*s), whole ? link.end_offset : none_yet, std::min(link.end_sequence, end_));
      if (!source) return std::unexpected(source.error());
      pinned_.push_back(std::move(*source));
    }
    return {};
  }

  result<copy_outcome> copy(const copy_source& source) {
    VARVE_POINT("backup.before_copy");
    const auto file = to_.make_segment(source.segment->facts().number);
    if (!file) return std::unexpected(file.error());
    const auto on_block = [&](std::uint64_t bytes) {
      progress_.bytes_done = std::min(progress_.bytes_done + bytes, progress_.bytes_total);
      if (options_.on_progress) options_.on_progress(progress_);
      return !options_.keep_going || options_.keep_going();
    };
    // Appends may go on behind the end of the last one, in the copy as in the log: it keeps blocks of its own.
    const bool share = options_.reflink && source.end_sequence != end_;
    const auto copied = copy_segment(from_, source, *file, to_.place(), share, on_block);
    if (!copied) return copied;
    const auto& facts = source.segment->facts();
    newest_.note(facts.epoch, facts.generation);
    ++report_.segments;
    report_.bytes_copied += copied->bytes_copied;
    report_.bytes_shared += copied->bytes_shared;
    return copied;
  }

  const log_place& from_;
  const undisturbed& log_;
  log_export& to_;
  const backup_options& options_;
  std::uint64_t end_ = 0;  // the sequence behind the last one that is copied
  std::vector<chain_link> links_;
  std::size_t next_ = 0;  // of those, the first that was not pinned yet
  std::deque<copy_source> pinned_;
  newest_begun newest_{};
  bool lacks_segment_ = false;
  recovery_progress progress_{};
  backup_report report_;
};

/// Damage that the survey met; what a crash explains is none.
result<void> check_whole(const log_place& from, const survey& s) {
  const auto& findings = s.report.findings;
  const auto is_damage = [](const recovery_report::finding& f) { return f.kind() == finding_kind::damage; };
  // The first that says which sequences; what is wrong with a whole file does not always.
  const auto is_placed = [&](const recovery_report::finding& f) { return is_damage(f) && f.sequences.size() != 0; };
  auto damage = std::ranges::find_if(findings, is_placed);
  if (damage == findings.end()) damage = std::ranges::find_if(findings, is_damage);
  if (damage == findings.end()) return {};
  return fail({.code = code_of_refusal(damage->row),
               .subject = from.path,
               .segment = damage->segment,
               .offset = damage->offset,
               .first_sequence = damage->sequences.first.value,
               .last_sequence = std::max(damage->sequences.end.value, std::uint64_t{1}) - 1});
}

result<backup_report> back_up(const std::filesystem::path& from, const std::filesystem::path& to,
                              const backup_options& options) {
  if (!is_file_mode(options.file_mode)) return bad_option("file_mode");
  const auto place = open_place_for_reading(from);
  if (!place) return std::unexpected(place.error());
  const auto copied = copy_log(*place, to, options);
  if (!copied) return std::unexpected(copied.error());
  return copied->report;
}

}  // namespace

result<copied_log> copy_log(const log_place& from, const std::filesystem::path& to, const backup_options& options) {
  // What is written must be understood, not only read.
  if (!format::may_write(from.meta.features)) return fail({.code = errc::newer_format, .subject = from.path});
  auto meta = from.meta;
  meta.head = {};  // the copy is of this version, whatever the log is of
  auto copy = log_export::begin(to, meta, options.file_mode);
  if (!copy) return std::unexpected(copy.error());
  for (int tries = 0; tries < tries_max; ++tries) {
    const auto log = survey_undisturbed(from, {.looking_on = true, .tolerant = true});
    if (!log) return std::unexpected(log.error());
    if (auto done = check_whole(from, log->seen); !done) return std::unexpected(done.error());
    copying run{from, *log, *copy, options};
    const auto report = run.run();
    if (report) return copied_log{.report = *report, .found = log->seen.report};
    const errc code = report.error().code();
    const int number = report.error().os_errno();
    const bool is_gone = code == errc::damaged || number == ENOENT || number == EBUSY;
    if (!is_gone || !run.was_too_late()) return std::unexpected(report.error());
    if (auto done = copy->clear(); !done) return std::unexpected(done.error());
  }
  return fail({.code = errc::timed_out, .subject = from.path});
}

}  // namespace core

result<backup_report> backup(const std::filesystem::path& from, const std::filesystem::path& to,
                             const backup_options& options) {
  try {
    return core::back_up(from, to, options);
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve
