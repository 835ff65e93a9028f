// SPDX-License-Identifier: MIT
#include "recovery/index_files.hpp"

#include <algorithm>
#include <vector>

#include "format/file_name.hpp"
#include "segment/walker.hpp"

namespace varve::core {

bool rebuild_index(const log_place& place, const chain_link& link, std::uint32_t permissions) {
  const auto id = place.index_of(link.facts.number, link.facts.capacity);
  const auto opened = open_segment(place.directory, place.path, link.facts, os::access::read, pinning::no,
                                   segment_index::create(place.directory, id, permissions));
  // A segment that cannot be read is met by whoever reads it.
  if (!opened || !os::populate_for_reading((*opened)->map(), 0, link.facts.capacity)) return false;
  (*opened)->set_end(link.end_offset, link.end_sequence);
  walker at{*opened};
  while (at.step_and_note(format::depth::shape).what == sight::frame) {
  }
  return has_index(place.directory, id);
}

void remove_stray_indexes(const log_place& place, const survey& s) {
  const auto names = os::list(place.directory);
  if (!names) return;
  std::vector<std::uint64_t> numbers;
  for (const auto& link : s.chain) numbers.push_back(link.facts.number);
  std::ranges::sort(numbers);
  for (const auto& name : *names) {
    const auto number = format::parse_name(format::file_kind::index, name);
    if (number && !std::ranges::binary_search(numbers, *number)) remove_index(place.directory, *number);
  }
}

std::uint64_t rebuild_indexes(const log_place& place, const survey& s, std::uint32_t permissions) {
  std::uint64_t rebuilt = 0;
  for (std::size_t i = 0; i < s.chain.size(); ++i) {
    const auto& link = s.chain[i];
    if (s.goes_on_in_last() && i + 1 == s.chain.size()) break;
    const bool was_walked = link.dirty_from != none_yet;
    if (was_walked || !has_index(place.directory, place.index_of(link.facts.number, link.facts.capacity)))
      rebuilt += rebuild_index(place, link, permissions) ? 1U : 0U;
  }
  return rebuilt;
}

}  // namespace varve::core
