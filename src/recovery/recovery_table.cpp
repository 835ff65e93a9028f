// SPDX-License-Identifier: MIT
#include "recovery/recovery_table.hpp"

#include <cassert>
#include <string_view>

#include <varve/log.hpp>

namespace varve::core {
namespace {

template <class... Values>
constexpr std::uint8_t any_of(Values... values) noexcept {
  return static_cast<std::uint8_t>(((1U << static_cast<unsigned>(values)) | ...));
}
constexpr std::uint8_t any = 0xff;

using enum ending;

constexpr row rows[] = {
    // letter, endings, regions, findings, behinds, action, cause
    {'A', any_of(living, death, power_loss), any, any_of(finding::frame), any, action::keep, "a valid frame"},
    {'B', any_of(clean), any_of(region::durable), any_of(finding::frame, finding::unprotected), any, action::keep,
     "a valid frame of a log that was closed"},
    {'C', any_of(living, death), any, any_of(finding::unprotected), any, action::keep,
     "a valid frame; the cache holds its payload as it was written"},
    {'D', any_of(power_loss), any_of(region::durable), any_of(finding::unprotected), any, action::keep,
     "a valid frame that had been synced"},
    {'E', any_of(power_loss), any_of(region::tail), any_of(finding::unprotected), any, action::cut,
     "a power loss, and nothing says whether the payload is whole"},
    {'F', any, any_of(region::durable), any_of(finding::orphan, finding::broken, finding::nothing, finding::gap), any,
     action::refuse, "this had been synced and is not valid"},
    {'G', any, any_of(region::durable), any_of(finding::end), any, action::refuse,
     "a segment that had been synced is missing"},
    {'H', any, any, any_of(finding::successor), any, action::next_segment, "the segment is complete"},
    {'I', any, any_of(region::tail), any_of(finding::end), any, action::stop, "the end of the log"},
    {'J', any_of(clean), any_of(region::tail),
     any_of(finding::frame, finding::unprotected, finding::orphan, finding::broken, finding::nothing, finding::gap), any,
     action::stop, "the end of a log that was closed"},
    {'K', any_of(death), any_of(region::tail), any_of(finding::orphan), any, action::lose,
     "the writer of a batch died between its stamps"},
    {'L', any_of(death), any_of(region::tail), any_of(finding::broken, finding::gap), any, action::as_power_loss,
     "no dead writer leaves a stamp with an invalid frame, or the head of a batch without the rest"},
    {'M', any_of(death), any_of(region::tail), any_of(finding::nothing), any_of(behind::frame), action::step_over,
     "a writer died before its stamp, others went on"},
    {'N', any_of(death), any_of(region::tail), any_of(finding::nothing), any_of(behind::boundary), action::step_over,
     "a writer died before its stamp at the end of a segment, others went on in the next"},
    {'O', any_of(death), any_of(region::tail), any_of(finding::nothing), any_of(behind::broken, behind::misfit),
     action::as_power_loss, "what lies behind cannot have been left by a dead writer"},
    {'P', any_of(living, death, power_loss), any_of(region::tail), any_of(finding::nothing), any_of(behind::nothing),
     action::stop, "the end of the log; claims behind it were not finished"},
    {'Q', any_of(power_loss), any_of(region::tail), any_of(finding::orphan, finding::broken, finding::gap), any, action::cut,
     "a power loss tore this frame, or its batch"},
    {'R', any_of(power_loss), any_of(region::tail), any_of(finding::nothing),
     any_of(behind::frame, behind::broken, behind::boundary, behind::misfit), action::cut,
     "a power loss lost this frame, but not what was behind it"},
    {'S', any_of(living), any_of(region::tail), any_of(finding::nothing),
     any_of(behind::frame, behind::broken, behind::boundary, behind::misfit), action::stop,
     "a claim that is not finished yet"},
    {'T', any_of(living), any_of(region::tail), any_of(finding::orphan, finding::broken, finding::gap), any, action::refuse,
     "damage: a living writer stores the stamp last, and a batch's first stamp after all others"},
};

template <class Value>
bool has(std::uint8_t set, Value value) noexcept {
  return (set >> static_cast<unsigned>(value) & 1U) != 0;
}

}  // namespace

bool row::matches(const circumstances& c) const noexcept {
  return has(endings, c.ending) && has(regions, c.region) && has(findings, c.finding) && has(behinds, c.behind);
}

std::span<const row> recovery_rows() noexcept { return rows; }

const row& decide(const circumstances& c) noexcept {
  for (const row& candidate : rows)
    if (candidate.matches(c)) return candidate;
  assert(false && "a test shows that every combination has a row");
  return rows[5];  // refuse: nothing is changed
}

errc code_of_refusal(char letter) noexcept {
  return letter == 'G' || letter == row_segment_missing || letter == row_incomplete ? errc::incomplete : errc::damaged;
}

}  // namespace varve::core

namespace varve {

finding_kind recovery_report::finding::kind() const noexcept {
  using core::action;
  for (const core::row& r : core::recovery_rows()) {
    if (r.letter != row) continue;
    if (r.action == action::step_over || r.action == action::lose) return finding_kind::stepped_over;
    if (r.action == action::cut || r.action == action::as_power_loss) return finding_kind::cut;
  }
  if (row == core::row_activation_torn || row == core::row_trimmed || row == core::row_was_cut) return finding_kind::cut;
  return finding_kind::damage;
}

std::string_view recovery_report::finding::cause() const noexcept {
  for (const core::row& r : core::recovery_rows())
    if (r.letter == row) return r.cause;
  switch (row) {
    case core::row_foreign_segment: return "a segment of another log, or under another number";
    case core::row_header_damaged: return "the header of this segment is damaged";
    case core::row_activation_torn: return "a power loss tore the activation of this segment";
    case core::row_incomplete: return "records that were there are missing";
    case core::row_state_stale: return "varve.state is older than what the segments and marks speak of";
    case core::row_segment_missing: return "a segment before this one is missing, or damaged";
    case core::row_unplaced: return "nothing says which sequences the records of this segment have";
    case core::row_trimmed: return "these were trimmed";
    case core::row_was_cut: return "a truncation or a recovery cut these";
    default: return "unknown";
  }
}

}  // namespace varve
