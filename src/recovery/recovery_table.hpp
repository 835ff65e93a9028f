// SPDX-License-Identifier: MIT
//
// recovery_table.hpp - what to do at a place in the log, decided from what is found there. Layer recovery; pure.
//
// Recovery walks from the durable mark towards the end, and asks this table at each place. Every combination of findings
// has exactly one row (a test walks them all). docs/design.md has a paragraph for each letter.
#pragma once

#include <cstdint>
#include <span>

#include <varve/error.hpp>

namespace varve::core {

/// How the last opening for writing ended. The numbers stand in varve.state.
enum class ending : std::uint8_t {
  living,      // it did not: a writer has the log (a view or verify() looks on)
  clean,       // it was closed
  death,       // its process died; what it wrote is in the cache
  power_loss,  // anything else: any page may be old or new
};

/// Where the expected sequence stands.
enum class region : std::uint8_t {
  durable,  // at or below the durable mark
  tail,     // above it
};

/// What stands at the place.
enum class finding : std::uint8_t {
  frame,        // a valid frame
  unprotected,  // a valid frame in a log without checksums: its payload may be anything
  orphan,       // a valid frame that begins inside a batch whose head is not kept
  broken,       // the right stamp, and a frame that is not valid
  nothing,      // another stamp
  gap,          // another stamp, and the frame before it goes on: the rest of its batch is not there
  successor,    // the expected sequence is the base of the next segment
  end,          // the segment's end is reached, and no segment follows
};

/// What lies behind a place with `nothing`.
enum class behind : std::uint8_t {
  nothing,   // no stamp that could belong to the log
  frame,     // a valid frame, at a distance that its sequence allows
  broken,    // first a stamp of the log whose frame is not valid
  boundary,  // the segment's end or the next one's base, at a distance that it allows
  misfit,    // an end or a base at a distance that it does not allow
};

enum class action : std::uint8_t {
  keep,           // the frame belongs to the log; go on behind it
  lose,           // it becomes a lost frame; go on behind it
  step_over,      // the bytes up to what lies behind become lost frames; go on there
  next_segment,   // go on in the successor
  stop,           // the log ends here
  cut,            // the log ends here, and what lies behind goes
  as_power_loss,  // it was no mere death: begin again, as after a power loss
  refuse,         // damage: change nothing
};

struct circumstances {
  core::ending ending;
  core::region region;
  core::finding finding;
  core::behind behind;  // looked at only where finding is nothing or gap
};

struct row {
  char letter;
  std::uint8_t endings, regions, findings, behinds;  // sets: bit n is the n-th value
  core::action action;
  const char* cause;

  [[nodiscard]] bool matches(const circumstances& c) const noexcept;
};

[[nodiscard]] std::span<const row> recovery_rows() noexcept;

/// The row for `c`.
[[nodiscard]] const row& decide(const circumstances& c) noexcept;

// ---- Findings about whole files have letters too, though nothing is decided by them but to refuse.
constexpr char row_foreign_segment = 'X';  // a segment file of another log, or under another number
constexpr char row_header_damaged = 'Y';   // an identity or activation that was valid is not
constexpr char row_activation_torn = 'V';  // a power loss tore the activation of a segment that was not durable
constexpr char row_incomplete = 'W';       // the log ends before what was durable, or before what a dead writer published
constexpr char row_segment_missing = 'Z';  // the chain of segments is broken
constexpr char row_state_stale = 's';      // segments or marks speak of a later state than varve.state has
constexpr char row_unplaced = 'U';         // a segment holds frames, but nothing says of which sequences

// ---- Those of a salvage, which asks this table nothing, but uses its letters for gaps where they mean the same. Decisions
// that removed records have small ones: they are no damage.
constexpr char row_of_frame = 'F', row_at_end = 'G', row_stepped_over = 'M';
constexpr char row_trimmed = 't', row_was_cut = 'c';

/// What open() answers to a finding that it refuses: whether bytes are wrong, or missing.
[[nodiscard]] errc code_of_refusal(char letter) noexcept;

}  // namespace varve::core
