// SPDX-License-Identifier: MIT
//
// state.hpp - one slot of varve.state: what must never be stale. Layer format; pure.
//
// Two slots are used in turn, and each stands in the file twice. The highest generation counts; both copies of it are
// durable before the other slot is touched, and before what it says takes effect.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/sector.hpp"

namespace varve::format {

enum class condition : std::uint32_t {
  open = 1,   // a writer has it, or died
  clean = 2,  // everything is durable, and ends where clean_* says
};

struct state {
  static constexpr std::uint64_t magic = magic_of("VARVSTAT");

  sector_head head{};
  std::uint64_t generation = 0;
  std::uint32_t epoch = 0;  // counts the openings for writing and the truncates; 0 before the first
  format::condition condition = condition::open;
  uuid boot{};              // of the opening; tells the death of a process from a power loss
  std::uint64_t inode = 0;  // of this file: a copy has another, and believes neither marks nor `clean`
  std::uint64_t birth_ns = 0;
  std::uint64_t trim_point = 0;     // the first sequence that the log keeps
  std::uint64_t durable_floor = 0;  // the durable mark is at least this
  std::uint64_t clean_segment = 0;  // where the log ends if it is clean: 0 if it has no segment
  std::uint64_t clean_offset = 0;
  std::uint64_t clean_next = 0;       // the sequence that comes next
  std::uint64_t truncate_intent = 0;  // 0: none; otherwise the last sequence to keep, plus one
  std::uint64_t checkpoint = 0;
  std::uint64_t archived = 0;
  std::uint64_t report_kept = 0;  // of the last open
  std::uint64_t report_cut_bytes = 0;
  std::uint64_t report_cut_records = 0;
  std::uint64_t report_stepped_over = 0;
  std::uint32_t report_ending = 0;  // how that open found the log: 0 not noted, 1 clean, 2 death of a process, 3 power loss
  std::uint32_t truncations = 0;    // how often it was truncated: tells that from the death of a writer
  std::uint64_t report_given_up = 0;  // sequences that accept_loss gave up
  std::uint64_t device = 0;           // of this file itself, when it was opened: with the boot it says whose cache it was
  std::array<std::byte, 504 - 184> reserved{};
  std::uint64_t checksum = 0;
};
static_assert(offsetof(state, generation) == 16);
static_assert(offsetof(state, epoch) == 24);
static_assert(offsetof(state, condition) == 28);
static_assert(offsetof(state, boot) == 32);
static_assert(offsetof(state, inode) == 48);
static_assert(offsetof(state, birth_ns) == 56);
static_assert(offsetof(state, trim_point) == 64);
static_assert(offsetof(state, durable_floor) == 72);
static_assert(offsetof(state, clean_segment) == 80);
static_assert(offsetof(state, clean_offset) == 88);
static_assert(offsetof(state, clean_next) == 96);
static_assert(offsetof(state, truncate_intent) == 104);
static_assert(offsetof(state, checkpoint) == 112);
static_assert(offsetof(state, archived) == 120);
static_assert(offsetof(state, report_kept) == 128);
static_assert(offsetof(state, report_stepped_over) == 152);
static_assert(offsetof(state, report_ending) == 160);
static_assert(offsetof(state, truncations) == 164);
static_assert(offsetof(state, report_given_up) == 168);
static_assert(offsetof(state, device) == 176);

/// True if the fields of a valid sector make sense: what was written by a program other than varve may not.
[[nodiscard]] constexpr bool is_sane(const state& s) noexcept {
  const bool is_possible = s.condition == condition::clean || (s.condition == condition::open && s.epoch != 0);
  const bool may_truncate = s.condition == condition::open && s.durable_floor < s.truncate_intent;
  return is_possible && (s.truncate_intent == 0 || may_truncate) && s.generation != 0 && s.epoch != UINT32_MAX &&
         s.trim_point != 0 && s.clean_next != 0 && s.trim_point <= sequence_max && s.durable_floor <= sequence_max &&
         s.clean_next <= sequence_max && s.truncate_intent <= sequence_max;
}

/// True if a log in this state can be opened for writing once more: no number runs out, and so comes back as 0, by what an
/// opening and a close write.
[[nodiscard]] constexpr bool may_be_followed(const state& s) noexcept {
  return s.generation < UINT64_MAX - 2 && s.epoch < UINT32_MAX - 1;
}

}  // namespace varve::format
