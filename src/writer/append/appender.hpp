// SPDX-License-Identifier: MIT
//
// appender.hpp - append records: claim, fill, publish, and roll to the next segment when one is full. Layer writer/append.
//
// Lock-free within a segment. The one appender whose claim crosses the end owns the roll; those that come meanwhile spin
// briefly and then sleep. If no segment can be had, all of them get that error, and the next append takes the roll over.
//
// What is larger than a segment of the log gets one of its own size: its file is made first, then its appender crosses the
// active segment, wherever that stands, and rolls into the file that it brought.
//
// Invariants
//   I1  Numbers of segments grow along the chain: views, and the survey, tell what is older by them. So prepared segments
//       that a larger number has overtaken are not used, but made anew.
//   I2  Once stop() has returned, nobody makes a file any more, or has one that is not part of the log.
//
// Ordering pairs (labels stand at the lines; the hot path's others are in segment/claim.hpp)
//   active:A / active:B   block, segment, activation and the table's entry are complete, then `active_` points to the block
//   roll:A / roll:B       `crossing` is written, then the state leaves open; active_ is changed, then the state says rolled
//
// A truncation holds the roll: appends wait for it as for any other. Only a thread with an open claim must not: the
// truncation waits for that.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <varve/options.hpp>

#include "base/error.hpp"
#include "chain/segment_table.hpp"
#include "chain/wake_page.hpp"
#include "segment/claim.hpp"
#include "writer/state/gate.hpp"
#include "writer/supply/oversize_segments.hpp"
#include "writer/supply/segment_supply.hpp"

namespace varve::core {

class failure_latch;
class log_state;
class log_object;
struct open_claim;
class sealer;

/// The last frame of what was appended.
struct appended {
  std::uint64_t sequence = 0;
  std::uint64_t position = 0;  // where it ends, in bytes of all segments that this opening appended to
};

class appender {
 public:
  struct parts {
    const log_place& place;
    core::gate& gate;
    failure_latch& latch;
    segment_table& table;
    core::preparer& preparer;
    own_segments& own;
    core::sealer& sealer;
    wake_page& wake;
    const log_state& state;
    const log_object* log;  // whose claims those of open_claims are
  };
  explicit appender(const parts& p) noexcept
      : with_(p),
        keeps_times_(p.place.keeps_times()),
        plain_bytes_(keeps_times_ ? 0 : room() - format::frame_header_bytes + 1) {}
  appender(const appender&) = delete;
  appender& operator=(const appender&) = delete;

  /// Appends go on in `block`; `before` is the segment before the next one to be begun if block has no segment.
  void start(std::unique_ptr<control_block> block, std::uint64_t epoch, const segment_facts& before);

  /// Appends one record.
  [[nodiscard]] result<appended> append(bytes_view payload, const append_options& options) noexcept;
  /// Appends one record in pieces.
  [[nodiscard]] result<appended> append_pieces(std::span<const bytes_view> pieces, const append_options& options) noexcept;

  /// Appends a batch of at least one; `payload(i)` gives the bytes of each.
  template <class Payload>
  [[nodiscard]] result<appended> append_batch(std::size_t count, const append_options& options, Payload payload,
                                              format::frame_kind kind) noexcept;
  /// What a batch takes whose first frames take `bytes`, with one more of `length`, the last of `frames`.
  ///
  /// Errors  too_large: no segment could take it.
  [[nodiscard]] result<std::uint64_t> batch_bytes(std::uint64_t bytes, std::uint64_t frames,
                                                  std::uint64_t length) const noexcept;

  /// A frame for its claimer to fill.
  struct open_frame {
    core::segment* segment = nullptr;
    frame_space at{};
    frame_label label{};
    std::uint64_t position = 0;  // of its end
  };
  /// Nothing if `frame` is ours.
  [[nodiscard]] std::optional<error> claim_frame(std::uint64_t length, const append_options& options,
                                                 open_frame& frame) noexcept;
  /// Stamps it: fill_in_place() or fill_without_record() was called.
  void finish(segment& in, const frame_space& at) noexcept {
    publish(in, at);
    with_.wake.published(at.sequence, 1);
  }

  // ---- An entry that is written to a file before it is published.

