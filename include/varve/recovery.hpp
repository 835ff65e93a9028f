// SPDX-License-Identifier: MIT
//
// recovery.hpp - what an open found and did, and what the user may have to say while it does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

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

/// Replay at open: each segment that holds records behind the last checkpoint, oldest first, and behind each segment that is
/// not skipped those records, in order. Called by open() itself, once the log is recovered and before it takes appends; may
/// not throw or call into varve.
/// Source  okaywal's LogManager.
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

}  // namespace varve
