// SPDX-License-Identifier: MIT
//
// log_saving.cpp - what the user of a log saves elsewhere, as far as the log waits for it. Layer writer.
#include <algorithm>

#include "writer/log_object.hpp"

namespace varve::core {

std::uint64_t bytes_behind(const survey& s, std::uint64_t last) noexcept {
  std::uint64_t bytes = 0;
  for (const auto& link : s.chain) {
    if (link.end_sequence <= last + 1 || link.end_sequence == link.facts.base || link.end_offset == none_yet) continue;
    const std::uint64_t behind = link.end_sequence - std::max(link.facts.base, last + 1);
    // As if all records of a segment were of one size.
    bytes += (link.end_offset - format::segment_header_bytes) / (link.end_sequence - link.facts.base) * behind;
  }
  return bytes;
}

result<sequence> log_object::checkpoint() noexcept {
  if (gate_.get() != gate::position::open) return appender_.refusal();
  if (!checkpointer_.saves()) return bad_option("checkpoint");
  if (is_callback_thread()) return fail({.code = errc::would_block_itself, .subject = place_.path});
  if (auto done = may_wait_for(none_yet); !done) return std::unexpected(done.error());
  const auto done = checkpointer_.checkpoint();
  if (!done) return std::unexpected(done.error());
  return sequence{*done};
}

/// Everything that ends before `target`, and so would go. What the active segment holds goes as well if nothing comes behind
/// it; so it has to end.
result<void> log_object::archive_before(std::uint64_t target) noexcept {
  if (!archivist_.archives() || target <= trimmer_.first()) return {};
  if (auto done = archivist_.archive_before(target); !done) return done;
  auto ended = appender_.roll_at(target);
  if (!ended && ended.error().code() == errc::no_space && appender_.active().base > trimmer_.first()) {
    // The segments before it make room.
    if (auto done = trim_before({appender_.active().base}); !done) return done;
    ended = appender_.roll_at(target);
  }
  return ended ? archivist_.archive_before(target) : ended;
}

/// Of segments that were trimmed the archive hooks hear before their files go, also if that was begun in another life. The
/// other leftovers hold nothing.
void log_object::tell_leftovers(const survey& s) {
  if (s.leftovers.empty()) return;
  const auto found = read_segment_files(place_);
  if (!found) return;  // then they are not told
  for (const auto& f : found->files) {
    const bool was_trimmed = f.identity && f.activation && !f.foreign && f.activation->base < s.first;
    if (!was_trimmed || std::ranges::find(s.leftovers, f.number) == s.leftovers.end()) continue;
    const auto& end = f.seal ? f.seal : f.end;
    archivist_.tell_drop({.number = f.number,
                          .base = f.activation->follows(),
                          .end = end ? end->last + 1 : s.first,
                          .end_offset = end ? end->offset : f.identity->capacity});
  }
}

}  // namespace varve::core