  /// Takes room for a file of `from` bytes to grow to `least`, or to `most` if nobody has to go, or to be waited for, for
  /// it.
  /// Returns what there is room for.
  ///
  /// Errors  no_space, and as append().
  [[nodiscard]] result<std::uint64_t> take_room_to_grow(std::uint64_t from, std::uint64_t least,
                                                        std::uint64_t most) noexcept;
  /// Appends go on behind `bytes` of frames in this file, which is ready. Nothing if those are ours, all of them in `all`;
  /// else the file is whose it was, if it is there still.
  [[nodiscard]] std::optional<error> claim_in(own_file& own, std::uint64_t bytes, std::uint64_t frames,
                                              const append_options& options, open_frame& all) noexcept;
  /// What take_room_to_grow() gave was used, or given back.
  void room_is_used() noexcept { with_.preparer.room_is_used(); }
  /// Frames of which the first was stamped last.
  void announce(std::uint64_t first, std::uint64_t frames) noexcept { with_.wake.published(first, frames); }
  /// Does no segment of the log's size hold so many bytes of frames?
  [[nodiscard]] bool is_large(std::uint64_t bytes) const noexcept { return bytes > room(); }

  /// The error of a call that the gate does not let pass.
  [[nodiscard]] std::unexpected<error> refusal() const noexcept;

  /// Ends claiming for ever: appends answer `closed`. Returns the next sequence that would have been given out.
  [[nodiscard]] std::uint64_t stop() noexcept;

  /// Ends the active segment if its last claim is the one before `next`: what ends can be sealed.
  ///
  /// Errors  no_space, io, out_of_memory: the next append tries again to begin another one. closed.
  [[nodiscard]] result<void> roll_at(std::uint64_t next) noexcept;
  // ---- A truncation, by one thread at a time.

  /// Ends claiming for now: appends wait, and next_sequence() stays, until one of the last two. Errors: out_of_memory, and
  /// nothing is held.
  [[nodiscard]] result<void> hold() noexcept;
  /// Goes on with `next` instead, behind `before`. It takes no claims yet: appends still wait. `epoch` is the new one.
  void move_to(std::uint64_t next, const segment_facts& before, std::uint64_t epoch) noexcept;
  /// Appends go on, in a fresh segment after move_to(), otherwise where they were held. If no segment can be had they answer
  /// so, until one takes that over.
  [[nodiscard]] result<void> go_on() noexcept;
  /// Appends answer with the failure that is latched.
  void give_up() noexcept;
  /// Bytes of all segments that this opening appended to, up to where it was held.
  [[nodiscard]] std::uint64_t held_position() const noexcept { return active().position + bytes_claimed(active()); }

  /// The next sequence that will be given out.
  [[nodiscard]] std::uint64_t next_sequence() const noexcept;
  [[nodiscard]] const control_block& active() const noexcept { return *active_.load(std::memory_order_acquire, "active:B"); }
  /// Where the last claim ends, in bytes of all segments that this opening appended to.
  [[nodiscard]] std::uint64_t position() const noexcept {
    const control_block& block = active();
    return block.position + bytes_claimed(block);
  }
  /// Bytes used in the active segment, its header included.
  [[nodiscard]] std::uint64_t active_bytes() const noexcept { return bytes_claimed(active()); }
  [[nodiscard]] std::uint64_t rolls() const noexcept { return rolls_.load(std::memory_order_relaxed, "roll:count"); }
  [[nodiscard]] std::uint64_t waits() const noexcept { return waits_.load(std::memory_order_relaxed, "roll:count"); }

 private:
  struct place_of_frames {
    segment* in = nullptr;
    claimed_space at{};
    std::uint64_t position = 0;  // of the segment's first byte
  };

