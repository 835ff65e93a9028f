// SPDX-License-Identifier: MIT
#include "chain/retention_plan.hpp"

#include "format/file_name.hpp"

namespace varve::core {
namespace {

/// Does a process other than this one, or a view in this one, read the segment?
bool is_pinned(const log_place& place, std::uint64_t number) noexcept {
  const auto name = format::name_of(format::file_kind::segment, number);
  const auto file = os::open_file(place.directory, name.c_str(), os::access::read);
  if (!file) return false;
  const auto taken = os::try_take(*file);
  return taken && !*taken;
}

}  // namespace

std::vector<retention_verdict> plan_retention(const log_place& place, std::vector<retained_segment> segments,
                                              const retention_rules& rules, const saved_positions& saved,
                                              std::uint64_t now_ns) {
  auto verdicts = decide_retention(segments, rules, saved, now_ns);
  if (!rules.keep_for_readers) return verdicts;
  for (std::size_t i = 0; i < segments.size() && verdicts[i].goes; ++i)
    segments[i].has_reader = segments[i].has_reader || is_pinned(place, segments[i].number);
  return decide_retention(segments, rules, saved, now_ns);
}

}  // namespace varve::core
