// SPDX-License-Identifier: MIT
//
// segment_table.hpp - the segments of a log, in the order of their sequences. Layer chain.
//
// Invariants
//   I1  Entries are sorted by base; the next one's base is this one's end_sequence.
//   I2  A segment that is not sealed stays mapped. Of the sealed ones only a few are kept mapped, and those that somebody
//       holds, so that a log of any length takes few mappings; and descriptors only where they are pinned.
//   I3  What holding() gives stood in the table after it was opened. So who removes an entry, and then finds that nobody
//       has its segment mapped, knows that nobody will.
//
// Thread-safety  any member from any thread, by one short lock: taken once per segment by readers, once per roll by writers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "segment/segment.hpp"
#include "store/log_place.hpp"

namespace varve::core {

struct table_entry {
  segment_facts facts;
  std::uint64_t end_offset = none_yet;  // none_yet: it takes claims, or its end sector was lost
  std::uint64_t end_sequence = none_yet;
  bool sealed = false;
  std::uint64_t newest_ns = 0;  // once sealed: the largest time of its records; 0: not known
  std::vector<hole> holes{};
  std::shared_ptr<segment> resident{};   // while it is not sealed, in the process that writes
  std::weak_ptr<segment> mapped_once{};  // otherwise

  static constexpr std::uint64_t any_time = ~std::uint64_t{0};
  /// The largest time of this segment and of all that ever stood before it in the table; any_time: not known of all.
  std::uint64_t newest_so_far_ns = any_time;
};

/// A segment whose end is known.
struct ended_segment {
  std::uint64_t number = 0;
  std::uint64_t base = 0, end = 0;  // sequences
  std::uint64_t end_offset = 0;     // of its frames; of an end that was lost, as much as the segment takes
  std::uint64_t file_bytes = 0;
};

/// What retention decides by.
struct retained_segment {
  std::uint64_t number = 0;
  std::uint64_t base = 0, end = 0;  // sequences
  std::uint64_t bytes = 0;
  std::uint64_t newest_ns = 0;  // its newest record is not younger than this
  bool sealed = false;
  bool has_reader = false;
};

class segment_table {
 public:
  /// `place` must outlive the table. `how`  whether segments that are opened for readers are pinned against a writer in
  /// another process.
  explicit segment_table(const log_place& place, pinning how) noexcept : place_(&place), pinning_(how) {}

  /// Makes room, so that append() of so many entries cannot fail. May throw std::bad_alloc.
  void reserve(std::size_t entries);
  void append(table_entry entry) noexcept;
  /// Takes the place of all entries: for views, when the directory was read anew. `end`: if the log was truncated since,
  /// what came next then. May throw std::bad_alloc.
  void assign(std::vector<table_entry> entries, std::uint64_t end = none_yet);

  /// The segment in which `sequence` stands, or will: the last one with a base that is not above it. None if there is none.
  [[nodiscard]] result<std::shared_ptr<const segment>> holding(std::uint64_t sequence);
  /// The base of the first segment that begins after `sequence`; none_yet if none does.
  [[nodiscard]] std::uint64_t base_after(std::uint64_t sequence) const noexcept;

  /// The oldest segment that has ended and is not sealed; none if there is none.
  [[nodiscard]] std::shared_ptr<segment> oldest_ended() noexcept;
  struct unsealed {
    std::size_t segments = 0;
    std::uint64_t bytes = 0;
  };
  /// Those that have ended with a sequence up to `last`, and are not sealed.
  [[nodiscard]] unsealed backlog(std::uint64_t last) const noexcept;
  void mark_sealed(std::uint64_t number, std::uint64_t newest_ns) noexcept;

  /// The base of the first segment, from the one that holds `from`, that may hold a record of `time` or later, by what is
  /// known; none if no segment may.
  [[nodiscard]] std::optional<std::uint64_t> may_hold(record_time time, std::uint64_t from) const noexcept;
  /// Somebody has read it in the seal of a segment. False if it was known.
  bool note_newest(const segment_facts& facts, std::uint64_t newest_ns) noexcept;

  struct removed : ended_segment {
    std::weak_ptr<segment> readers{};  // who in this process has it mapped still
  };
  /// Takes the oldest segment out, if all of it lies below `first`, and it is sealed or nobody here writes it.
  [[nodiscard]] std::optional<removed> remove_below(std::uint64_t first) noexcept;

  /// The segments that begin at `end` or behind it, oldest first. May throw std::bad_alloc.
  [[nodiscard]] std::vector<removed> list_from(std::uint64_t end) const;
  /// How the segment that holds `sequence` ended: nothing if it has not, and `sealed` if it is.
  struct ending_of {
    segment_facts facts;
    std::uint64_t end_sequence = none_yet;
    bool sealed = false;
    std::uint64_t newest_ns = 0;  // as in a table_entry
  };
  [[nodiscard]] ending_of ending_at(std::uint64_t sequence) noexcept;
  /// Takes them out, and lets the one before them, if there is one, end at `end` and at `end_offset`. Who still reads any of
  /// them finds its end there.
  void cut(std::uint64_t from, std::uint64_t end, std::uint64_t end_offset) noexcept;

  /// Unmaps those that stay mapped though nobody holds them, and so are pinned for nobody.
  void let_go_of_unheld() noexcept;

  /// From the oldest to the active one; `next` is the sequence that comes next.
  [[nodiscard]] std::vector<retained_segment> list(std::uint64_t next, std::uint64_t now_ns) const;
  /// Where the oldest segment ends, if it is sealed.
  [[nodiscard]] std::optional<std::uint64_t> oldest_sealed_end() const noexcept;
  /// The oldest segment that is sealed and ends behind `last`; before it those without a record that lead to it. May throw
  /// std::bad_alloc.
  [[nodiscard]] std::vector<ended_segment> oldest_sealed_behind(std::uint64_t last) const;
  /// Where the newest segment ends that does so at or before `target`, sealed or not; 0 if none does.
  [[nodiscard]] std::uint64_t last_end_up_to(std::uint64_t target) const noexcept;

  struct totals {
    std::uint64_t segments = 0, bytes_allocated = 0, bytes_ended = 0;
    bool has_active = false;
  };
  [[nodiscard]] totals sum() const noexcept;

 private:
  // How many sealed segments stay mapped though nobody holds them: arbitrary, enough for readers at several places.
  static constexpr std::size_t kept_mapped = 16;
  /// Returns the one that had stood there longest, for the caller to let go without the lock.
  [[nodiscard]] std::shared_ptr<segment> keep_mapped(std::shared_ptr<segment> s) noexcept;
  [[nodiscard]] table_entry* find(std::uint64_t sequence) noexcept;

  void sum_up_times(std::span<table_entry> all, std::size_t from) noexcept;
  [[nodiscard]] bool has_reader(const table_entry& entry) const noexcept;
  [[nodiscard]] std::shared_ptr<segment> let_go(const table_entry& entry) noexcept;
  [[nodiscard]] std::span<table_entry> entries() noexcept { return std::span{all_}.subspan(begin_); }
  [[nodiscard]] std::span<const table_entry> entries() const noexcept { return std::span{all_}.subspan(begin_); }

  const log_place* place_;
  pinning pinning_;
  mutable std::mutex guard_;
  std::vector<table_entry> all_;
  std::size_t begin_ = 0;           // of the entries; what stands before was removed
  std::size_t first_unsealed_ = 0;  // of the entries
  std::array<std::shared_ptr<segment>, kept_mapped> recent_{};
  std::size_t recent_next_ = 0;
};

}  // namespace varve::core
