// SPDX-License-Identifier: MIT
//
// time_table.hpp - at which times a segment's records were appended. Layer segment.
//
// Times follow each other in no order: threads overtake each other between the clock and the claim, and clocks are set back.
// But the latest time of all records up to a place only grows, so that one can be searched. The table holds it for a place
// each 64 KiB; it is made from the frames themselves, as far as somebody has asked, and so never says but what they say.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <varve/record.hpp>

#include "format/frame.hpp"

namespace varve::core {

class segment;
class walker;

[[nodiscard]] inline record_time time_of(const format::frame& f) noexcept {
  return time_before(f.payload, {.flags = f.flags});
}

/// Of all records of a segment; 0: not known, or it has none.
struct time_range {
  std::uint64_t smallest_ns = 0, largest_ns = 0;
};

/// Walks through a segment that has ended.
[[nodiscard]] time_range times_in(std::shared_ptr<const segment> ended) noexcept;

/// How a search in one segment ended.
enum class time_search : std::uint8_t {
  found,
  older,    // than what is looked for, all of them
  stopped,  // what should be published is not there
};

/// Thread-safety  any member from any thread; who comes first walks, and others wait for what he finds.
class time_table {
 public:
  /// Looks among the records of `in`, whose table this is, with sequences below `end`, which are published, for the first
  /// one of `time` or later. May throw std::bad_alloc.
  ///
  /// at  stands behind what was found, or where the search stopped.
  [[nodiscard]] time_search find(const std::shared_ptr<const segment>& in, record_time time, std::uint64_t end,
                                 format::depth how_deep, walker& at);

 private:
  struct place {
    record_time latest_before;  // of all records of the segment before it
    std::uint64_t offset = 0, sequence = 0;
  };
  void prepare(const segment& in);
  [[nodiscard]] const place& last_before(record_time time) const noexcept;
  void reach(const place& p);

  std::mutex guard_;
  std::vector<place> places_;  // in their order; the first is where the frames begin
  place reached_{};            // behind the last frame that was looked at
};

}  // namespace varve::core
