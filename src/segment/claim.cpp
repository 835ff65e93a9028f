// SPDX-License-Identifier: MIT
#include "segment/claim.hpp"

#include <cstring>

namespace varve::core {
namespace {

claimed_space space_at(const control_block& block, std::uint64_t word) noexcept {
  return {.offset = claim_word::offset(word), .sequence = block.base + claim_word::frames(word)};
}

/// Claims by compare-exchange. One that does not fit crosses the end by a single unit, however large it is.
claim_outcome claim_exactly(control_block& block, std::uint64_t bytes, std::uint64_t frames, claimed_space& space) noexcept {
  const std::uint64_t capacity = block.capacity;
  // relaxed: the compare-exchange decides.
  std::uint64_t seen = block.claims.load(std::memory_order_relaxed, "claim:look");
  for (;;) {
    const std::uint64_t offset = claim_word::offset(seen);
    if (offset > capacity) return claim_outcome::beyond;
    const bool fits = bytes <= capacity - offset;
    const std::uint64_t next = fits ? claim_word::of(offset + bytes, claim_word::frames(seen) + frames)
                                    : claim_word::of(capacity + format::frame_alignment, claim_word::frames(seen));
    if (!block.claims.compare_exchange(seen, next, std::memory_order_relaxed, "claim:A")) continue;
    if (fits) {
      space = space_at(block, seen);
      return claim_outcome::here;
    }
    block.crossing = seen;
    return claim_outcome::crossed;
  }
}

/// The claim word without overshoot.
std::uint64_t claimed_word(const control_block& block) noexcept {
  // relaxed: a claim that happened before this call is seen because it is the same word.
  const std::uint64_t word = block.claims.load(std::memory_order_relaxed, "claim:look");
  if (claim_word::offset(word) <= block.capacity) return word;
  // Crossed: the crosser writes `crossing` and then the state, in its very next step.
  // roll:A  acquire. Pairs with roll:B.
  while (state_of(block.roll.load(std::memory_order_acquire, "roll:A")) == roll_state::open) {
  }
  return block.crossing;
}

/// Writes all of a header but the stamp, which publishes it.
void store_header(std::byte* frame, const format::frame_header& header) noexcept {
  std::memcpy(frame + sizeof header.stamp, reinterpret_cast<const std::byte*>(&header) + sizeof header.stamp,
              sizeof header - sizeof header.stamp);
  VARVE_POINT("publish.before_stamp");
}

}  // namespace

claim_outcome try_claim(control_block& block, std::uint64_t bytes, std::uint64_t frames, claimed_space& space) noexcept {
  if (bytes > add_bytes_max) return claim_exactly(block, bytes, frames, space);
  // claim:A  relaxed. It hands out disjoint ranges only; what is written there is ordered by publish:A / scan:A.
  const std::uint64_t word = block.claims.fetch_add(claim_word::of(bytes, frames), std::memory_order_relaxed, "claim:A");
  VARVE_POINT("claim.after_add");
  const std::uint64_t offset = claim_word::offset(word);
  if (offset > block.capacity) return claim_outcome::beyond;
  if (bytes > block.capacity - offset) {
    block.crossing = word;
    return claim_outcome::crossed;
  }
  space = space_at(block, word);
  return claim_outcome::here;
}

bool stop_claims(control_block& block) noexcept {
  claimed_space unused;
  return claim_exactly(block, none_yet, 0, unused) == claim_outcome::crossed;
}

std::uint64_t frames_claimed(const control_block& block) noexcept { return claim_word::frames(claimed_word(block)); }

std::uint64_t bytes_claimed(const control_block& block) noexcept { return claim_word::offset(claimed_word(block)); }

std::uint64_t fill(segment& s, std::uint64_t offset, std::uint64_t sequence, std::uint16_t type, std::uint8_t flags,
                   std::span<const bytes_view> pieces) noexcept {
  std::byte* const frame = s.writable_bytes().data() + offset;
  std::byte* const payload = frame + format::frame_header_bytes;
  std::uint64_t length = 0;
  for (const auto piece : pieces) length += piece.size();
  const std::uint64_t extent = format::frame_bytes(length);
  if (length % format::frame_alignment != 0) {
    constexpr std::uint64_t zero = 0;
    std::memcpy(frame + extent - sizeof zero, &zero, sizeof zero);  // the padding; the payload overwrites the rest of it
  }
  std::byte* to = payload;
  for (const auto piece : pieces) {
    if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  }
  VARVE_POINT("publish.payload_copied");
  format::frame_header header{.stamp = format::stamp_of(sequence, s.facts().salt),
                              .length = static_cast<std::uint32_t>(length),
                              .kind = format::frame_kind::record,
                              .flags = flags,
                              .type = type};
  // Of the copy, not of the caller's buffer: what is summed is what is stored, even if the buffer changes meanwhile.
  header.checksum = format::frame_checksum(s.facts().checksum, header, offset, {payload, length});
  store_header(frame, header);
  return extent;
}

void fill_in_place(segment& s, const frame_space& at, std::uint64_t length, std::uint16_t type) noexcept {
  std::byte* const frame = s.writable_bytes().data() + at.offset;
  std::byte* const payload = frame + format::frame_header_bytes;
  const std::uint64_t padded = core::round_up(length, format::frame_alignment);
  std::memset(payload + length, 0, padded - length);
  const bool is_short = format::frame_bytes(length) != at.extent;
  // Behind the payload of a short frame stands how much it takes all the same. There is room: both are multiples of 8.
  if (is_short) std::memcpy(payload + padded, &at.extent, sizeof at.extent);
  format::frame_header header{.stamp = format::stamp_of(at.sequence, s.facts().salt),
                              .length = static_cast<std::uint32_t>(length),
                              .kind = format::frame_kind::record,
                              .flags = is_short ? format::frame_flags::is_short : std::uint8_t{0},
                              .type = type};
  const std::uint64_t body = is_short ? padded + sizeof at.extent : length;
  header.checksum = format::frame_checksum(s.facts().checksum, header, at.offset, {payload, body});
  store_header(frame, header);
}

void fill_as_skip(segment& s, const frame_space& at) noexcept {
  const std::uint64_t stamp = format::stamp_of(at.sequence, s.facts().salt);
  store_header(s.writable_bytes().data() + at.offset, format::filler(format::frame_kind::skip, stamp, at.offset, at.extent));
}

void publish(segment& s, std::uint64_t offset, std::uint64_t extent, std::uint64_t sequence) noexcept {
  // Before the stamp: once a frame is published its segment may be sealed and unmapped at any moment.
  s.note(offset, offset + extent, sequence + 1);
  auto& stamp = shared::place_at<std::uint64_t>(s.writable_bytes().data() + offset);
  // publish:A  release. Pairs with scan:A: if scan:A reads this stamp, it also sees every byte that this thread wrote to
  // the frame. It says nothing about the disk.
  shared::store(stamp, format::stamp_of(sequence, s.facts().salt), std::memory_order_release, "publish:A");
}

}  // namespace varve::core
