// SPDX-License-Identifier: MIT
#include "recovery/reading_on.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "format/file_name.hpp"
#include "recovery/reading_plan.hpp"

namespace varve::core {
namespace {

bool is_chain_damage(const recovery_report::finding& f) noexcept {
  return f.row == row_segment_missing || f.row == row_header_damaged || f.row == row_activation_torn;
}

/// A table of segments finds files by their numbers, and frames from the header on.
bool is_openable(const log_evidence& from, const placed_segment& p) {
  const auto& f = from.segments[p.copies.front()];
  return f.directory == 0 && f.name == format::name_of(format::file_kind::segment, p.facts.number).view() &&
         p.begin.offset == format::segment_header_bytes;
}

chain_link link_of(const log_evidence& from, const placed_segment& p, std::uint64_t end) {
  chain_link link{.facts = p.facts, .predecessor = p.predecessor, .predecessor_salt = p.predecessor_salt};
  link.facts.header_rebuilt = p.rebuilt;
  link.facts.capacity =
      std::min(p.facts.capacity, round_down(from.segments[p.copies.front()].file_bytes, format::frame_alignment));
  link.end_sequence = end;
  if (p.end && p.end->last + 1 == end) link.end_offset = p.end->offset;
  return link;
}

}  // namespace

bool is_chain_broken(const survey& s) noexcept { return std::ranges::any_of(s.report.findings, is_chain_damage); }

void add_what_stands(const log_place& place, survey& s) {
  const auto from = collect_evidence(place.path->text, {});
  if (!from) return;  // the chain is what there is
  const auto placed = place_segments(*from);
  const auto plan = plan_reading(*from, placed, false);
  const std::uint64_t published = std::max(s.next - 1, s.durable);
  for (std::size_t i = 0; i < plan.kept.size(); ++i) {
    const auto& p = placed.all[plan.kept[i].segment];
    const auto same = std::ranges::find_if(
        s.chain, [&](const chain_link& l) { return l.facts.number == p.facts.number && l.facts.salt == p.facts.salt; });
    if (plan.kept[i].first > published || !is_openable(*from, p)) continue;
    const std::uint64_t next = i + 1 < plan.kept.size() ? plan.kept[i + 1].first : none_yet;
    const auto link = link_of(*from, p, std::min({plan.kept[i].end, next, published + 1}));
    if (same == s.chain.end()) {
      s.chain.push_back(link);
    } else {
      same->facts.capacity = link.facts.capacity;  // of a file that was cut short, what is left of it
      same->facts.header_rebuilt = link.facts.header_rebuilt;
    }
  }
  std::ranges::sort(s.chain, {}, [](const chain_link& l) { return l.facts.base; });
}

}  // namespace varve::core
