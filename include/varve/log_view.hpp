// SPDX-License-Identifier: MIT
//
// log_view.hpp - read a log from another process, or one that nobody writes.
//
// A view never writes a byte, but for what reader::wait() announces, and takes no lock that a writer waits for. It works
// beside a living writer, and goes on when that writer rolls, dies and comes back. Of a log without a living writer it shows
// what opening it would keep.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <varve/error.hpp>
#include <varve/log.hpp>
#include <varve/options.hpp>
#include <varve/reader.hpp>
#include <varve/record.hpp>
#include <varve/retention.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

namespace core {
class view_object;
}

struct segment_description {
  enum class state : std::uint8_t {
    prepared,  ///< Made ahead of need, and no part of the log yet.
    active,    ///< Takes appends.
    ended,     ///< Its end is known.
    sealed,    ///< Ended, complete and durable.
    damaged,   ///< Its header is damaged or of something else, or one before it is missing: its records are out of reach.
    dropped,   ///< All that it holds was trimmed; its file is about to be removed, or to be used again.
  };

  std::uint64_t number = 0;      ///< The file's number, and name.
  std::uint64_t file_bytes = 0;  ///< Size of the file.
  std::uint64_t used_bytes = 0;  ///< Header and frames.
  sequence_range sequences{};
  varve::segment_description::state state = state::prepared;
  std::string version_info{};  ///< What the open that began it gave as version_info.
};

/// What somebody who operates a log wants to know of it. Made by log_view::describe().
struct log_description {
  /// How a log was left by whoever had it open for writing.
  enum class ending : std::uint8_t {
    unknown,     ///< Not noted: the log was never opened since it was made, or by a version that did not note it.
    closed,      ///< Closed; everything in it was durable.
    death,       ///< The process died.
    power_loss,  ///< Anything else: the machine stopped, or this is a copy.
  };
  enum class activity : std::uint8_t {
    nobody,      ///< No process has the log open for writing.
    recovering,  ///< One is opening it.
    appending,   ///< One may append.
  };
  /// What an open for writing found and did, or would. As in recovery_report.
  struct opening {
    log_description::ending found = ending::unknown;
    std::uint64_t kept = 0, cut_bytes = 0, cut_records = 0, stepped_over = 0;
    /// Of next_open, if it would cut: from the first sequence that would go to the last that can be told; otherwise empty.
    sequence_range cut{};
  };
  /// A claim whose append has not returned, in front of records whose appends have.
  struct unfinished_claim {
    varve::sequence sequence;
    std::uint64_t segment = 0, offset = 0;  ///< Number of the segment, and byte offset in its file.
    std::uint64_t finished_behind = 0;      ///< Finished records behind it, as far as was looked.
  };

  /// Who reads, and so holds, a segment: in a process other than the writer's, or by a view in that.
  struct pin {
    std::uint64_t segment = 0;  ///< Its number.
    std::uint64_t process = 0;  ///< 0: not to be known from here.
  };

  marks at;
  std::uint32_t epoch = 0;          ///< Counts the openings for writing, and the truncations.
  sequence checkpointed, archived;  ///< See log; first - 1 at least.

  std::uint64_t segment_bytes = 0;  ///< As the log was made with, likewise the next two.
  varve::checksum checksum = varve::checksum::xxh3;
  std::uint32_t index_stride_bytes = 0;
  bool record_times = false;

  // Segment files by their state; see segment_description.
  std::uint64_t prepared = 0, active = 0, ended = 0, sealed = 0, damaged = 0, dropped = 0;
  std::uint64_t bytes_used = 0;       ///< Headers and frames, up to what is published.
  std::uint64_t bytes_allocated = 0;  ///< Disk space taken by segments, prepared ones included.

  activity writer = activity::nobody;
  /// The process that appends; or, if nobody does and the log was not closed, the one that did last. As its own name space
  /// of processes numbers it. 0 if it is not known.
  std::uint64_t process = 0;
  /// Only beside a writer that appends. A claim behind which nothing is finished cannot be seen from outside.
  std::optional<unfinished_claim> oldest_unfinished{};

  opening last_open{};
  /// Of a log that nobody writes: what opening it would do, unless it refuses.
  std::optional<opening> next_open{};
  std::vector<pin> pins{};  ///< In the order of their segments.
  bool refuses = false;     ///< Damage was met: open() answers `damaged`, and verify() names the places.
  bool would_cut =
      false;  ///< next_open would lose records of a torn end, or of a copy that lacks some: what `strict` refuses.
};

