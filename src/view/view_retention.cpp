// SPDX-License-Identifier: MIT
//
// view_retention.cpp - what retention would drop of a log that a view looks at. Layer view.
#include <algorithm>
#include <unordered_map>

#include "chain/retention_plan.hpp"
#include "os/process.hpp"
#include "view/view_object.hpp"

namespace varve::core {
namespace {

table_entry entry_of(const chain_link& link, bool sealed) {
  return {.facts = link.facts,
          .end_offset = link.end_offset,
          .end_sequence = link.end_sequence,
          .sealed = sealed,
          .newest_ns = sealed ? link.newest_ns : 0};
}

/// Beside a living writer: which segments it has sealed stands in their files alone.
std::vector<table_entry> entries_of_writer(const std::vector<chain_link>& chain, const segment_files& found) {
  std::unordered_map<std::uint64_t, std::uint64_t> sealed;  // the newest time, by number
  for (const auto& f : found.files)
    if (f.seal) sealed.emplace(f.number, f.sealed_time_ns);
  std::vector<table_entry> entries;
  for (const auto& link : chain) {
    const auto seal = sealed.find(link.facts.number);
    entries.push_back(entry_of(link, seal != sealed.end()));
    if (seal != sealed.end()) entries.back().newest_ns = seal->second;
  }
  return entries;
}

/// Without one: as the next open will have them, which seals what it recovers, and drops what ended without a record.
std::vector<table_entry> entries_of_next_open(const survey& s, const log_place& place, std::uint64_t now_ns) {
  auto chain = s.chain;
  const bool is_repaired = s.ending != ending::clean;
  while (is_repaired && !chain.empty() && chain.back().end_sequence == chain.back().facts.base) chain.pop_back();
  std::vector<table_entry> entries;
  for (const auto& link : chain) entries.push_back(entry_of(link, true));
  if (s.goes_on_in_last()) {
    entries.back().sealed = false;
  } else {
    entries.push_back(
        {.facts = {.number = s.highest + 1, .base = s.next, .capacity = place.meta.segment_bytes, .begun_ns = now_ns}});
  }
  return entries;
}

}  // namespace

result<std::vector<retention_verdict>> view_object::plan_retention(const retention_rules& rules) {
  static_cast<void>(published());
  const std::scoped_lock lock{guard_};
  if (trouble_) return std::unexpected(*trouble_);
  const bool is_written = seen_.ending == ending::living;
  // A claim that is not finished holds up the view; the log has gone on after it.
  if (is_written) {
    if (const auto done = extend_chain(); !done) return std::unexpected(done.error());
  }
  const auto found = read_segment_files(place_);
  if (!found) return std::unexpected(found.error());
  // What the view itself has looked at is read by nobody.
  if (!is_written) frontier_.place(walker{}, frontier_.published());
  table_.let_go_of_unheld();
  const std::uint64_t now = os::wall_clock_ns();
  segment_table table{place_, pinning::no};
  table.assign(is_written ? entries_of_writer(seen_.chain, *found) : entries_of_next_open(seen_, place_, now));
  const std::uint64_t next = is_written ? frontier_.published() + 1 : seen_.next;
  return core::plan_retention(place_, table.list(next, now), rules, {}, now);
}

}  // namespace varve::core
