// SPDX-License-Identifier: MIT
#include "recovery/repair.hpp"

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <vector>

#include "base/bits.hpp"
#include "format/file_name.hpp"
#include "store/gap_filler.hpp"
#include "store/segment_maker.hpp"

namespace varve::core {
namespace {

constexpr std::uint64_t copy_bytes = std::uint64_t{1} << 20;
constexpr std::uint64_t page_bytes = 4096;

/// Writes the bytes of [from, to) onto themselves. After a write-back that failed the cache shows pages as clean that are
/// not on the disk; this makes them dirty again, so that the sync that follows covers them.
os::result<void> dirty_again(const os::file& file, std::uint64_t from, std::uint64_t to) {
  std::vector<std::byte> bytes(copy_bytes);
  for (from = round_down(from, page_bytes); from < to;) {
    const auto part = std::span{bytes}.first(std::min(copy_bytes, to - from));
    const auto n = os::read_at(file, from, part);
    if (!n) return std::unexpected(n.error());
    if (const auto done = os::write_at(file, from, part.first(*n)); !done) return done;
    from += part.size();
  }
  return {};
}

os::result<void> write_end(const os::file& file, const chain_link& link) noexcept {
  const format::end end{
      .salt = link.facts.salt, .offset = link.end_offset, .last = link.end_sequence - 1, .cause = link.end_cause};
  return os::write_at(file, format::end_offset, format::encode(end));
}

/// Says what was lost before the segment, and after which one it stands now.
os::result<void> write_activation(const os::file& file, const chain_link& link, const segment_facts& before) noexcept {
  format::sector bytes{};
  const auto n = os::read_at(file, format::activation_offset, bytes);
  if (!n) return std::unexpected(n.error());
  auto activation = format::decode<format::activation>(bytes);
  if (!activation) return std::unexpected(os::failure{EIO});
  activation->predecessor = before.number;
  activation->predecessor_salt = before.salt;
  activation->given_up = link.facts.first_frame - link.facts.base;
  return os::write_at(file, format::activation_offset, format::encode(*activation));
}

/// A hint: what cannot be read now is looked for when somebody asks.
time_range times_of(const log_place& place, const chain_link& link) {
  if (!place.keeps_times()) return {};
  const auto opened = open_segment(place.directory, place.path, link.facts, os::access::read);
  if (!opened || !os::populate_for_reading((*opened)->map(), 0, link.facts.capacity)) return {};
  (*opened)->set_end(link.end_offset, link.end_sequence);
  return times_in(*opened);
}

os::result<void> repair_segment(const log_place& place, const os::file& file, chain_link& link) {
  if (link.grow_to != 0) {
    if (const auto done = os::allocate(file, link.grow_to, link.facts.capacity); !done) return done;
    link.facts.capacity = link.grow_to;
    link.grow_to = 0;
  }
  if (link.dirty_from != none_yet) {
    if (const auto done = dirty_again(file, 0, format::segment_header_bytes); !done) return done;
    if (const auto done = dirty_again(file, link.dirty_from, link.end_offset); !done) return done;
  }
  // The end before the holes: the last of them may reach up to it, and whoever dies while its stamp is cleared must leave a
  // log that still ends there.
  if (!link.end_recorded) {
    if (const auto done = write_end(file, link); !done) return done;
    link.end_recorded = true;
  }
  // The last first: a view that has not noticed yet that the writer is dead goes on where a hole has become lost frames, and
  // must not meet the rest of a batch whose head was in it.
  for (const auto& h : std::views::reverse(link.holes))
    if (const auto done = write_lost_frames(file, h, link.facts.salt); !done) return done;
  VARVE_POINT("repair.before_sync");
  if (const auto done = os::sync_data(file); !done) return done;
  link.holes.clear();
  if (link.sealed) return {};
  const auto times = times_of(place, link);
  if (const auto done = write_seal(file, link.facts, link.end_offset, link.end_sequence, times); !done) return done;
  link.newest_ns = times.largest_ns;
  link.sealed = true;
  return {};
}

result<void> remove_durably(const log_place& place, std::uint64_t number, const segment_remover& remove) {
  VARVE_POINT("repair.before_remove");
  if (const auto done = remove ? remove(number) : remove_segment(place, number); !done)
    return place.fail_call(done.error(), number);
  if (const auto done = os::sync_directory(place.directory); !done) return place.fail_call(done.error());
  return {};
}

}  // namespace

result<void> repair(const log_place& place, survey& s, const segment_remover& remove) {
  // A segment without frames is dropped, not ended: its base is that of the segment in which appending goes on.
  while (!s.chain.empty() && s.chain.back().end_sequence <= s.chain.back().facts.first_frame) {
    s.dropped.push_back(s.chain.back().facts.number);
    s.chain.pop_back();
  }
  std::ranges::sort(s.dropped);
  for (std::size_t i = 0; i < s.chain.size(); ++i) {
    auto& link = s.chain[i];
    const auto name = format::name_of(format::file_kind::segment, link.facts.number);
    const bool untouched = link.sealed && link.dirty_from == none_yet && link.holes.empty() && !link.after_loss;
    if (untouched && s.is_copy) {  // whoever made it may not have synced it
      const auto file = os::open_file(place.directory, name.c_str(), os::access::read);
      if (!file) return place.fail_call(file.error(), link.facts.number);
      if (const auto done = os::sync_file(*file); !done) return place.fail_call(done.error(), link.facts.number);
    }
    if (untouched || link.end_offset == none_yet) continue;  // an end that is lost below the mark is damage to live with
    if (link.links > 1) return place.fail_call({EMLINK}, link.facts.number);  // somebody else's file as well
    auto file = os::open_file(place.directory, name.c_str(), os::access::read_write);
    if (!file) return place.fail_call(file.error(), link.facts.number);
    // After the end of the segment before it, which is lower than it was: whatever dies in between leaves a log that is
    // incomplete still.
    if (link.after_loss) {
      const auto done = write_activation(*file, link, i == 0 ? segment_facts{} : s.chain[i - 1].facts);
      if (!done) return place.fail_call(done.error(), link.facts.number);
    }
    if (const auto done = repair_segment(place, *file, link); !done) return place.fail_call(done.error(), link.facts.number);
  }
  // Newest first, each durably: whenever it stops, what is left is a chain.
  while (!s.dropped.empty()) {
    if (auto done = remove_durably(place, s.dropped.back(), remove); !done) return done;
    s.dropped.pop_back();
  }
  s.durable = s.next - 1;
  return {};
}

result<void> remove_leftovers(const log_place& place, const survey& s) {
  if (s.leftovers.empty()) return {};
  for (const std::uint64_t number : s.leftovers) {
    const auto name = format::name_of(format::file_kind::segment, number);
    if (const auto done = os::remove(place.directory, name.c_str()); !done && done.error().number != ENOENT)
      return place.fail_call(done.error(), number);
  }
  // Durably: a torn one that came back after a clean close would be damage.
  if (const auto done = os::sync_directory(place.directory); !done) return place.fail_call(done.error());
  return {};
}

}  // namespace varve::core
