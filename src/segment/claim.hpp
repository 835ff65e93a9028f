// SPDX-License-Identifier: MIT
//
// claim.hpp - claim space in a segment, fill it, publish it: the hot path. Layer segment.
//
// State of a frame = its stamp: equal to (sequence XOR salt)  finished, never changes again
//                               anything else                 unfinished: zero or leftovers
//
// Ordering pairs (labels stand at the lines)
//   publish:A / scan:A   payload and header are written, then the stamp is stored    (scan:A in walker.hpp)
//   claim:A   / itself   hands out disjoint ranges; nothing is ordered by it
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "segment/control_block.hpp"

namespace varve::core {

using bytes_view = std::span<const std::byte>;

/// Space for one frame or a batch of them.
struct claimed_space {
  std::uint64_t offset = 0;
  std::uint64_t sequence = 0;
};

enum class claim_outcome : std::uint8_t {
  here,     // the space is ours
  crossed,  // it did not fit, and we are the one who must roll; block.crossing says where the segment ends
  beyond,   // somebody else rolls
};

/// Claims by compare-exchange. One that does not fit crosses the end by a single unit, however large it is.
[[nodiscard]] claim_outcome claim_exactly(control_block& block, std::uint64_t bytes, std::uint64_t frames,
                                          claimed_space& space) noexcept;

[[nodiscard]] inline claimed_space space_at(const control_block& block, std::uint64_t word) noexcept {
  return {.offset = claim_word::offset(word), .sequence = block.base + claim_word::frames(word)};
}

/// Claims `bytes` (a multiple of 8) for `frames` frames. The caller has seen block.roll open, and has not claimed from this
/// block before.
[[nodiscard]] inline claim_outcome try_claim(control_block& block, std::uint64_t bytes, std::uint64_t frames,
                                             claimed_space& space) noexcept {
  if (bytes > add_bytes_max) [[unlikely]] {
    claimed_space exact;  // not `space`: whoever calls has that in registers as long as nobody is given its address
    const auto outcome = claim_exactly(block, bytes, frames, exact);
    space.offset = exact.offset;
    space.sequence = exact.sequence;
    return outcome;
  }
  // claim:A  relaxed. It hands out disjoint ranges only; what is written there is ordered by publish:A / scan:A.
  const std::uint64_t word = block.claims.fetch_add(claim_word::of(bytes, frames), std::memory_order_relaxed, "claim:A");
  VARVE_POINT("claim.after_add");
  const std::uint64_t offset = claim_word::offset(word);
  if (offset > block.capacity) [[unlikely]]
    return claim_outcome::beyond;
  if (bytes > block.capacity - offset) [[unlikely]] {
    block.crossing = word;
    return claim_outcome::crossed;
  }
  space = space_at(block, word);
  return claim_outcome::here;
}

/// Ends the block where it stands: nothing can be claimed from it afterwards. False if it has been crossed already.
[[nodiscard]] bool stop_claims(control_block& block) noexcept;

/// Sequences given out by this block so far, counted from its base.
[[nodiscard]] std::uint64_t frames_claimed(const control_block& block) noexcept;

/// Bytes of the segment that are taken so far, its header included.
[[nodiscard]] std::uint64_t bytes_claimed(const control_block& block) noexcept;

/// A claimed frame.
struct frame_space {
  std::uint64_t offset = 0, extent = 0;  // bytes of the segment
  std::uint64_t sequence = 0;
};

/// What a frame says of its record besides the payload.
struct frame_label {
  std::uint16_t type = 0;
  std::uint8_t batch_flags = 0;  // goes on, begins inside
  format::frame_kind kind = format::frame_kind::record;
  std::uint64_t time_ns = 0;  // 0: the log keeps no times, and its frames have no room for one