/// Thread-safety  any member from any number of threads, except moving, assigning and destruction.
/// Moved-from     only assign or destroy.
class VARVE_EXPORT log_view {
 public:
  /// Errors  not_found, not_a_log, newer_format, damaged, io, out_of_memory;
  ///         timed_out if writers come and go all the time.
  [[nodiscard]] static result<log_view> open(const std::filesystem::path& directory, const view_options& options = {});

  log_view(log_view&&) noexcept;
  log_view& operator=(log_view&&) noexcept;
  ~log_view();

  /// As in log; what is not published answers not_yet, since a view cannot know what was claimed.
  [[nodiscard]] result<pinned_record> read(sequence at) const;
  [[nodiscard]] record_range records(sequence from = {}) const;
  [[nodiscard]] result<varve::reader> reader(sequence from = {}) const;

  [[nodiscard]] result<sequence> find_time(record_time time) const;

  /// The marks, each as the files say it when it is asked for: also after a truncation, a trim, another writer or a death,
  /// and if nothing else of the view is called. What a writer is in the middle of counts once its call returns, at the
  /// latest. If a look at the files fails, as the last look saw them that did not: read() and stats() say what is wrong.
  /// Those that one call gives fit together: first - 1 <= durable <= published.
  ///
  /// Cost    a system call or two, and a walk over what was published since.
  [[nodiscard]] sequence first_sequence() const noexcept;
  [[nodiscard]] sequence published_sequence() const noexcept;
  [[nodiscard]] sequence durable_sequence() const noexcept;
  /// As of when it is called, likewise.
  ///
  /// Errors  what a look at the files met: damaged, newer_format, io, out_of_memory, timed_out.
  /// Cost    as for the marks; and it reads the headers of all segment files.
  [[nodiscard]] result<statistics> stats() const;

  /// How the log is made, who writes it, what it holds, what holds it up, and what the next open would do. Needs no help of
  /// a writer; the parts are looked at one after another, so beside a busy one they may be of different moments.
  ///
  /// Errors  as stats().
  /// Cost    reads the headers of all segment files, and searches at most 64 MiB behind an unfinished claim.
  [[nodiscard]] result<log_description> describe() const;

  /// One line per segment file, in the order of the records, prepared ones last.
  [[nodiscard]] result<std::vector<segment_description>> segments() const;

  /// What log::retain() would do by these rules, and why, oldest segment first. Of a log that nobody writes: after the next
  /// open, with the segment that it begins. What the writer saves or archives is not known here, and holds nothing: see
  /// log_description::checkpointed and ::archived.
  ///
  /// Errors  as stats().
  /// Cost    reads the headers of all segment files; with keep_for_readers one open and lock for each that would go.
  [[nodiscard]] result<std::vector<retention_verdict>> plan_retention(const retention_rules& rules) const;

 private:
  explicit log_view(std::shared_ptr<core::view_object>) noexcept;
  std::shared_ptr<core::view_object> object_;
};

struct verify_options {
  /// How many threads check sealed segments, 1 to 64; 0: as many as there are processors.
  std::uint32_t threads = 1;
  /// Whose answer is foretold: `accept_loss` counts what such an opening would give up, and names it.
  recovery_mode recovery = recovery_mode::prefix;
  /// Called now and then by verify() itself. Must not throw.
  std::function<void(const recovery_progress&)> on_progress{};
};

/// Reads every frame of a log and checks it, strictly read-only, also beside a living writer. What stands twice (ends,
/// seals, states and marks) is no finding while one of the two is valid.
///
/// on_finding  called for each finding before verify() returns: first what concerns whole files, then in the order of the
///             log. May be empty. Must not throw.
/// Returns     what opening it would keep, cut and step over. No findings: the log is whole.
/// Errors      what stopped it: not_found, not_a_log, newer_format, io, out_of_memory; damaged if varve.meta or varve.state
///             do not say what log it is. Damage to a segment does not stop it, it is a finding.
VARVE_EXPORT [[nodiscard]] result<recovery_report> verify(
    const std::filesystem::path& directory, const std::function<void(const recovery_report::finding&)>& on_finding = {},
    const verify_options& options = {});

}  // namespace varve
