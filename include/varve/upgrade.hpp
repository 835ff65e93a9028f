// SPDX-License-Identifier: MIT
//
// upgrade.hpp - a log of this version of the format, out of one that varve 0.1 made.
#pragma once

#include <cstdint>
#include <filesystem>

#include <varve/backup.hpp>
#include <varve/error.hpp>
#include <varve/recovery.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

struct upgrade_report {
  sequence_range sequences{};  ///< What the new log holds.
  std::uint64_t segments = 0, bytes_copied = 0, bytes_shared = 0;
  recovery_report found;  ///< What opening the old log would have found and done: cut_records are not in the new one.
};

/// Makes a log of this version of the format in the new directory `to`, of one of version 1 (varve 0.1): all that opening
/// that would keep. Records keep their sequences, types, times and batches, and abandoned sequences stay abandoned; so do
/// the identity of the log, where it was trimmed, and its checkpoint. The new log is closed, whole, durable, and under its
/// name at once or not at all. The old one is not changed; nobody can open it for writing meanwhile. To go on with it under
/// the old name, rename both directories afterwards.
///
/// options        as of a backup.
/// Errors         bad_option: path() is "from": it is of this version already, and needs no upgrade; "to": it exists.
///                locked: a writer has the log; close it first. damaged: names the segment; what can still be read,
///                salvage() gets, also of version 1. not_found, not_a_log, newer_format, io, no_space, out_of_memory;
///                cancelled. What was written of `to` is removed.
/// Thread-safety  any number of threads; of those that name one `to`, one has it.
/// Durability     of everything, before it returns.
/// Cost           each frame is read, checked and written once, as backup() does it.
VARVE_EXPORT [[nodiscard]] result<upgrade_report> upgrade(const std::filesystem::path& from, const std::filesystem::path& to,
                                                          const backup_options& options = {});

}  // namespace varve