  /// Adds once to the active block, if it takes claims.
  [[nodiscard]] claim_outcome claim_at_once(std::uint64_t bytes, std::uint64_t frames, control_block*& block,
                                            place_of_frames& place) noexcept;
  /// Nothing if `place` is ours. Not a result<place_of_frames>: that is handed over in memory, stored in small parts and
  /// loaded in large ones, which takes the processor as long as all the rest of a small append.
  [[nodiscard]] std::optional<error> claim(std::uint64_t bytes, std::uint64_t frames, place_of_frames& place) noexcept;
  /// The same, where the caller has seen that a segment has room for so much.
  [[nodiscard]] std::optional<error> claim_what_fits(std::uint64_t bytes, std::uint64_t frames,
                                                     place_of_frames& place) noexcept;
  /// What is to be done when that did not give the space.
  [[nodiscard]] result<place_of_frames> claim_otherwise(claim_outcome seen, control_block* block, std::uint64_t bytes,
                                                        std::uint64_t frames) noexcept;
  /// In a segment of their own size.
  [[nodiscard]] result<place_of_frames> claim_large(std::uint64_t bytes, std::uint64_t frames) noexcept;
  [[nodiscard]] result<place_of_frames> roll_into(own_file& own, std::uint64_t bytes, std::uint64_t frames) noexcept;
  [[nodiscard]] result<place_of_frames> claim_in_new_file(std::uint64_t file_bytes, std::uint64_t bytes,
                                                          std::uint64_t frames) noexcept;
  [[nodiscard]] result<void> take_room(std::uint64_t bytes, std::uint64_t held) noexcept;
  [[nodiscard]] bool leave_own_segment() noexcept;
  [[nodiscard]] static std::optional<error> take_over(const result<place_of_frames>& claimed,
                                                      place_of_frames& place) noexcept;
  void go_on_in(control_block& held) noexcept;
  [[nodiscard]] bool take_roll(control_block& block, std::uint32_t& state, roll_state then) noexcept;
  [[nodiscard]] control_block& own_roll(roll_state then) noexcept;
  /// The active block, whose roll is the caller's from now on, in whose thread `own` is the oldest open claim. None if
  /// claims were stopped, are no longer allowed, or wait for that claim.
  [[nodiscard]] control_block* take_active_roll(const open_claim* own) noexcept;
  /// Into `own`, or into the next prepared segment.
  [[nodiscard]] result<place_of_frames> roll(control_block& full, std::uint64_t bytes, std::uint64_t frames,
                                             own_file* own = nullptr) noexcept;
  [[nodiscard]] os::result<std::unique_ptr<control_block>> next_block(control_block& full, own_file* own) noexcept;
  [[nodiscard]] os::result<void> sync_if_empty(const control_block& full) noexcept;
  [[nodiscard]] std::uint32_t await_roll(const control_block& block, bool holds_claim) noexcept;
  [[nodiscard]] std::unexpected<error> waits_for(const open_claim& own) const noexcept;
  [[nodiscard]] std::unexpected<error> too_large(std::uint64_t frames) const noexcept;
  /// For frames, in a segment of the log; and in the largest one that there can be.
  [[nodiscard]] std::uint64_t room() const noexcept { return with_.place.meta.segment_bytes - format::segment_header_bytes; }
  static constexpr std::uint64_t room_max = format::segment_bytes_max - format::segment_header_bytes;

  // Whether records carry times never changes in a log, and where it is known while this is compiled a log without pays
  // nothing. append() asks for it and for the size at once.
  template <bool with_time, bool fits>
  [[nodiscard, gnu::always_inline]] result<appended> append_as(bytes_view payload, std::uint16_t type,
                                                               record_time time) noexcept;
  [[nodiscard]] result<appended> append_otherwise(bytes_view payload, const append_options& options) noexcept;
  template <bool with_time, class Payload>
  [[nodiscard, gnu::always_inline]] result<appended> append_batch_as(std::size_t count, const append_options& options,
                                                                     Payload payload, format::frame_kind kind) noexcept;
  [[nodiscard]] std::uint64_t extension_bytes() const noexcept { return keeps_times_ ? format::time_bytes : 0; }
  /// What a frame that was just claimed says. Not before: the clock would be further from the order of the claims.
  [[nodiscard]] frame_label label_of(const append_options& options) const noexcept {
    return {.type = options.type, .time_ns = keeps_times_ ? time_or_now(options.time) : 0};
  }
  [[nodiscard]] static std::uint64_t time_or_now(record_time given) noexcept;

  parts with_;
  const bool keeps_times_;
  const std::uint64_t plain_bytes_;  // shorter payloads have no time, and a frame that fits a segment
  shared::word<control_block*> active_{nullptr};

  // Touched by whoever owns the roll, one at a time.
  std::vector<std::unique_ptr<control_block>> blocks_;
  std::unique_ptr<control_block> spare_;  // without a segment; for move_to()
  segment_facts before_;
  std::uint64_t epoch_ = 0;

