// SPDX-License-Identifier: MIT
//
// cursor_time.cpp - find records by their time. Layer reader.
//
// Which segment: by the largest times that seals say, which are searched in memory. Where in it: by its table, which is made
// of its frames. What was trimmed, and may have been younger, does not count.
#include "reader/cursor.hpp"

namespace varve::core {

result<std::uint64_t> cursor::find_time(record_time time) const {
  if (!source_->keeps_times()) return bad_option("record_times");
  return look_until_settled([&] { return find_time_once(time); });
}

result<std::uint64_t> cursor::find_time_once(record_time time) const {
  const std::uint64_t end = source_->published() + 1;
  if (auto done = source_->usable(); !done) return std::unexpected(done.error());
  for (std::uint64_t from = source_->first(); from < end;) {
    const auto base = source_->segments_by_time().may_hold(time, from);
    if (!base || *base >= end) break;
    from = std::max(from, *base);
    auto in = holding(from);
    if (in && !*in) break;  // a view without a segment
    // A view learns of it only here.
    const std::uint64_t newest = in ? (*in)->read_sealed_time() : 0;
    if (newest != 0 && source_->segments_by_time().note_newest((*in)->facts(), newest)) continue;
    auto found = in ? find_time_in(std::move(*in), time, from, end) : std::unexpected(in.error());
    if (found && found->is_found) return found->sequence;
    if (found) {
      if (found->sequence == from) break;  // it ends here
      from = found->sequence;
    } else if (found.error().code() == errc::trimmed && source_->first() > from) {
      from = source_->first();  // it went meanwhile
    } else {
      return std::unexpected(found.error());
    }
  }
  return std::max(end, source_->first());
}

result<cursor::time_place> cursor::find_time_in(std::shared_ptr<const segment> in, record_time time, std::uint64_t from,
                                                std::uint64_t end) const {
  for (bool looked_again = false;;) {
    walker at;
    switch (in->times().find(in, time, end, how_deep_, at)) {
      case time_search::found:
        if (at.sequence() > from) return time_place{.is_found = true, .sequence = at.sequence() - 1};
        return find_time_behind(from, time, end);
      case time_search::older: return time_place{.sequence = std::max(from, std::min(end, in->end_sequence()))};
      case time_search::stopped: break;
    }
    // It is published. A view knows the segment by another object once its writer has died.
    auto now = holding(from);
    if (!now) return std::unexpected(now.error());
    if (looked_again || !*now || *now == in) return damaged_at(at);
    looked_again = true;
    in = std::move(*now);
  }
}

/// What reached the time is trimmed, so the table does not help: from the first record that is kept one by one.
result<cursor::time_place> cursor::find_time_behind(std::uint64_t from, record_time time, std::uint64_t end) const {
  auto near = go_to(from);
  if (!near) return std::unexpected(near.error());
  walker& at = near->at;
  observation seen;
  for (at.step_over_holes(); at.sequence() < end; at.step_over_holes()) {
    at.step(how_deep_, seen);
    if (seen.what == sight::end) break;
    if (seen.what != sight::frame) return damaged_at(at);
    if (seen.frame.is_record() && time_of(seen.frame) >= time)
      return time_place{.is_found = true, .sequence = at.sequence() - 1};
  }
  return time_place{.sequence = at.sequence()};
}

result<void> cursor::seek_time(record_time time) {
  for (;;) {
    const auto found = find_time(time);
    if (!found) return std::unexpected(found.error());
    auto done = seek(*found);
    if (done || done.error().code() != errc::trimmed) return done;  // it went meanwhile
  }
}

}  // namespace varve::core
