// SPDX-License-Identifier: MIT
//
// recovery.hpp - what an open found and did, and what the user may have to say while it does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <varve/checksum.hpp>
#include <varve/error.hpp>
#include <varve/record.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

/// What open() does with a torn end, that is, with the remains of an unfinished last write; and with a log of which records
/// that had been durable are missing or damaged.
enum class recovery_mode : std::uint8_t {
  prefix,  ///< Cut a torn end, and report what was cut. Refuse a log that is incomplete or damaged.
  strict,  ///< Refuse a torn end as well, with would_cut; change nothing.
  /// As prefix, but go on without what is missing or damaged: everything that can be read on either side of it keeps its
  /// sequence, readers answer `damaged` for what was given up, and the report names it. Every byte is read. Files that
  /// are no part of the result, and copies of those that are changed, go to a directory set-aside-TIME in the log's own.
  /// Salvage first: it reads more, and changes nothing.
  accept_loss,
};

struct recovery_progress {
  std::uint64_t bytes_done, bytes_total;
};

/// What a finding comes to.
enum class finding_kind : std::uint8_t {
  damage,  ///< Records that had been there are missing or invalid: open() refuses, unless it is told to accept the loss.
  cut,     ///< The torn end of a power loss: open() drops it.
  stepped_over,  ///< Claims of dead writers: open() makes them `abandoned`. No record whose append returned is lost.
};

/// What an open, or verify(), found and did.
struct VARVE_EXPORT recovery_report {
  struct VARVE_EXPORT finding {
    char row;               ///< The row of the decision table: docs/design.md explains each letter.
    std::uint64_t segment;  ///< Segment number; 0 if it concerns no segment.
    std::uint64_t offset;   ///< Byte offset in the segment file.
    sequence_range sequences;

    [[nodiscard]] finding_kind kind() const noexcept;
    /// What happened there, in a clause.
    [[nodiscard]] std::string_view cause() const noexcept;
  };
  std::uint64_t kept = 0;             ///< Sequences of the log as it now stands.
  std::uint64_t cut_bytes = 0;        ///< Bytes of frames cut from a torn end.
  std::uint64_t cut_records = 0;      ///< Frames among them that could still be told apart.
  std::uint64_t stepped_over = 0;     ///< Claims of dead writers that became `abandoned`.
  std::uint64_t given_up = 0;         ///< Sequences that accept_loss goes on without; the findings name them.
  std::uint64_t indexes_rebuilt = 0;  ///< Index files that were missing, or may not have reached the disk.
  bool clean = true;                  ///< The log had been closed, and was believed without a scan.
  std::vector<finding> findings;
  /// What an earlier accept_loss gave up, and the log does without: no damage any more, but readers answer `damaged`. In
  /// order; all of it if every byte was read.
  std::vector<sequence_range> lost;
};

/// A segment whose records are about to be handed out.
struct recovered_segment {
  std::uint64_t number = 0;
  sequence_range sequences{};       ///< Those behind the checkpoint.
  std::string_view version_info{};  ///< What the open that began it gave as version_info. Valid during the call.
};

/// Replay at open: each segment that holds records behind the last checkpoint, oldest first, and behind each segment that
/// is not skipped those records, in order. Called by open() itself, once the log is recovered and before it takes appends;
/// may not throw or call into varve. Source  okaywal's LogManager.
struct recovery_handler {
  enum class choice : std::uint8_t { recover, skip };
  /// May be empty: all are recovered. A segment that is skipped stays in the log; only its records are not handed out.
  std::function<choice(const recovered_segment&)> segment{};
  /// False ends it: open() answers `cancelled`, and the log is closed again. May be empty.
  std::function<bool(const record&)> record{};
};

struct index_rebuild {
  std::uint64_t segments = 0;   ///< Whose index was made again.
  recovery_report recovered{};  ///< What opening the log found and did first.
};
/// Removes the index of every segment of a log that nobody writes, and makes it again. Indexes are hints: this is for a log
/// of which one is suspected to be slow, never needed for right answers. The log is recovered first, which must not cut
/// anything: for that there is log::open().
///
/// Errors  as log::open() with recovery_mode::strict; after would_cut and damaged nothing of the log was changed.
VARVE_EXPORT [[nodiscard]] result<index_rebuild> rebuild_indexes(const std::filesystem::path& directory);

struct state_rebuild_options {
  bool dry_run = false;            ///< Only say what would be done.
  std::uint32_t threads = 1;       ///< How many check segments; 0: as many as there are processors.
  std::uint32_t file_mode = 0600;  ///< Permissions of the files that are made.
  std::function<void(const recovery_progress&)> on_progress{};  ///< May be empty, and may not throw.
};

struct state_rebuild {
  bool state = false, meta = false;  ///< Which of the two were lost, and were made again.
  sequence_range sequences{};        ///< What the log then holds, by what the next open will keep.
  std::uint64_t segments = 0;        ///< In which so much stands.
  /// Of these some at the beginning, or all, may have been trimmed: where the log began is lost with the state, and it now
  /// begins with the first segment that there is. Empty if the state was not lost. trim_before() trims them again.
  sequence_range may_have_been_trimmed{};
  /// A truncation was under way when the state was lost: the next open carries it out, and the log goes on here. 0: none.
  sequence truncated_from{};
  // What the log was made with: of a lost meta as the segments say.
  std::uint64_t segment_bytes = 0;
  std::uint32_t index_stride_bytes = 0;
  varve::checksum checksum = varve::checksum::xxh3;
  bool record_times = false;
  recovery_report next_open;  ///< What the next open will find and do. Nothing of that is done yet.
  std::string kept_in{};      ///< The directory with what was left of the old files; empty if nothing was.
};

/// Makes varve.state, varve.meta, or both again for a log that has lost them: they are missing, or every copy in them is
/// spoiled. Only where the segments prove that it is safe: they make one chain without a gap from the first one that is
/// there to the end; no other segment, mark, or end contradicts it; all that anything says had been durable is there; and
/// every byte of it is valid. docs/format.md has the rules.
///
/// The next open then recovers the log as after a power loss, and keeps all that is durable.
///
/// What cannot be found again: the trim point (may_have_been_trimmed), the checkpoint and what was archived (both become
/// none), and a truncation or reset that had not returned and has left no trace in the segments (it comes to nothing, or
/// stays as far as it had come).
///
/// Errors         bad_option: path() is "directory": both can be read, and there is nothing to rebuild; or "threads",
///                "file_mode". damaged, incomplete: it cannot be proved safe; segment(), sequences or path() say by what;
///                salvage() reads such a log. locked, is_archive, older_format, newer_format, not_found, not_a_log,
///                unsupported_file_system. Nothing was changed so far. io, no_space, out_of_memory.
/// Thread-safety  any number of threads; one of them does it, the others get locked or bad_option.
/// Durability     durable when it returns. Whenever it is stopped, the log is refused as before, or is as it will be. What
///                is left of the old files is copied to set-aside-TIME in the directory first.
/// Cost           each frame is read and checked once, if the state was lost.
VARVE_EXPORT [[nodiscard]] result<state_rebuild> rebuild_state(const std::filesystem::path& directory,
                                                               const state_rebuild_options& options = {});

}  // namespace varve
