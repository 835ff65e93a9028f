// SPDX-License-Identifier: MIT
//
// backup.hpp - a consistent copy of a log, also while it is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include <varve/error.hpp>
#include <varve/recovery.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

struct backup_options {
  /// Share the blocks of sealed segments with the copy where the file system can (btrfs, xfs); they are then unlinked, not
  /// used again, once the log drops them. The active segment is always copied.
  bool reflink = false;
  std::uint32_t file_mode = 0600;
  /// Called between blocks of a few megabytes. Must not throw.
  std::function<void(const recovery_progress&)> on_progress{};
  /// Asked between such blocks: false ends the backup, which answers `cancelled`. May be empty. Must not throw.
  std::function<bool()> keep_going{};
};

struct backup_report {
  sequence_range sequences{};  ///< What the copy holds.
  std::uint64_t segments = 0, bytes_copied = 0, bytes_shared = 0;
};

/// Copies a log into the new directory `to`: all that is durable when it begins, which ends with a whole batch; of a log
/// that nobody writes all that opening it would keep. The copy is a closed log of its own that nothing need be recovered of.
/// Writes nothing to the log, and waits for nobody; segments that are dropped meanwhile are held until they are copied.
///
/// Errors  not_found, not_a_log, newer_format, damaged (names the segment; bytes are checked as they are copied), bad_option
///         (`to` exists), io, no_space, out_of_memory; timed_out if the log drops records all the time; cancelled. What was
///         written so far is removed.
VARVE_EXPORT [[nodiscard]] result<backup_report> backup(const std::filesystem::path& from, const std::filesystem::path& to,
                                                        const backup_options& options = {});

}  // namespace varve
