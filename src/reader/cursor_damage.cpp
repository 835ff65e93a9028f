// SPDX-License-Identifier: MIT
//
// cursor_damage.cpp - how a cursor gets past damage, and says how far that goes. Layer reader.
#include <algorithm>

#include "reader/cursor.hpp"
#include "segment/frame_search.hpp"

namespace varve::core {

/// As walk_to(), but sure of where it leads: the frames before the target were not checked in full, and the length of the
/// last one may be wrong. Who reads just the target checks that.
result<approach> cursor::go_to(std::uint64_t target) const {
  const auto published = is_published(target);
  if (!published) return std::unexpected(published.error());
  if (!*published) return walk_past_damage(target);
  auto found = walk_to(target);
  if (!found || !found->at.segment() || found->target) return found;
  // In a gap before the segment: the next step says so.
  if (found->at.sequence() > target && target < found->at.segment()->facts().first_frame) return approach{};
  if (found->at.sequence() != target) return found;
  const auto seen = look(*found->at.segment(), found->at.offset(), target, format::depth::shape);
  return seen.what == sight::nothing ? walk_past_damage(target) : std::move(found);
}

/// As far as there are valid frames on the way, by their stamps. Each is checked in full: a length that is wrong leads
/// astray, and past frames that are whole.
result<approach> cursor::walk_past_damage(std::uint64_t target) const {
  const std::uint64_t published = source_->published();  // before the segment is asked for: it may come meanwhile
  auto in = holding(target);
  if (!in) return std::unexpected(in.error());
  if (!*in && target > published) return approach{};  // it will be the first one
  if (!*in) return damaged_from(target, {});
  walker at = walker::near(std::move(*in), target, published).at;
  for (at.step_over_holes(); at.sequence() < target; at.step_over_holes()) {
    const frame_place here{at.offset(), at.sequence()};
    const auto seen = at.step(format::depth::everything);
    if (seen.what == sight::frame) continue;
    const auto next = find_frame(*at.segment(), here, std::min(target, published) + 1);
    // What comes next will be found once it is there: the damage reaches up to the end of what is.
    if (!next && target > published) return approach{};
    if (!next) return damaged_at(at);
    at = walker{at.segment(), next->offset, next->sequence};
  }
  return approach{.at = std::move(at)};
}

result<void> cursor::stand_at_first() {
  if (auto done = source_->usable(); !done) return done;
  turn_ = source_->turn();
  at_ = walker{};
  waits_for_ = source_->first();
  return {};
}

/// A length that is wrong may have led astray, where records are handed out unchecked. True if the next record stands
/// elsewhere after all.
bool cursor::find_again() {
  if (how_deep_ == format::depth::everything) return false;
  auto at = walk_past_damage(position());
  if (!at || !at->at.segment() || at->at.sequence() != position() || at->at.offset() == at_.offset()) return false;
  if (look(*at->at.segment(), at->at.offset(), position(), format::depth::everything).what != sight::frame) return false;
  at_ = std::move(at->at);
  return true;
}

/// The step that came here has passed it: a reader stays before damage until it is moved.
std::unexpected<error> cursor::stand_at_gone(const format::frame& gone) {
  at_ = walker{at_.segment(), at_.offset() - gone.extent, at_.sequence() - 1};
  return damaged_at(at_);
}

/// The walk to `target` came past it: it was given up before the segment, or stands in a hole.
std::unexpected<error> cursor::no_frame_for(std::uint64_t target, const segment& in) const noexcept {
  if (target < in.facts().first_frame) return given_up_before(in, target);
  return not_there(errc::abandoned, target);
}

/// What was given up before the first frame of a segment.
std::unexpected<error> cursor::given_up_before(const segment& in, std::uint64_t from) const noexcept {
  return fail({.code = errc::damaged,
               .subject = source_->path(),
               .segment = in.facts().number,
               .first_sequence = from,
               .last_sequence = in.facts().first_frame - 1});
}

std::unexpected<error> cursor::damaged_at(const walker& at) const noexcept {
  return damaged_from(at.segment() ? at.sequence() : waits_for_, at);
}

/// Says how far the damage goes: up to the next valid frame, to where a segment begins, or to the last that is published.
/// `at`: where `first` should stand, if that is known.
std::unexpected<error> cursor::damaged_from(std::uint64_t first, const walker& at, std::uint64_t number) const noexcept {
  std::uint64_t end = std::min(source_->next_base(first), source_->published() + 1);
  if (const auto next = at.segment() ? find_frame(*at.segment(), {at.offset(), first}, end) : std::nullopt)
    end = next->sequence;
  return fail({.code = errc::damaged,
               .subject = source_->path(),
               .segment = at.segment() ? at.segment()->facts().number : number,
               .offset = at.offset(),
               .first_sequence = first,
               .last_sequence = std::max(first, end - 1)});
}

}  // namespace varve::core
