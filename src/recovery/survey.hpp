// SPDX-License-Identifier: MIT
//
// survey.hpp - what a log's directory holds, and what opening it would keep. Layer recovery; only reads.
//
// Recovery in two halves: this one finds out and decides, repair.hpp then does it. A view without a living writer uses this
// half alone. It needs no threads, and gives the same answer when run twice.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <varve/log.hpp>
#include <varve/options.hpp>

#include "base/error.hpp"
#include "recovery/recovery_table.hpp"
#include "segment/segment.hpp"
#include "store/live_file.hpp"
#include "store/log_export.hpp"
#include "store/log_place.hpp"
#include "store/segment_files.hpp"
#include "store/state_file.hpp"

namespace varve::core {

/// One segment of the log as it is to be.
struct chain_link {
  segment_facts facts;
  std::uint64_t end_offset = none_yet;    // none_yet in the last link: it takes claims; elsewhere: its end sector is lost
  std::uint64_t end_sequence = none_yet;  // the next link's base; in the last link: the next sequence
  std::uint64_t dirty_from = none_yet;    // what stands from here on may not be on the disk though the cache says so
  std::uint64_t links = 1, allocated_bytes = 0;
  std::uint64_t predecessor = 0, predecessor_salt = 0;        // what it says that it follows; number 0: nothing
  std::vector<hole> holes{};                                  // to become lost frames
  std::uint64_t grow_to = 0;                                  // the file was cut short of so many bytes; 0: it was not
  bool after_loss = false;                                    // its activation is to say what was lost before it
  bool end_recorded = false;                                  // the end sector says just this
  format::end_cause end_cause = format::end_cause::recovery;  // if it was truncated there, or is to be
  bool sealed = false;
  std::uint64_t newest_ns = 0;  // if it is sealed: the largest time of its records; 0: not known
};

struct survey {
  core::ending ending = core::ending::clean;
  std::uint64_t first = 1;       // the first sequence that the log keeps
  std::uint64_t durable = 0;     // the durable mark
  std::uint64_t synced = 0;      // up to here it is on this disk; less than the mark only in a copy that is whole
  std::uint64_t next = 1;        // the sequence after the last one
  std::uint64_t end_offset = 0;  // where the last link's frames end
  std::vector<chain_link> chain;
  std::vector<std::uint64_t> dropped;    // segments behind the end, in the order of their numbers
  std::vector<std::uint64_t> truncated;  // of these, those that a truncation left which did not come to its end
  std::vector<std::uint64_t> leftovers;  // files that never became part of the log
  std::vector<std::uint64_t> set_aside;  // with accept_loss: what the log goes on without, and does not remove
  std::uint64_t highest = 0;             // of all numbers in use
  bool is_copy = false;
  bool accepts_loss = false;
  newest_begun newest{};  // of all segments
  recovery_report report;

  /// How many sequences were lost between the last segment and the next one.
  [[nodiscard]] std::uint64_t lost_at_end() const noexcept {
    return next - (chain.empty() ? first : chain.back().end_sequence);
  }

  /// True if appending may go on in the last link: the log was closed, and the segment has no end that a crash would find
  /// again. One of a copy has.
  [[nodiscard]] bool goes_on_in_last() const noexcept {
    return ending == core::ending::clean && !chain.empty() && !chain.back().end_recorded && !chain.back().sealed;
  }
};

struct survey_options {
  recovery_mode mode = recovery_mode::prefix;
  bool looking_on = false;    // a living writer is no fault: for views and verify
  bool tolerant = false;      // damage is a finding, behind which the survey goes on: for the same
  bool every_byte = false;    // walk from the first segment: for verify
  std::uint32_t threads = 1;  // how many walk; 0: as many as there are processors
  const std::function<void(const recovery_progress&)>* on_progress = nullptr;

  [[nodiscard]] bool accepts_loss() const noexcept { return mode == recovery_mode::accept_loss; }
};

/// True while the writer that stored `state` appends. False while one is still recovering the log: there is nobody to follow
/// yet, and what it will leave is what a survey says.
[[nodiscard]] os::result<bool> has_writer_of(const live_file& live, const state_file& state) noexcept;

/// Errors  damaged (unless tolerant), would_cut, newer_format, io, out_of_memory; nothing was changed.
[[nodiscard]] result<survey> survey_log(const log_place& place, const state_file& state, const live_file& live,
                                        const survey_options& options);

}  // namespace varve::core
