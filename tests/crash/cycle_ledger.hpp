// SPDX-License-Identifier: MIT
//
// cycle_ledger.hpp - what the lives of a log say about their appends and about what moves its ends, in memory that outlives
// them. Numbers of records and of moves go on from life to life: no two records of a log are alike.
//
// A move (trim, truncation, reset) is made by one thread at a time. Whether an append came before or behind it is known only
// as far as the two did not overlap: so each append notes how many moves were done when it began, and how many had begun
// when it had returned.
//
// Fields
//   entries         by the writer that took these numbers: all but `sequence` and `moves_after` before `state` says started,
//                   these two before it says returned
//   moves           by the one thread that moves; the parent decides what a move was that a kill cut short
//   is_saved, is_archived   by the hooks, before they answer
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <span>

#include "support/authorship.hpp"
#include "support/dice.hpp"

namespace varve::testing {

struct cycle_ledger {
  static constexpr std::uint64_t records_max = std::uint64_t{1} << 23, moves_max = std::uint64_t{1} << 18;

  enum class append_state : std::uint32_t { none, started, returned, refused };
  struct entry {
    std::atomic<append_state> state;
    std::atomic<std::uint32_t> moves_before, moves_after;
    std::atomic<std::uint32_t> place_in_batch, batch_size;
    std::atomic<std::uint64_t> sequence;
  };

  enum class move_kind : std::uint32_t { trim, truncation, reset };
  enum class move_state : std::uint32_t { none, begun, done, refused };
  struct move {
    std::atomic<move_kind> kind;
    std::atomic<move_state> state;
    std::atomic<std::uint64_t> next;  // what comes first, behind a trim; otherwise what comes next
  };

  std::atomic<std::uint32_t> is_open, has_complaint;
  std::atomic<std::uint64_t> records, moves_begun, moves_done, checkpoints, copies, large;
  char complaint[1024];
  entry entries[records_max];
  move moves[moves_max];
  std::atomic<std::uint8_t> is_saved[records_max], is_archived[records_max];

  /// Keeps the first complaint.
  template <class... Values>
  void complain(const char* format, Values... values) noexcept {
    if (has_complaint.exchange(1, std::memory_order_acq_rel) != 0) return;
    static_cast<void>(std::snprintf(complaint, sizeof complaint, format, values...));
    has_complaint.store(2, std::memory_order_release);  // now it can be read
  }
};

// ---- Records by their number.

constexpr std::uint32_t cycle_mark = 0x5a5a5a;  // above the number, in the first 8 bytes of a payload

[[nodiscard]] constexpr authorship author_of(std::uint64_t id) noexcept {
  return {.life = cycle_mark >> 8, .writer = cycle_mark & 0xff, .counter = id};
}
[[nodiscard]] constexpr bool is_marked(std::uint64_t word) noexcept { return word >> 40 == cycle_mark; }
[[nodiscard]] constexpr std::uint64_t id_of(std::uint64_t word) noexcept { return word & ((std::uint64_t{1} << 40) - 1); }

/// Segments are of 64 KiB: some take one of their own size.
[[nodiscard]] constexpr bool is_large(std::uint64_t id) noexcept { return mixed(id) % 400 == 0; }
[[nodiscard]] constexpr std::size_t size_of(std::uint64_t id) noexcept {
  const std::uint64_t n = mixed(id);
  if (is_large(id)) return 62'000 + n / 400 % 140'000;
  return n % 16 == 1 ? 8 + n / 16 % 9'000 : 8 + n / 16 % 500;
}
/// Its number, if the payload is whole.
[[nodiscard]] inline bool is_whole(std::span<const std::byte> payload, std::uint64_t& id) noexcept {
  const std::uint64_t word = claimed_author(payload).word();
  id = id_of(word);
  return payload.size() >= sizeof word && is_marked(word) && payload.size() == size_of(id) &&
         is_payload_of(author_of(id), payload);
}

}  // namespace varve::testing