  shared::word<std::uint64_t> rolls_{0}, waits_{0};
};

[[gnu::always_inline]] inline claim_outcome appender::claim_at_once(std::uint64_t bytes, std::uint64_t frames,
                                                                    control_block*& block, place_of_frames& place) noexcept {
  if (with_.gate.get() != gate::position::open) [[unlikely]]
    return claim_outcome::beyond;
  // active:B  acquire. Pairs with active:A: the block and its segment are read as they were published.
  block = active_.load(std::memory_order_acquire, "active:B");
  // roll:A  acquire. Pairs with roll:B: who sees `rolled` finds another block in active_.
  if (state_of(block->roll.load(std::memory_order_acquire, "roll:A")) != roll_state::open) [[unlikely]]
    return claim_outcome::beyond;
  const auto outcome = try_claim(*block, bytes, frames, place.at);
  if (outcome != claim_outcome::here) [[unlikely]]
    return outcome;
  place.in = block->segment;
  place.position = block->position;
  if (warmer::is_due(place.at.offset, place.at.offset + bytes)) [[unlikely]]
    with_.preparer.appends_reached(block->segment->facts().number, place.at.offset + bytes);
  return outcome;
}

[[gnu::always_inline]] inline std::optional<error> appender::claim(std::uint64_t bytes, std::uint64_t frames,
                                                                   place_of_frames& place) noexcept {
  if (bytes > room()) [[unlikely]]
    return take_over(claim_large(bytes, frames), place);
  return claim_what_fits(bytes, frames, place);
}

[[gnu::always_inline]] inline std::optional<error> appender::claim_what_fits(std::uint64_t bytes, std::uint64_t frames,
                                                                             place_of_frames& place) noexcept {
  control_block* block = nullptr;
  const auto outcome = claim_at_once(bytes, frames, block, place);
  if (outcome == claim_outcome::here) [[likely]]
    return std::nullopt;
  return take_over(claim_otherwise(outcome, block, bytes, frames), place);
}

inline std::optional<error> appender::take_over(const result<place_of_frames>& claimed, place_of_frames& place) noexcept {
  if (!claimed) return claimed.error();
  place.in = claimed->in;  // one by one: a copy of the whole would keep it in memory on the usual path as well
  place.at.offset = claimed->at.offset;
  place.at.sequence = claimed->at.sequence;
  place.position = claimed->position;
  return std::nullopt;
}

template <bool with_time, bool fits>
inline result<appended> appender::append_as(bytes_view payload, std::uint16_t type, record_time time) noexcept {
  const std::uint64_t extent = format::frame_bytes(payload.size(), with_time ? format::time_bytes : 0);
  place_of_frames place;
  if (const auto refused = fits ? claim_what_fits(extent, 1, place) : claim(extent, 1, place)) [[unlikely]]
    return std::unexpected(*refused);
  const frame_space at{.offset = place.at.offset, .extent = extent, .sequence = place.at.sequence};
  fill(*place.in, at, payload, {.type = type, .time_ns = with_time ? time_or_now(time) : 0});
  finish(*place.in, at);
  return appended{.sequence = at.sequence, .position = place.position + at.offset + extent};
}

[[gnu::always_inline]] inline result<appended> appender::append(bytes_view payload, const append_options& options) noexcept {
  if (payload.size() >= plain_bytes_) [[unlikely]]
    return append_otherwise(payload, options);
  return append_as<false, true>(payload, options.type, {});
}

template <bool with_time, class Payload>
inline result<appended> appender::append_batch_as(std::size_t count, const append_options& options, Payload payload,
                                                  format::frame_kind kind) noexcept {
  constexpr std::uint64_t extension = with_time ? format::time_bytes : 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t size = payload(i).size();
    if (size > room_max || bytes > room_max) return too_large(count);  // before a sum can wrap
    bytes += format::frame_bytes(size, extension);
  }
  place_of_frames place;
  if (const auto refused = claim(bytes, count, place)) return std::unexpected(*refused);
  segment& in = *place.in;
  frame_space at{.offset = place.at.offset, .sequence = place.at.sequence};
  frame_label label{// one time for all
                    .type = options.type,
                    .kind = kind,
                    .time_ns = with_time ? time_or_now(options.time) : 0};
  std::uint8_t begins = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const bytes_view piece = payload(i);
    label.batch_flags = static_cast<std::uint8_t>(begins | (i + 1 < count ? format::frame_flags::goes_on : 0));
    begins = format::frame_flags::begins_inside;
    at.extent = format::frame_bytes(piece.size(), extension);
    fill(in, at, piece, label);
    at.offset += at.extent;
    ++at.sequence;
  }
  // Last to first: whoever sees the first stamp sees all.
  for (std::size_t i = count; i-- > 0;) {
    at.extent = format::frame_bytes(payload(i).size(), extension);
    at.offset -= at.extent;
    --at.sequence;
    publish(in, at);
    if (i > 0) VARVE_POINT("publish.between_stamps");
  }
  with_.wake.published(at.sequence, count);
  return appended{.sequence = at.sequence + count - 1, .position = place.position + at.offset + bytes};
}

template <class Payload>
result<appended> appender::append_batch(std::size_t count, const append_options& options, Payload payload,
                                        format::frame_kind kind) noexcept {
  return keeps_times_ ? append_batch_as<true>(count, options, payload, kind)
                      : append_batch_as<false>(count, options, payload, kind);
}

}  // namespace varve::core