  [[nodiscard]] constexpr std::uint64_t extension_bytes() const noexcept { return time_ns != 0 ? format::time_bytes : 0; }
  [[nodiscard]] constexpr std::uint8_t flags() const noexcept {
    return time_ns != 0 ? batch_flags | format::frame_flags::timed : batch_flags;
  }
};

/// Writes a header's last two words; the first, the stamp, publishes the frame.
inline void store_all_but_stamp(std::byte* frame, const format::frame_header& header) noexcept {
  const std::uint64_t third = format::third_word(header);
  std::memcpy(frame + offsetof(format::frame_header, checksum), &header.checksum, sizeof header.checksum);
  std::memcpy(frame + offsetof(format::frame_header, length), &third, sizeof third);
  VARVE_POINT("publish.before_stamp");
}

/// Clears what is left of a frame behind its payload. Before the payload is written: it may clear some of that.
inline void clear_padding(std::byte* frame, const frame_space& at, std::uint64_t length) noexcept {
  constexpr std::uint64_t zero = 0;
  if (length % format::frame_alignment != 0) std::memcpy(frame + at.extent - sizeof zero, &zero, sizeof zero);
}

/// Writes the extension words of a frame, and returns the place of its payload.
inline std::byte* store_extension(std::byte* frame, const frame_label& label) noexcept {
  std::byte* const place = frame + format::frame_header_bytes;
  if (label.time_ns != 0) std::memcpy(place, &label.time_ns, sizeof label.time_ns);
  return place + label.extension_bytes();
}

/// Writes the header, but for the stamp, of a record or chunk whose extension words and payload, of `length` bytes, stand in
/// its frame.
[[gnu::always_inline]] inline void store_record_header(segment& s, const frame_space& at, std::uint64_t length,
                                                       const frame_label& label) noexcept {
  VARVE_POINT("publish.payload_copied");
  std::byte* const frame = s.writable_bytes().data() + at.offset;
  format::frame_header header{.stamp = format::stamp_of(at.sequence, s.facts().salt),
                              .length = static_cast<std::uint32_t>(length),
                              .kind = label.kind,
                              .flags = label.flags(),
                              .type = label.type};
  const bytes_view body{frame + format::frame_header_bytes, label.extension_bytes() + length};
  header.checksum = format::frame_checksum(s.facts().checksum, header, at.offset, body);
  store_all_but_stamp(frame, header);
}

/// Fills a record's frame, but for the stamp. What is summed is the copy: what is stored, even if the caller's buffer
/// changes meanwhile. Inlined: where it is known that there is no time the label costs nothing.
[[gnu::always_inline]] inline void fill(segment& s, const frame_space& at, bytes_view payload,
                                        const frame_label& label) noexcept {
  std::byte* const frame = s.writable_bytes().data() + at.offset;
  clear_padding(frame, at, payload.size());
  std::byte* const place = store_extension(frame, label);
  if (!payload.empty()) std::memcpy(place, payload.data(), payload.size());
  store_record_header(s, at, payload.size(), label);
}

/// The same of several pieces, `length` bytes together.
void fill(segment& s, const frame_space& at, std::span<const bytes_view> pieces, std::uint64_t length,
          const frame_label& label) noexcept;

/// Fills the header, but for the stamp, of a frame whose first `length` bytes of payload stand there already. Less than was
/// claimed makes it a short frame.
void fill_in_place(segment& s, const frame_space& at, std::uint64_t length, const frame_label& label) noexcept;

/// The same for a claim that is given up: whatever stands in its payload, it will be no record.
void fill_without_record(segment& s, const frame_space& at, format::frame_kind kind) noexcept;

/// Stores the stamp of a frame: it is finished, and everybody may read it.
inline void publish(segment& s, const frame_space& at) noexcept {
  // Before the stamp: once a frame is published its segment may be sealed and unmapped at any moment.
  s.note(at.offset, at.offset + at.extent, at.sequence + 1);
  auto& stamp = shared::place_at<std::uint64_t>(s.writable_bytes().data() + at.offset);
  // publish:A  release. Pairs with scan:A: if scan:A reads this stamp, it also sees every byte that this thread wrote to
  // the frame. It says nothing about the disk.
  shared::store(stamp, format::stamp_of(at.sequence, s.facts().salt), std::memory_order_release, "publish:A");
}

}  // namespace varve::core
