// SPDX-License-Identifier: MIT
#include "maintain/salvage_segments.hpp"

#include <algorithm>
#include <utility>

#include "base/bits.hpp"
#include "format/file_name.hpp"
#include "store/segment_files.hpp"

namespace varve::core {
namespace {

constexpr std::uint64_t page_bytes = 4096;

bool contains(const std::vector<std::uint64_t>& numbers, std::uint64_t number) {
  return std::ranges::find(numbers, number) != numbers.end();
}

segment_to_salvage beside_the_chain(const segment_file& f, const log_place& place, const undisturbed& s) {
  segment_to_salvage found{.facts = f.facts(place.checksum_kind())};
  const auto& state = s.state.current();
  if (const auto& end = f.end ? f.end : f.seal) {
    found.end_offset = end->offset;
    found.end_sequence = end->last + 1;
  } else if (s.seen.ending == ending::clean && state.clean_segment == f.number) {
    found.end_offset = state.clean_offset;
    found.end_sequence = state.clean_next;
  }
  return found;
}

/// As many frames cannot have stood in the segments between: such a base is none of this log's.
bool is_beyond_reason(const segment_to_salvage& before, const segment_to_salvage& s) noexcept {
  if (s.facts.base <= before.facts.base) return false;
  if (s.facts.number <= before.facts.number) return true;
  const std::uint64_t frames_max = format::segment_bytes_max / format::frame_header_bytes;
  return (s.facts.base - before.facts.base) / frames_max > s.facts.number - before.facts.number;
}

/// Copies what can be read; where that is not so, zeros.
os::result<os::mapping> copy_readable(const os::file& file, std::uint64_t bytes) {
  auto map = os::map_private(bytes);
  if (!map) return map;
  for (std::uint64_t at = 0; at < bytes; at += page_bytes)
    static_cast<void>(os::read_at(file, at, map->bytes().subspan(at, std::min(page_bytes, bytes - at))));
  return map;
}

}  // namespace

result<std::vector<segment_to_salvage>> segments_to_salvage(const log_place& place, const undisturbed& s) {
  const auto found = read_segment_files(place);
  if (!found) return std::unexpected(found.error());
  std::vector<segment_to_salvage> all;
  for (const auto& link : s.seen.chain) {
    all.push_back(
        {.facts = link.facts, .end_offset = link.end_offset, .end_sequence = link.end_sequence, .holes = link.holes});
    // The survey could not map it, and so says nothing of its frames.
    if (link.end_offset == format::segment_header_bytes && link.end_sequence != link.facts.base)
      all.back().end_offset = none_yet;
  }
  const auto in_chain = [&](const segment_file& f) {
    return std::ranges::any_of(s.seen.chain, [&](const chain_link& link) { return link.facts.number == f.number; });
  };
  for (const auto& f : found->files) {
    if (!f.activation || !f.identity || f.foreign || f.activation->base < s.seen.first || in_chain(f)) continue;
    if (contains(s.seen.dropped, f.number) || contains(s.seen.leftovers, f.number)) continue;
    if (f.identity->checksum_kind == place.meta.checksum_kind) all.push_back(beside_the_chain(f, place, s));
  }
  // By bases, those of the chain first. Nearly all stand in order already; and std::stable_sort of libstdc++ 12 asks for a
  // buffer in a way that clang calls deprecated.
  const auto base_of = [](const segment_to_salvage& each) { return each.facts.base; };
  for (auto each = all.begin(); each != all.end(); ++each)
    std::rotate(std::ranges::upper_bound(all.begin(), each, base_of(*each), {}, base_of), each, each + 1);
  for (std::size_t i = 1; i < all.size();) {
    if (is_beyond_reason(all[i - 1], all[i])) {
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    auto& before = all[i - 1];
    const std::uint64_t base = all[i].facts.base;
    if (before.end_sequence > base) before.end_sequence = base;
    ++i;
  }
  for (auto& each : all) {
    const auto file = std::ranges::find(found->files, each.facts.number, &segment_file::number);
    if (file != found->files.end())
      each.facts.capacity = std::min(each.facts.capacity, round_down(file->file_bytes, page_bytes));
  }
  return all;
}

std::shared_ptr<const segment> open_to_salvage(const log_place& place, const segment_to_salvage& from) {
  if (from.facts.capacity <= format::segment_header_bytes) return nullptr;
  auto opened = open_segment(place.directory, place.path, from.facts, os::access::read, pinning::yes, {}, from.holes);
  if (!opened) return nullptr;
  if (!os::populate_for_reading((*opened)->map(), 0, from.facts.capacity)) {
    auto map = copy_readable((*opened)->file(), from.facts.capacity);
    if (!map) return nullptr;
    *opened = std::make_shared<segment>(from.facts, os::file{}, std::move(*map), segment_index{}, from.holes);
  }
  if (from.end_offset != none_yet || from.end_sequence != none_yet) (*opened)->set_end(from.end_offset, from.end_sequence);
  return *opened;
}

}  // namespace varve::core
