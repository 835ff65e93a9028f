// SPDX-License-Identifier: MIT
#include "writer/retire/retention_worker.hpp"

#include <algorithm>
#include <new>

#include "chain/retention_plan.hpp"
#include "os/process.hpp"

namespace varve::core {
namespace {

// How often segments may grow too old while nothing is sealed. Arbitrary: a tenth of the age, in these bounds.
constexpr std::chrono::seconds look_again_min{1}, look_again_max{60};

}  // namespace

result<std::vector<retention_verdict>> retainer::plan(const retention_rules& rules) noexcept {
  try {
    return plan_retention(with_.place, segments(), rules, saved(), os::wall_clock_ns());
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory, .subject = with_.place.path});
  }
}

result<std::vector<retention_verdict>> retainer::retain(const retention_rules& rules) noexcept {
  auto verdicts = plan(rules);
  if (!verdicts) return verdicts;
  const auto kept = std::ranges::find(*verdicts, false, &retention_verdict::goes);
  if (kept == verdicts->begin()) return verdicts;
  if (auto done = with_.trimmer.trim_before(std::prev(kept)->sequences.end.value); !done)
    return std::unexpected(done.error());
  return verdicts;
}

void retainer::run() noexcept {
  if (!has_limits()) return;
  const std::unique_lock lock{with_.life, std::try_to_lock};
  if (lock) static_cast<void>(retain(rules_));
}

os::deadline retainer::next_run() const noexcept {
  if (rules_.max_age.count() <= 0) return os::deadline::max();
  return std::chrono::steady_clock::now() + std::clamp(rules_.max_age / 10, look_again_min, look_again_max);
}

retainer::drop retainer::drop_oldest() noexcept {
  const std::unique_lock lock{with_.life, std::try_to_lock};
  if (!lock) return drop::busy;  // not waited for: close() holds it while it waits for whoever calls this
  const auto end = with_.table.oldest_sealed_end();
  if (!end) return drop::nothing_sealed;
  if (!saved().let_go(*end)) return drop::held;
  return with_.trimmer.trim_before(*end) ? drop::done : drop::failed;
}

std::vector<retained_segment> retainer::segments() {
  with_.frontier.advance();
  return with_.table.list(with_.frontier.published() + 1, os::wall_clock_ns());
}

}  // namespace varve::core
