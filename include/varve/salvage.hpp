// SPDX-License-Identifier: MIT
//
// salvage.hpp - get what can still be read out of a damaged log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <varve/checksum.hpp>
#include <varve/error.hpp>
#include <varve/record.hpp>
#include <varve/recovery.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

/// Where to look.
struct salvage_options {
  /// Single segment files, by any name, and directories of such, as a recovery that accepts a loss sets them aside. They are
  /// read as if they lay in the log's directory.
  std::vector<std::filesystem::path> from;
};

/// What is known of a log before its first record is handed out.
struct salvage_source {
  sequence first{};              ///< Of the records that stand: everything before it was trimmed.
  bool trim_point_known = true;  ///< False: records before it, or at the beginning, may have been trimmed.
  bool meta_known = true;        ///< False: what follows is what the segments say.
  std::uint64_t segment_bytes = 0;
  std::uint32_t index_stride_bytes = 0;
  varve::checksum checksum = varve::checksum::xxh3;
  bool record_times = false;
};

struct salvage_report {
  sequence_range sequences{};    ///< Of the log: each is handed out, abandoned, unfinished, or in a gap.
  std::uint64_t records = 0;     ///< That were handed out.
  std::uint64_t abandoned = 0;   ///< Sequences of valid frames without a record.
  std::uint64_t missing = 0;     ///< Sequences in gaps that were there once.
  std::uint64_t unfinished = 0;  ///< Sequences in gaps that a process which died left unfinished: they never were there.
  std::uint64_t removed = 0;     ///< Records that a decision removed: trimmed, truncated, or cut by a recovery. Still there.
  std::uint64_t superseded = 0;  ///< Records of a sequence that another record has. Still there.
  bool trim_point_known = true;  ///< False: what was handed out first, or is missing first, may have been trimmed.
  std::vector<recovery_report::finding> gaps;
  /// What decisions removed: each stretch, with its cause.
  std::vector<recovery_report::finding> decisions;
  /// Files of which something had to be found elsewhere, or could not be found: segments whose header is damaged (row Y),
  /// and those that hold records of which nothing says the sequences (row U).
  std::vector<recovery_report::finding> headers;
  std::vector<std::string> foreign;  ///< Segment files of another log, which were left alone.
};

/// Each may be empty, and may not throw. False ends it: salvage() answers `cancelled`.
struct salvage_handler {
  /// Each record that can be read and was not removed by a decision, once, in the order of the log.
  std::function<bool(const record&)> record{};
  /// Each gap, before the records after it: where it is, and which sequences are not there.
  std::function<bool(const recovery_report::finding&)> gap{};
  /// Once, before all others.
  std::function<bool(const salvage_source&)> begin{};
  /// After all others: each record that is still there although a decision removed it, or another one has its sequence. In
  /// order, but where there are several of one sequence the older ones come once all newer ones have come.
  std::function<bool(const varve::record&)> removed{};
};

/// Reads all of a log that can be read, in its own place or copied, also where open() refuses: after damaged frames, pages
/// that the device does not give back, damaged headers, and segments that are missing; with or without varve.meta,
/// varve.state and varve.live. It asks what decisions removed, not what an open would keep: each frame that validates is
/// handed out, unless it was trimmed, truncated, or cut by a recovery. Each sequence that any file says was there, and that
/// is not handed out, is in a gap. What a reader promises does not hold here: after a gap stand records without those before
/// them, and of a batch there may be a part.
///
/// It changes nothing and needs no write permission. For a log that nobody writes; beside a writer, what that does
/// meanwhile may be named as missing.
///
/// directory  may be empty if options.from is not.
///
/// Returns  what there was; without gaps the log is whole.
/// Errors   not_found, not_a_log: there is nothing of a log; newer_format; cancelled; io, out_of_memory.
VARVE_EXPORT [[nodiscard]] result<salvage_report> salvage(const std::filesystem::path& directory,
                                                          const salvage_handler& handler,
                                                          const salvage_options& options = {});

}  // namespace varve
