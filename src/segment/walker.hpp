// SPDX-License-Identifier: MIT
//
// walker.hpp - go from frame to frame in one segment. Layer segment.
//
// Ordering
//   publish:A / scan:A   payload and header of a frame are written, then its stamp (claim.hpp)
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
inline void look(const segment& s, std::uint64_t offset, std::uint64_t sequence, format::depth how_deep,
                 observation& seen) noexcept {
  seen.what = sight::end;
  if (sequence >= s.end_sequence()) return;
  seen.what = sight::nothing;
  const std::uint64_t limit = std::min(s.end_offset(), s.facts().capacity);
  if (offset > limit || limit - offset < format::frame_header_bytes) return;
  const auto room = s.bytes().subspan(offset, limit - offset);
  const auto& stamp_place = shared::place_at<std::uint64_t>(room.data());
  // scan:A  acquire. Pairs with publish:A: if it reads the stamp, every byte of the frame is read as written.
  const std::uint64_t stamp = shared::load(stamp_place, std::memory_order_acquire, "scan:A");
  if (stamp != format::stamp_of(sequence, s.facts().salt)) return;
  const auto fault = format::read_frame(room, offset, stamp, s.facts().checksum, how_deep, seen.frame);
  seen.what = fault == format::frame_fault::none ? sight::frame : sight::broken;
}
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
      : segment_(std::move(s)), offset_(format::segment_header_bytes), sequence_(segment_->facts().first_frame) {}
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
  void step_over_holes() noexcept {
    if (!segment_->holes().empty()) [[unlikely]]
      step_over_those_here();
  }

 private:
  void step_over_those_here() noexcept;
  [[nodiscard]] std::optional<format::frame> check(std::uint64_t offset, std::uint64_t sequence) noexcept;

  std::shared_ptr<const core::segment> segment_;
  std::uint64_t offset_ = 0;
  std::uint64_t sequence_ = 0;
};

struct approach {
  walker at;
  std::optional<format::frame> target{};  // what stands there, checked in full, if that is the target already
};

inline void walker::step(format::depth how_deep, observation& seen) noexcept {
  step_over_holes();
  look(*segment_, offset_, sequence_, how_deep, seen);
  if (seen.what != sight::frame) return;
  offset_ += seen.frame.extent;
  ++sequence_;
}

}  // namespace varve::core
