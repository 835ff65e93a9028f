// SPDX-License-Identifier: MIT
#include "recovery/stable_survey.hpp"

#include <algorithm>
#include <cerrno>

namespace varve::core {
namespace {

// How often writers may come and go during one look before it is given up. Arbitrary.
constexpr int looks_max = 100;

bool is_damage(const recovery_report::finding& f) noexcept { return f.kind() == finding_kind::damage; }

/// Does the chain lead from the first record to the last durable one? Beside a living writer that is no finding: it removes
/// what it trims from the oldest on, and whoever reads the files one after the other may miss some in the middle.
bool is_chain_whole(const survey& s) noexcept {
  if (s.durable < s.first) return true;
  return !s.chain.empty() && s.chain.front().facts.base <= s.first && s.chain.back().end_sequence > s.durable;
}

}  // namespace

result<undisturbed> survey_undisturbed(const log_place& place, const survey_options& options) {
  for (int looks = 0; looks < looks_max; ++looks) {
    auto live = live_file::open_for_reading(place);
    if (!live) return std::unexpected(live.error());
    const std::uint64_t turn = live->turn();  // before the state is read
    auto state = state_file::open(place, os::access::read);
    if (!state) return std::unexpected(state.error());
    auto s = survey_log(place, *state, *live, options);
    // A writer has removed what it cut, or trimmed; or it is about to use that file anew.
    if (!s && (s.error().os_errno() == ENOENT || s.error().os_errno() == EBUSY)) continue;
    if (!s) return std::unexpected(s.error());
    // What a writer has trimmed meanwhile is missing, which is no damage.
    const bool is_whole = !std::ranges::any_of(s->report.findings, is_damage) && is_chain_whole(*s);
    if (live->turn() != turn && !is_whole) continue;
    const auto followed = has_writer_of(*live, *state);
    if (!followed) return place.fail_call(followed.error());
    // Beside a living writer only a truncation takes back what was read of it.
    const bool is_same = *followed ? state->is_of_same_epoch() : state->is_unchanged();
    if (*followed == (s->ending == ending::living) && is_same)
      return undisturbed{std::move(*state), std::move(*live), std::move(*s), turn};
  }
  return fail({.code = errc::timed_out, .subject = place.path});
}

}  // namespace varve::core
