// SPDX-License-Identifier: MIT
//
// segment.hpp - one mapped segment of a log. Layer segment.
//
// Invariants
//   I1  The mapping never changes while the object lives, nor do the facts once begin() was called or the file was opened.
//   I2  A frame belongs to the log only if its sequence is below end_sequence() and its bytes are below end_offset().
//       Both are "none yet" while the segment takes claims, and are set once; only a truncation lowers them.
//   I3  The descriptor stays open until the segment is sealed, so that a write-back error is reported to us and to nobody
//       else; of one that is pinned as long as the object lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "format/frame.hpp"
#include "format/segment_header.hpp"
#include "index/segment_index.hpp"
#include "os/file.hpp"
#include "os/memory.hpp"
#include "os/shared.hpp"
#include "segment/time_table.hpp"

namespace varve::core {

constexpr std::uint64_t none_yet = ~std::uint64_t{0};

struct segment_facts {
  std::uint64_t number = 0;
  std::uint64_t base = 0;  // the first sequence that it answers for: the one after the last of the segment before it
  std::uint64_t salt = 0;
  std::uint64_t epoch = 0;
  std::uint64_t capacity = 0;  // end of the space for frames, and of the mapping
  varve::checksum checksum = varve::checksum::xxh3;
  std::uint64_t begun_ns = 0;     // by the wall clock; every record of the segment before it is older
  std::uint64_t first_frame = 0;  // its sequence: above the base if those from there on were lost, and given up
  std::uint64_t generation = 0;
  bool header_rebuilt = false;  // a sector of its header is lost, and what it said was found elsewhere: for reading alone
};

/// Sequences whose writers died, where nobody may write what recovery would: a view steps over them. Each lost frame that
/// has a valid stamp, of a batch without its head, is a hole by itself; so a search by number meets no valid frame in one
/// but at its begin.
struct hole {
  std::uint64_t offset, resume;  // bytes [offset, resume)
  std::uint64_t first, end;      // sequences [first, end)
  bool gone = false;             // not of dead writers: damaged, and given up
};

class segment {
 public:
  segment(const segment_facts& facts, os::file file, os::mapping map, segment_index index,
          std::vector<hole> holes = {}) noexcept
      : facts_(facts), file_(std::move(file)), map_(std::move(map)), index_(std::move(index)), holes_(std::move(holes)) {}

  [[nodiscard]] const segment_facts& facts() const noexcept { return facts_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return map_.bytes(); }
  [[nodiscard]] std::span<std::byte> writable_bytes() noexcept { return map_.bytes(); }
  [[nodiscard]] const os::mapping& map() const noexcept { return map_; }
  [[nodiscard]] os::file& file() noexcept { return file_; }
  [[nodiscard]] const std::vector<hole>& holes() const noexcept { return holes_; }
  [[nodiscard]] const segment_index& index() const noexcept { return index_; }
  /// Of a log whose records carry their times.
  [[nodiscard]] time_table& times() const noexcept { return times_; }
  /// A frame is finished; the next one has the sequence `next`. Tells the index.
  void note(std::uint64_t begin, std::uint64_t end, std::uint64_t next) const noexcept {
    index_.note(begin, end, next - facts_.first_frame, facts_.salt);
  }

  /// Brings in the pages that frames in [begin, begin + bytes) are written to, and those of their index slots. A hint: what
  /// fails here is done by the appends.
  void populate_for_writing(std::uint64_t begin, std::uint64_t bytes) const noexcept;

  [[nodiscard]] std::uint64_t end_sequence() const noexcept {
    return end_sequence_.load(std::memory_order_acquire, "segment:A");
  }
  [[nodiscard]] std::uint64_t end_offset() const noexcept {
    // relaxed: whoever needs it together with the sequence has loaded that with segment:A, and segment:B stores it after.
    return end_offset_.load(std::memory_order_relaxed, "segment:offset");
  }
  /// Frames reach up to `offset`, and the next sequence, `sequence`, stands in the next segment. When an end is lowered, who
  /// looks meanwhile may find the sequence of one and the offset of the other: then he sees nothing there, and looks again.
  void set_end(std::uint64_t offset, std::uint64_t sequence) noexcept {
    end_offset_.store(offset, std::memory_order_relaxed, "segment:offset");  // relaxed: released by the next line
    end_sequence_.store(sequence, std::memory_order_release, "segment:B");   // pairs with segment:A
  }

  // ---- The header of a mapped segment; each is called by one thread at a time.
  /// Makes a prepared segment part of the log: fills in the facts that only now are known, and the activation sector.
  void begin(const format::activation& a) noexcept;
  void write_end(const format::end& e) noexcept;
  /// What the end sector says now; nothing while there is none of this salt. Works on a mapping of another process's file.
  [[nodiscard]] std::optional<format::end> read_end() const noexcept;
  /// The largest time of its records, as its seal says it; 0 while there is no seal of this end, or if that does not say.
  [[nodiscard]] std::uint64_t read_sealed_time() const noexcept;

  /// True once after the header was written: it must be synced before what depends on it counts as durable.
  [[nodiscard]] bool take_header_dirty() noexcept {
    return header_dirty_.exchange(0, std::memory_order_acquire, "segment:C") != 0;  // pairs with segment:D
  }

 private:
  void mark_header_dirty() noexcept {
    header_dirty_.store(1, std::memory_order_release, "segment:D");  // pairs with segment:C
  }

  segment_facts facts_;
  os::file file_;
  os::mapping map_;
  segment_index index_;
  std::vector<hole> holes_;
  shared::word<std::uint64_t> end_sequence_{none_yet};
  shared::word<std::uint64_t> end_offset_{none_yet};
  shared::word<std::uint32_t> header_dirty_{0};
  mutable time_table times_;
};

/// Whether who opens a segment keeps a writer in another process from putting its file to another use.
enum class pinning : std::uint8_t { no, yes };

/// Opens and maps the segment file `facts.number`, and checks that it is still the one of `facts`.
///
/// Errors  damaged if it is not; io: with EBUSY if it cannot be pinned, since its writer is about to use it anew.
[[nodiscard]] result<std::shared_ptr<segment>> open_segment(const os::file& directory, const error_subject* path,
                                                            const segment_facts& facts, os::access mode,
                                                            pinning how = pinning::no, segment_index index = {},
                                                            std::vector<hole> holes = {});

}  // namespace varve::core
