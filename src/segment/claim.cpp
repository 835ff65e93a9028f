// SPDX-License-Identifier: MIT
#include "segment/claim.hpp"

#include <cstring>

namespace varve::core {
namespace {

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

}  // namespace

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

bool stop_claims(control_block& block) noexcept {
  claimed_space unused;
  return claim_exactly(block, none_yet, 0, unused) == claim_outcome::crossed;
}

std::uint64_t frames_claimed(const control_block& block) noexcept { return claim_word::frames(claimed_word(block)); }

std::uint64_t bytes_claimed(const control_block& block) noexcept { return claim_word::offset(claimed_word(block)); }

void fill(segment& s, const frame_space& at, std::span<const bytes_view> pieces, std::uint64_t length,
          const frame_label& label) noexcept {
  std::byte* const frame = s.writable_bytes().data() + at.offset;
  clear_padding(frame, at, length);
  std::byte* to = store_extension(frame, label);
  for (const auto piece : pieces) {
    if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  }
  store_record_header(s, at, length, label);
}

void fill_in_place(segment& s, const frame_space& at, std::uint64_t length, const frame_label& label) noexcept {
  std::byte* const frame = s.writable_bytes().data() + at.offset;
  std::byte* const payload = store_extension(frame, label);
  const std::uint64_t padded = core::round_up(length, format::frame_alignment);
  if (length != padded) std::memset(payload + length, 0, padded - length);
  const bool is_short = format::frame_bytes(length, label.extension_bytes()) != at.extent;
  // Behind the payload of a short frame stands how much it takes all the same. There is room: both are multiples of 8.
  if (is_short) std::memcpy(payload + padded, &at.extent, sizeof at.extent);
  format::frame_header header{.stamp = format::stamp_of(at.sequence, s.facts().salt),
                              .length = static_cast<std::uint32_t>(length),
                              .kind = label.kind,
                              .flags = label.flags(),
                              .type = label.type};
  if (is_short) header.flags |= format::frame_flags::is_short;
  const std::uint64_t payload_bytes = is_short ? padded + sizeof at.extent : length;
  const bytes_view body{frame + format::frame_header_bytes, label.extension_bytes() + payload_bytes};
  header.checksum = format::frame_checksum(s.facts().checksum, header, at.offset, body);
  store_all_but_stamp(frame, header);
}

void fill_without_record(segment& s, const frame_space& at, format::frame_kind kind) noexcept {
  const std::uint64_t stamp = format::stamp_of(at.sequence, s.facts().salt);
  store_all_but_stamp(s.writable_bytes().data() + at.offset, format::filler(kind, stamp, at.offset, at.extent));
}

}  // namespace varve::core
