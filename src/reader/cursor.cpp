// SPDX-License-Identifier: MIT
#include "reader/cursor.hpp"

#include <new>

namespace varve::core {
namespace {

record_shape shape_of(const format::frame& f) noexcept {
  return {.kind = static_cast<std::uint8_t>(f.kind), .flags = f.flags};
}
static_assert(record_shape{.kind = static_cast<std::uint8_t>(format::frame_kind::chunk)}.is_chunk());
static_assert(record_shape{.flags = format::frame_flags::goes_on}.batch_goes_on());
static_assert(record_shape{.flags = format::frame_flags::timed}.extension_words() == 1);

}  // namespace

result<void> cursor::seek(std::uint64_t target) {
  for (;;) {
    const std::uint64_t turn = source_->turn();  // before first() is asked
    auto done = seek_once(target, turn);
    // Where it stands may have gone, and come again, since the turn was asked; what is being truncated may look like damage.
    const bool is_same_turn = source_->turn() == turn;
    if (is_same_turn && (done || source_->is_settled(turn))) return done;
    if (is_same_turn) os::nap(look_again);
  }
}

result<void> cursor::seek_once(std::uint64_t target, std::uint64_t turn) {
  const auto reachable = check_target(target);
  if (!reachable) return std::unexpected(reachable.error());
  auto at = go_to(*reachable);
  if (!at) return std::unexpected(at.error());
  at_ = std::move(at->at);
  waits_for_ = *reachable;
  turn_ = turn;
  return {};
}

/// The log may be used, and `target` was not trimmed.
[[gnu::always_inline]] inline result<void> cursor::check_kept(std::uint64_t target) const {
  if (auto done = source_->usable(); !done) return done;
  if (target < source_->first()) return not_there(errc::trimmed, target);
  return {};
}

result<std::uint64_t> cursor::check_target(std::uint64_t target) const {
  if (auto done = check_kept(target == 0 ? none_yet : target); !done) return std::unexpected(done.error());
  if (target == 0) target = source_->first();
  const auto reached = is_published(target - 1);
  if (!reached) return std::unexpected(reached.error());
  if (!*reached) return not_there(source_->beyond(target), target);
  return target;
}

/// Looking further may have failed, which is not the end for now.
result<bool> cursor::is_published(std::uint64_t sequence) const {
  if (source_->has_published(sequence)) return true;
  if (auto done = source_->usable(); !done) return std::unexpected(done.error());
  return source_->has_published(sequence);
}

/// None if there is none yet.
result<std::shared_ptr<const segment>> cursor::holding(std::uint64_t sequence) const {
  auto in = source_->holding(sequence);
  if (!in || !*in) [[unlikely]]
    look_for(sequence, in);
  return in;
}

/// A view may know a segment that a writer has removed since, or is about to use anew.
void cursor::look_for(std::uint64_t sequence, result<std::shared_ptr<const segment>>& in) const {
  if (!in) {
    static_cast<void>(source_->published());
    in = source_->holding(sequence);
  }
  if ((!in || !*in) && sequence < source_->first()) in = not_there(errc::trimmed, sequence);
  // The file is not what it was: all of the segment is out of reach.
  if (!in && in.error().code() == errc::damaged) in = damaged_from(sequence, {}, in.error().segment());
}

/// Without a segment if there is none yet.
result<approach> cursor::walk_to(std::uint64_t target) const {
  auto in = holding(target);
  if (!in) return std::unexpected(in.error());
  if (!*in) return walk_past_damage(target);
  auto found = walker::near(std::move(*in), target, source_->known_published());
  walker& at = found.at;
  for (at.step_over_holes(); at.sequence() < target; at.step_over_holes()) {
    const auto seen = at.step_and_note(format::depth::shape);
    if (seen.what == sight::frame) continue;
    return walk_past_damage(target);  // everything before the target is published
  }
  return found;
}

void cursor::step(observation& seen) noexcept {
  if (at_.segment()) [[likely]]
    at_.step(how_deep_, seen);
  else
    seen.what = sight::end;  // the first segment is the next one
}

/// Moves behind the next frame that is a record.
[[gnu::always_inline]] inline result<bool> cursor::next_frame(observation& seen) {
  for (;;) {
    if (auto done = source_->usable(); !done) return std::unexpected(done.error());
    if (const std::uint64_t turn = source_->turn(); turn != turn_) [[unlikely]] {
      const auto stands = look_whether_it_stands(turn);
      if (!stands && source_->is_settled(turn)) return std::unexpected(stands.error());
      if (!stands) {
        os::nap(look_again);
        continue;
      }
    }
    step(seen);
    if (seen.what == sight::frame && seen.frame.is_record()) [[likely]]
      return true;
    const walker here = at_;
    const std::uint64_t waits_for = waits_for_;
    const auto found = go_to_record(seen);
    // On the way records may have gone, and others have come in their place: then whether this one stands is asked first.
    const bool is_same_turn = source_->turn() == turn_;
    if (is_same_turn && (found || source_->is_settled(turn_))) [[likely]]
      return found;
    at_ = here;
    waits_for_ = waits_for;
    if (is_same_turn) os::nap(look_again);  // what is being truncated may look like damage
  }
}

// A record is made where the caller has it, here and below: small structs are copied in larger units than they were written
// in, which takes the processor longer than all the rest of a step.
result<std::optional<record>> cursor::next() {
  observation seen;
  const auto found = next_frame(seen);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::nullopt;
  return result<std::optional<record>>{std::in_place, std::in_place,      record_key{},
                                       at_.segment(), seen.frame.payload, sequence{at_.sequence() - 1},
                                       epoch(),       seen.frame.type,    shape_of(seen.frame)};
}

void cursor::next_before(std::uint64_t end, std::optional<result<record>>& element) {
  observation seen;
  const auto found = next_frame(seen);
  if (!found) {
    element.emplace(std::unexpect, found.error());
  } else if (!*found || at_.sequence() > end) {
    element.reset();
  } else {
    element.emplace(std::in_place, record_key{}, at_.segment(), seen.frame.payload, sequence{at_.sequence() - 1}, epoch(),
                    seen.frame.type, shape_of(seen.frame));
  }
}

result<bool> cursor::wait(os::deadline until) {
  // The cursor stays where it is: somebody may hold the record that it lent, and pin it. So what it learned of what went it
  // has to learn again.
  const walker here = at_;
  const std::uint64_t waits_for = waits_for_, turn = turn_;
  for (;;) {
    observation seen;
    const auto found = next_frame(seen);
    at_ = here;
    waits_for_ = waits_for;
    turn_ = turn;
    if (!found || *found) return found;
    if (std::chrono::steady_clock::now() >= until) return false;
    const std::uint64_t last = source_->published();
    if (last >= position()) continue;  // it has come meanwhile
    if (auto done = source_->await_published(last + 1, until); !done) return std::unexpected(done.error());
  }
}

/// From what is `seen` where the cursor stands.
result<bool> cursor::go_to_record(observation& seen) {
  for (bool looked_again = false;; step(seen)) {
    if (seen.what == sight::frame) {
      if (seen.frame.is_record()) return true;
      if (seen.frame.kind == format::frame_kind::gone) return stand_at_gone(seen.frame);
      looked_again = false;
      continue;
    }
    if (seen.what == sight::end) {
      const auto moved = enter_next();
      if (!moved) return std::unexpected(moved.error());
      if (*moved == move::end_for_now) return false;
      continue;
    }
    if (seen.what == sight::broken) return damaged_at(at_);
    const auto reached = is_published(at_.sequence());
    if (!reached) return std::unexpected(reached.error());
    if (!*reached) return false;
    // Published between our look and that one, or ended; or it is not there although it is published.
    if (looked_again && !find_again()) return damaged_at(at_);
    looked_again = true;
    if (auto done = look_anew(); !done) return std::unexpected(done.error());
  }
}

/// Records went. As long as these were among them, every step says so, whatever is appended in their place.
result<void> cursor::look_whether_it_stands(std::uint64_t turn) {
  if (position() < source_->first()) return not_there(errc::trimmed, position());
  const std::uint64_t cut = source_->truncated_since(turn_);
  if (position() > cut) return not_there(errc::truncated, position());
  if (cut != none_yet) {
    if (auto done = stand_anew(); !done) return done;
  }
  turn_ = turn;
  return {};
}

/// The log was cut behind here, or just here. A view may know by another object than ours the segment that was cut: then
/// ours goes on where that ends.
result<void> cursor::stand_anew() {
  const std::uint64_t here = position();
  const auto in = holding(here);
  if (!in) return std::unexpected(in.error());
  if (*in && *in == at_.segment()) return {};
  auto at = go_to(here);
  if (!at) return std::unexpected(at.error());
  at_ = std::move(at->at);
  waits_for_ = here;
  return {};
}

/// A view knows a segment by another object once its writer has died: that one has the holes and the end.
result<void> cursor::look_anew() {
  const auto in = holding(at_.sequence());
  if (!in) return std::unexpected(in.error());
  if (!*in || *in == at_.segment()) return {};
  auto at = go_to(at_.sequence());
  if (!at) return std::unexpected(at.error());
  at_ = std::move(at->at);
  return {};
}

/// Moves to the segment that begins with the next sequence.
result<cursor::move> cursor::enter_next() {
  const std::uint64_t sequence = position();
  const auto reached = is_published(sequence);
  if (!reached) return std::unexpected(reached.error());
  if (!*reached) return move::end_for_now;
  auto in = holding(sequence);
  if (!in) return std::unexpected(in.error());
  if (!*in) return damaged_from(sequence, {});
  if ((*in)->facts().first_frame > sequence) return given_up_before(**in, sequence);
  // It is published, so it was there once. The segment may have been left without a record: then this is its base.
  if (*in == at_.segment()) return damaged_at(at_);
  if ((*in)->facts().base != sequence) {
    auto at = go_to(sequence);
    if (!at) return std::unexpected(at.error());
    at_ = std::move(at->at);
    return move::moved;
  }
  at_ = walker{*in};
  return move::moved;
}

result<pinned_record> cursor::read(std::uint64_t target) {
  return look_until_settled([&] { return read_once(target); });
}

result<pinned_record> cursor::read_once(std::uint64_t target) {
  if (target == 0) return not_there(errc::trimmed, target);
  if (auto done = check_kept(target); !done) return std::unexpected(done.error());
  const auto published = is_published(target);
  if (!published) return std::unexpected(published.error());
  if (!*published) return not_there(source_->beyond(target), target);
  auto found = walk_to(target);
  if (!found) return std::unexpected(found.error());
  walker& at = found->at;
  if (!at.segment() || at.sequence() < target) return damaged_at(at);
  if (at.sequence() > target) [[unlikely]]
    return no_frame_for(target, *at.segment());
  if (!found->target) {
    auto seen = look(*at.segment(), at.offset(), target, how_deep_);
    if (seen.what != sight::frame) {
      // Led astray by a length that is wrong, or damaged itself.
      auto again = walk_past_damage(target);
      if (!again) return std::unexpected(again.error());
      if (!again->at.segment()) return damaged_at(at);
      at = std::move(again->at);
      seen = look(*at.segment(), at.offset(), target, how_deep_);
    }
    if (seen.what != sight::frame) return damaged_at(at);
    found->target = seen.frame;
  }
  if (!found->target->is_record()) [[unlikely]] {
    if (found->target->kind == format::frame_kind::gone) return damaged_at(at);
    return not_there(errc::abandoned, target);
  }
  return record_access::give(at, target, *found->target);
}

std::unexpected<error> cursor::not_there(errc code, std::uint64_t sequence) const noexcept {
  return fail({.code = code, .subject = source_->path(), .first_sequence = sequence, .last_sequence = sequence});
}

record record_access::lend(const std::shared_ptr<const segment>& in, const format::frame& f,
                           std::uint64_t sequence) noexcept {
  return {record_key{}, in,         f.payload, varve::sequence{sequence}, static_cast<std::uint32_t>(in->facts().epoch),
          f.type,       shape_of(f)};
}

pinned_record record_access::give(walker& at, std::uint64_t sequence, const format::frame& f) noexcept {
  pinned_record r;
  r.payload_ = f.payload;
  r.sequence_ = {sequence};
  r.epoch_ = static_cast<std::uint32_t>(at.segment()->facts().epoch);
  r.type_ = f.type;
  r.shape_ = shape_of(f);
  r.segment_ = at.take_segment();
  return r;
}

result<reader> reader_access::make_reader(std::shared_ptr<record_source> source, sequence from) {
  try {
    auto made = std::make_unique<cursor>(std::move(source));
    auto done = made->seek(from.value);
    // The first record there is may be out of reach: then next() says so, and how far.
    if (!done && done.error().code() == errc::damaged && from.value == 0) done = made->stand_at_first();
    if (!done) return std::unexpected(done.error());
    return reader{std::move(made)};
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory});
  }
}

record_range reader_access::make_range(std::shared_ptr<record_source> source, sequence from) {
  record_range range;
  try {
    range.cursor_ = std::make_unique<cursor>(std::move(source));
    range.end_ = {range.cursor_->published() + 1};
    if (auto done = range.cursor_->seek(from.value); !done) range.current_ = std::unexpected(done.error());
  } catch (const std::bad_alloc&) {
    range.current_ = fail({.code = errc::out_of_memory});
  }
  range.error_first_ = range.current_.has_value();  // then it is all there is to see
  if (range.error_first_) range.cursor_.reset();
  return range;
}

result<pinned_record> reader_access::read(record_source& source, sequence at) {
  try {
    return cursor{source}.read(at.value);
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory});
  }
}

result<sequence> reader_access::find_time(record_source& source, record_time time) {
  try {
    const auto found = cursor{source}.find_time(time);
    if (!found) return std::unexpected(found.error());
    return sequence{*found};
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve::core
