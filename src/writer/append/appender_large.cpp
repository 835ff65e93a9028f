// SPDX-License-Identifier: MIT
//
// appender_large.cpp - what no segment of the log's size holds. Layer writer/append.
#include <cerrno>

#include "writer/append/appender.hpp"
#include "writer/append/open_claims.hpp"

namespace varve::core {

/// The file is made before anybody has to wait for it.
result<appender::place_of_frames> appender::claim_large(std::uint64_t bytes, std::uint64_t frames) noexcept {
  if (bytes > room_max) return too_large(frames);
  if (with_.gate.get() != gate::position::open) return refusal();
  const std::uint64_t file_bytes = own_segments::file_bytes(bytes);
  if (auto done = take_room(file_bytes, 0); !done) return std::unexpected(done.error());
  auto claimed = claim_in_new_file(file_bytes, bytes, frames);
  with_.preparer.room_is_used();  // not before: whoever finds nothing promised looks whether it is the active one
  return claimed;
}

result<appender::place_of_frames> appender::claim_in_new_file(std::uint64_t file_bytes, std::uint64_t bytes,
                                                              std::uint64_t frames) noexcept {
  own_file own;
  const own_segments::work work{with_.own, own};
  if (!work) {  // after stop()
    with_.own.give_back(file_bytes);
    return refusal();
  }
  auto made = with_.own.grow(own, file_bytes, file_bytes);
  if (made) made = with_.own.complete(own, own_segments::numbering::as_it_is);
  auto claimed = made ? roll_into(own, bytes, frames) : with_.place.fail_call(made.error());
  with_.own.remove(own);  // if it is not part of the log
  return claimed;
}

/// Nobody waits for `own` meanwhile but close(). Whose it is if that fails is for the caller to say.
result<appender::place_of_frames> appender::roll_into(own_file& own, std::uint64_t bytes, std::uint64_t frames) noexcept {
  const open_claim* const claim = open_claims::oldest(with_.log);
  if (control_block* const full = take_active_roll(claim)) return roll(*full, bytes, frames, &own);
  return with_.gate.get() == gate::position::open && claim != nullptr ? waits_for(*claim) : refusal();
}

/// For so many bytes of a file that has `held` already.
result<void> appender::take_room(std::uint64_t bytes, std::uint64_t held) noexcept {
  for (;;) {
    const auto found = with_.preparer.take_room(bytes, held);
    if (found == preparer::room::there) return {};
    if (with_.gate.get() != gate::position::open) return refusal();
    if (leave_own_segment()) continue;
    if (found == preparer::room::none) return with_.place.fail_call({ENOSPC});
    with_.preparer.await_change();
  }
}

/// What would make room may stand in a segment of its own, which cannot go as long as it takes appends: these then go on in
/// another one. False if it is none, or there is no other.
bool appender::leave_own_segment() noexcept {
  if (active().capacity == with_.place.meta.segment_bytes || active().segment == nullptr) return false;
  control_block* const full = take_active_roll(open_claims::oldest(with_.log));
  return full != nullptr && roll(*full, 0, 0).has_value();
}

result<std::uint64_t> appender::take_room_to_grow(std::uint64_t from, std::uint64_t least, std::uint64_t most) noexcept {
  if (with_.gate.get() != gate::position::open) return refusal();
  if (with_.preparer.take_free_room(most - from, from)) return most;
  if (auto done = take_room(least - from, from); !done) return std::unexpected(done.error());
  return least;
}

std::optional<error> appender::claim_in(own_file& own, std::uint64_t bytes, std::uint64_t frames,
                                        const append_options& options, open_frame& all) noexcept {
  if (with_.gate.get() != gate::position::open) return refusal().error();
  with_.preparer.promise_room();
  const auto place = roll_into(own, bytes, frames);
  with_.preparer.room_is_used();
  if (!place) return place.error();
  all.segment = place->in;
  all.at = {.offset = place->at.offset, .extent = bytes, .sequence = place->at.sequence};
  all.label = label_of(options);
  all.position = place->position + place->at.offset + bytes;
  return std::nullopt;
}

}  // namespace varve::core
