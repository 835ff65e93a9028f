// SPDX-License-Identifier: MIT
//
// walker.hpp - go from frame to frame in one segment. Layer segment.
//
// Ordering
//   publish:A / scan:A   payload and header of a frame are written, then its stamp (claim.cpp)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "format/frame.hpp"
#include "segment/segment.hpp"

namespace varve::core {

enum class sight : std::uint8_t {
  frame,    // a valid frame
  nothing,  // another stamp: not published, or leftovers
  broken,   // the right stamp, and something else wrong
  end,      // the next sequence stands in the next segment
};

struct observation {
  sight what = sight::nothing;
  format::frame frame{};  // if what == sight::frame
};

/// What stands at `offset` of `s`, where `sequence` is expected. Never reads behind the segment's end.
void look(const segment& s, std::uint64_t offset, std::uint64_t sequence, format::depth how_deep,
          observation& seen) noexcept;
[[nodiscard]] inline observation look(const segment& s, std::uint64_t offset, std::uint64_t sequence,
                                      format::depth how_deep) noexcept {
  observation seen;
  look(s, offset, sequence, how_deep, seen);
  return seen;
}

struct approach;

/// A place in a segment.
class walker {
 public:
  walker() noexcept = default;
  /// Stands before the frame `sequence` at `offset`; by default before the first.
  explicit walker(std::shared_ptr<const core::segment> s) noexcept
      : segment_(std::move(s)), offset_(format::segment_header_bytes), sequence_(segment_->facts().base) {}
  walker(std::shared_ptr<const core::segment> s, std::uint64_t offset, std::uint64_t sequence) noexcept
      : segment_(std::move(s)), offset_(offset), sequence_(sequence) {}

  /// Stands at `target`, or as near before it as the segment's index knows, which is checked, otherwise before the first
  /// frame. `published`: what is known to be.
  [[nodiscard]] static approach near(std::shared_ptr<const core::segment> s, std::uint64_t target,
                                     std::uint64_t published) noexcept;

  [[nodiscard]] const std::shared_ptr<const core::segment>& segment() const noexcept { return segment_; }
  /// For who needs the segment alone: the walker is of no more use.
  [[nodiscard]] std::shared_ptr<const core::segment> take_segment() noexcept { return std::move(segment_); }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

  /// Looks, steps over holes, and if a frame is there moves behind it.
  void step(format::depth how_deep, observation& seen) noexcept;
  [[nodiscard]] observation step(format::depth how_deep) noexcept {
    observation seen;
    step(how_deep, seen);
    return seen;
  }
  /// As step(), and tells the index, which may not know. For frames that are published.
  [[nodiscard]] observation step_and_note(format::depth how_deep) noexcept;
  /// Only the first half of step(): who looks for one sequence must not pass the frame behind a hole.
  void step_over_holes() noexcept;

 private:
  [[nodiscard]] std::optional<format::frame> check(std::uint64_t offset, std::uint64_t sequence) noexcept;

  std::shared_ptr<const core::segment> segment_;
  std::uint64_t offset_ = 0;
  std::uint64_t sequence_ = 0;
};

struct approach {
  walker at;
  std::optional<format::frame> target{};  // what stands there, checked in full, if that is the target already
};

}  // namespace varve::core
