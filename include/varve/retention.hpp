// SPDX-License-Identifier: MIT
//
// retention.hpp - which of its oldest segments a log drops by itself, and why.
//
// Only whole segments go, sealed ones, oldest first: the first one that is kept keeps all behind it. Who needs an exact
// sequence calls log::trim_before().
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

/// Limits make the oldest segments go; what is to be kept holds against them. Without a limit nothing goes.
struct retention_rules {
  /// Of the segments that hold records, their files counted whole. 0: no limit.
  std::uint64_t max_bytes = 0;
  std::uint64_t max_segments = 0;
  /// A segment goes once its newest record is older. 0: no limit. Told by when the segment behind it was begun.
  std::chrono::seconds max_age{0};
  /// So many of the newest records stay at least, whatever the limits say.
  std::uint64_t keep_records = 0;
  /// Segments in which a reader stands stay, of this process or another, and so do those behind them. Otherwise what a
  /// reader holds stays as it is for him alone, and his next step answers `trimmed`.
  bool keep_for_readers = false;
  /// The bound of that: readers no longer count while the segments take more than this, or for a segment whose newest record
  /// is older. 0: no bound.
  std::uint64_t readers_max_bytes = 0;
  std::chrono::seconds readers_max_age{0};
};

/// What happens when a log has come to log_options::max_disk_bytes and needs another segment.
enum class when_full : std::uint8_t {
  refuse,  ///< Appends answer no_space until something was trimmed.
  /// The oldest sealed segment goes, whoever reads it. What is read, or waits for a claim, still takes its room: an append
  /// waits a moment for that, and then answers no_space.
  drop_oldest,
  wait,  ///< Appends wait until something was trimmed, by a call or by the rules.
};

/// Why a segment stays, or goes.
enum class retention_reason : std::uint8_t {
  within_limits,  ///< Stays: no limit is passed.
  not_sealed,     ///< Stays: it takes appends, or is not durable yet.
  records,        ///< Stays, for keep_records.
  reader,         ///< Stays, for a reader.
  checkpoint,     ///< Stays: not all of it was checkpointed.
  archive,        ///< Stays: no copy of it is safe yet.
  behind_kept,    ///< Stays, since an older one does.
  bytes,          ///< Goes, for max_bytes.
  segments,       ///< Goes, for max_segments.
  age,            ///< Goes, for max_age.
  checkpointed,   ///< Goes: all of it was checkpointed.
};

struct retention_verdict {
  std::uint64_t segment = 0;  ///< Its number.
  sequence_range sequences;
  std::uint64_t bytes = 0;  ///< Of its file.
  bool goes = false;
  retention_reason reason = retention_reason::within_limits;
};

/// "max_bytes is passed"
VARVE_EXPORT [[nodiscard]] std::string_view text_of(retention_reason reason) noexcept;

}  // namespace varve
