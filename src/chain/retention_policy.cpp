// SPDX-License-Identifier: MIT
#include "chain/retention_policy.hpp"

#include <algorithm>
#include <optional>

namespace varve {

std::string_view text_of(retention_reason reason) noexcept {
  switch (reason) {
    case retention_reason::within_limits: return "no limit is passed";
    case retention_reason::not_sealed: return "it takes appends, or is not durable yet";
    case retention_reason::records: return "keep_records";
    case retention_reason::reader: return "a reader stands in it";
    case retention_reason::checkpoint: return "not all of it was checkpointed";
    case retention_reason::archive: return "no copy of it is safe yet";
    case retention_reason::behind_kept: return "an older one is kept";
    case retention_reason::bytes: return "max_bytes is passed";
    case retention_reason::segments: return "max_segments is passed";
    case retention_reason::age: return "older than max_age";
    case retention_reason::checkpointed: return "a checkpoint has all of it";
  }
  return "unknown";
}

namespace core {
namespace {

struct rest {
  std::uint64_t bytes = 0, segments = 0;  // this one and those behind it
  std::uint64_t records_behind = 0;
};

bool is_older(const retained_segment& s, std::chrono::seconds age, std::uint64_t now_ns) noexcept {
  constexpr std::chrono::seconds ages{std::chrono::hours{24 * 365 * 200}};  // longer does not fit
  const auto limit = static_cast<std::uint64_t>(std::chrono::nanoseconds{std::min(age, ages)}.count());
  return now_ns > s.newest_ns && now_ns - s.newest_ns > limit;
}

bool is_up_to(const retained_segment& s, std::uint64_t last) noexcept { return s.end <= last + 1; }

/// What is decided by, besides the segments.
struct decision {
  const retention_rules& rules;
  const saved_positions& saved;
  std::uint64_t now_ns;
};

/// What makes it go, if anything does.
std::optional<retention_reason> reason_to_go(const retained_segment& s, const rest& r, const decision& by) noexcept {
  const auto& [rules, saved, now_ns] = by;
  if (rules.max_bytes != 0 && r.bytes > rules.max_bytes) return retention_reason::bytes;
  if (rules.max_segments != 0 && r.segments > rules.max_segments) return retention_reason::segments;
  if (rules.max_age.count() > 0 && is_older(s, rules.max_age, now_ns)) return retention_reason::age;
  if (saved.checkpoint && is_up_to(s, *saved.checkpoint)) return retention_reason::checkpointed;
  return std::nullopt;
}

bool reader_holds(const retained_segment& s, const rest& r, const retention_rules& rules, std::uint64_t now_ns) noexcept {
  if (!rules.keep_for_readers || !s.has_reader) return false;
  if (rules.readers_max_bytes != 0 && r.bytes > rules.readers_max_bytes) return false;
  return rules.readers_max_age.count() <= 0 || !is_older(s, rules.readers_max_age, now_ns);
}

/// What makes it go, or what keeps it.
retention_reason reason_for(const retained_segment& s, const rest& r, const decision& by) noexcept {
  const auto goes_for = reason_to_go(s, r, by);
  if (!goes_for) return retention_reason::within_limits;
  if (!s.sealed) return retention_reason::not_sealed;
  if (r.records_behind < by.rules.keep_records) return retention_reason::records;
  if (reader_holds(s, r, by.rules, by.now_ns)) return retention_reason::reader;
  if (by.saved.checkpoint && !is_up_to(s, *by.saved.checkpoint)) return retention_reason::checkpoint;
  if (by.saved.archived && !is_up_to(s, *by.saved.archived)) return retention_reason::archive;
  return *goes_for;
}

}  // namespace

std::vector<retention_verdict> decide_retention(std::span<const retained_segment> segments, const retention_rules& rules,
                                                const saved_positions& saved, std::uint64_t now_ns) {
  const decision by{.rules = rules, .saved = saved, .now_ns = now_ns};
  rest r{.segments = segments.size()};
  for (const auto& s : segments) r.bytes += s.bytes;
  std::vector<retention_verdict> verdicts;
  verdicts.reserve(segments.size());
  bool one_is_kept = false;
  for (const auto& s : segments) {
    r.records_behind = segments.back().end - s.end;
    const auto reason = one_is_kept ? retention_reason::behind_kept : reason_for(s, r, by);
    const bool goes = reason >= retention_reason::bytes;
    verdicts.push_back(
        {.segment = s.number, .sequences = {{s.base}, {s.end}}, .bytes = s.bytes, .goes = goes, .reason = reason});
    one_is_kept = !goes;
    r.bytes -= s.bytes;
    --r.segments;
  }
  return verdicts;
}

}  // namespace core
}  // namespace varve
