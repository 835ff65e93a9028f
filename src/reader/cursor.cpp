// SPDX-License-Identifier: MIT
#include "reader/cursor.hpp"

#include <cerrno>
#include <new>

namespace varve::core {

result<void> cursor::seek(std::uint64_t target) {
  const auto reachable = check_target(target);
  if (!reachable) return std::unexpected(reachable.error());
  auto at = walk_to(*reachable);
  if (!at) return std::unexpected(at.error());
  at_ = std::move(*at);
  waits_for_ = *reachable;
  return {};
}

result<std::uint64_t> cursor::check_target(std::uint64_t target) const {
  if (auto done = source_->usable(); !done) return std::unexpected(done.error());
  if (target == 0) target = source_->first();
  if (target < source_->first()) return not_there(errc::trimmed, target);
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

result<std::shared_ptr<const segment>> cursor::holding(std::uint64_t sequence) const {
  auto in = source_->holding(sequence);
  if (in || in.error().os_errno() != ENOENT) return in;
  // A view may have known a segment without records that recovery has removed since.
  static_cast<void>(source_->published());
  return source_->holding(sequence);
}

/// Without a segment if there is none yet.
result<walker> cursor::walk_to(std::uint64_t target) const {
  auto in = holding(target);
  if (!in) return std::unexpected(in.error());
  if (!*in) return walker{};
  auto at = walker::near(*in, target);
  for (at.step_over_holes(); at.sequence() < target; at.step_over_holes()) {
    const auto seen = at.step_and_note(format::depth::shape);
    if (seen.what == sight::frame) continue;
    if (seen.what == sight::end) break;  // the next segment is not there yet
    return damaged_at(at);               // everything before the target is published
  }
  return at;
}

result<std::optional<record>> cursor::next() {
  const auto found = next_frame();
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::nullopt;
  return record_access::lend(at_, at_.sequence() - 1, **found);
}

result<bool> cursor::wait(os::deadline until) {
  for (;;) {
    const auto found = next_frame();
    if (!found) return std::unexpected(found.error());
    if (*found) {
      at_ = walker{at_.segment(), at_.offset() - (*found)->extent, at_.sequence() - 1};
      return true;
    }
    if (std::chrono::steady_clock::now() >= until) return false;
    const std::uint64_t last = source_->published();
    if (last >= position()) continue;  // it has come meanwhile
    if (auto done = source_->await_published(last + 1, until); !done) return std::unexpected(done.error());
  }
}

/// Moves behind the next frame that is a record.
result<std::optional<format::frame>> cursor::next_frame() {
  if (auto done = source_->usable(); !done) return std::unexpected(done.error());
  for (bool looked_again = false;;) {
    if (!at_.segment()) {
      const auto moved = enter_next();
      if (!moved) return std::unexpected(moved.error());
      if (*moved == move::end_for_now) return std::nullopt;
    }
    const auto seen = at_.step(how_deep());
    if (seen.what == sight::frame) {
      looked_again = false;
      if (seen.frame.is_record()) return seen.frame;
      continue;
    }
    if (seen.what == sight::end) {
      const auto moved = enter_next();
      if (!moved) return std::unexpected(moved.error());
      if (*moved == move::end_for_now) return std::nullopt;
      continue;
    }
    if (seen.what == sight::broken) return damaged_at(at_);
    const auto reached = is_published(at_.sequence());
    if (!reached) return std::unexpected(reached.error());
    if (!*reached) return std::nullopt;
    // Published between our look and that one, or ended; or it is not there although it is published.
    if (looked_again) return damaged_at(at_);
    looked_again = true;
    if (auto done = look_anew(); !done) return std::unexpected(done.error());
  }
}

/// A view knows a segment by another object once its writer has died: that one has the holes and the end.
result<void> cursor::look_anew() {
  const auto in = holding(at_.sequence());
  if (!in) return std::unexpected(in.error());
  if (!*in || *in == at_.segment()) return {};
  auto at = walk_to(at_.sequence());
  if (!at) return std::unexpected(at.error());
  at_ = std::move(*at);
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
  if (!*in) return not_there(errc::damaged, sequence);
  if ((*in)->facts().base != sequence) {
    if (*in == at_.segment()) return damaged_at(at_);  // it is published, so its segment was there once
    auto at = walk_to(sequence);
    if (!at) return std::unexpected(at.error());
    at_ = std::move(*at);
    return move::moved;
  }
  at_ = walker{*in};
  return move::moved;
}

result<pinned_record> cursor::read(std::uint64_t target) {
  if (target == 0) return not_there(errc::trimmed, target);
  const auto reachable = check_target(target);
  if (!reachable) return std::unexpected(reachable.error());
  const auto published = is_published(target);
  if (!published) return std::unexpected(published.error());
  if (!*published) return not_there(source_->beyond(target), target);
  auto at = walk_to(target);
  if (!at) return std::unexpected(at.error());
  if (!at->segment() || at->sequence() < target) return damaged_at(*at);
  if (at->sequence() > target) return not_there(errc::abandoned, target);  // in a hole
  const auto seen = at->step(how_deep());
  if (seen.what != sight::frame) return damaged_at(*at);
  if (!seen.frame.is_record()) return not_there(errc::abandoned, target);
  return record_access::lend(*at, target, seen.frame).pin();
}

std::unexpected<error> cursor::damaged_at(const walker& at) const noexcept {
  return fail({.code = errc::damaged,
               .subject = source_->path(),
               .segment = at.segment() ? at.segment()->facts().number : 0,
               .offset = at.offset(),
               .first_sequence = at.sequence(),
               .last_sequence = at.sequence()});
}

std::unexpected<error> cursor::not_there(errc code, std::uint64_t sequence) const noexcept {
  return fail({.code = code, .subject = source_->path(), .first_sequence = sequence, .last_sequence = sequence});
}

record record_access::lend(const walker& at, std::uint64_t sequence, const format::frame& f) noexcept {
  record r;
  r.segment_ = &at.segment();
  r.payload_ = f.payload;
  r.sequence_ = {sequence};
  r.epoch_ = static_cast<std::uint32_t>(at.segment()->facts().epoch);
  r.type_ = f.type;
  r.batch_goes_on_ = f.goes_on();
  return r;
}

result<reader> reader_access::make_reader(std::shared_ptr<record_source> source, sequence from) {
  try {
    auto made = std::make_unique<cursor>(std::move(source));
    if (auto done = made->seek(from.value); !done) return std::unexpected(done.error());
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

result<pinned_record> reader_access::read(std::shared_ptr<record_source> source, sequence at) {
  try {
    return cursor{std::move(source)}.read(at.value);
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve::core
