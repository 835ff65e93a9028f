// SPDX-License-Identifier: MIT
//
// archive.hpp - hooks on segments that are complete and durable, and on those about to be dropped. A ready archiver that
// uses them is in archiver.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include <varve/sequence.hpp>

namespace varve {

/// A segment that never changes again.
struct sealed_segment {
  std::uint64_t number = 0;
  std::filesystem::path directory;  ///< Of the log.
  std::filesystem::path path;       ///< Of the segment's file, in it.
  sequence_range sequences{};       ///< Empty if it was left without a record: a larger one went into another segment.
  std::uint64_t used_bytes = 0;     ///< Header and frames; the file is larger.
};

/// Must not throw, nor close or destroy the log.
struct archive_hooks {
  /// A segment is sealed. True: a copy of it is safe elsewhere; that position is then made durable, and the segment may be
  /// dropped. False: it is tried again, after a second or when the next one is sealed. After a crash it may be called again
  /// for a segment that was archived already. Segments without records come as well, but for those before the first record:
  /// they are links of the log's chain. Runs in a thread of its own, one call at a time, oldest segment first;
  /// it may use the log, but what waits for its own answer is refused (would_block_itself).
  ///
  /// While there is a hook no segment is dropped before it has answered true, in no life of the log, by no rule: retention
  /// and the cap keep it (appends then answer no_space, or wait: as when_full says), trim_before() has it archived first,
  /// and answers `cancelled` if the hook says no. What truncate_after(), reset() or recovery cut off at the end goes
  /// unasked.
  std::function<bool(const sealed_segment&)> sealed{};
  /// A segment is about to be dropped, since it was trimmed; its file is still there during the call. One without records
  /// is told as well, `sealed` or not. Not told is what truncate_after(), reset() or recovery cut off: it is no part of the
  /// log any more, and the next `sealed` takes its place. May be empty. Called by whatever thread drops it, also by open()
  /// for what the last life did not come to; so perhaps twice, and not at all if there is no memory to say it. It may read
  /// the log, and must not do anything else to it.
  std::function<void(const sealed_segment&)> dropping{};
};

}  // namespace varve
