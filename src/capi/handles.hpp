// SPDX-License-Identifier: MIT
//
// handles.hpp - what stands behind the handles of varve.h. Layer capi.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <varve/varve.h>
#include <varve/varve.hpp>

struct varve_log {
  varve::log log;
};
struct varve_view {
  varve::log_view view;
};
struct varve_reader {
  varve::reader reader;
  std::optional<varve::record> last;
};
struct varve_claim {
  varve::claim claim;
};
struct varve_entry {
  varve::entry entry;
};
struct varve_pin {
  varve::pinned_record record;
};
struct varve_event {
  varve::event event;
};

namespace varve::capi {

/// Below 0: never.
[[nodiscard]] inline std::chrono::steady_clock::time_point deadline_of(std::int64_t timeout_ns) noexcept {
  using clock = std::chrono::steady_clock;
  if (timeout_ns < 0) return clock::time_point::max();
  const auto now = clock::now();
  const std::chrono::nanoseconds timeout{timeout_ns};
  return timeout > clock::time_point::max() - now ? clock::time_point::max() : now + timeout;
}

[[nodiscard]] inline record_time time_of(std::int64_t ns) noexcept { return record_time{std::chrono::nanoseconds{ns}}; }
[[nodiscard]] inline std::int64_t ns_of(record_time time) noexcept { return time.time_since_epoch().count(); }

[[nodiscard]] inline varve_record shown(const pinned_record& r) noexcept {
  return {r.payload().data(), r.payload().size(), r.sequence().value, r.epoch(),
          r.type(),           r.batch_goes_on(),  r.is_chunk(),       ns_of(r.time())};
}
[[nodiscard]] inline varve_record shown(const record& r) noexcept {
  return {r.payload().data(), r.payload().size(), r.sequence().value, r.epoch(),
          r.type(),           r.batch_goes_on(),  r.is_chunk(),       ns_of(r.time())};
}

// Of a log or of a view: their read(), reader(), stats() and plan_retention() are called alike.
[[nodiscard]] int give(result<pinned_record> read, varve_record* record, varve_pin** pin);
[[nodiscard]] int give_copy(const result<pinned_record>& read, void* buffer, std::size_t capacity,
                            varve_record* record) noexcept;
[[nodiscard]] int give(result<reader> made, varve_reader** reader);
[[nodiscard]] int give(const statistics& s, varve_statistics* to) noexcept;
[[nodiscard]] int give(const recovery_report& r, varve_report* report, varve_on_finding on_finding, void* user) noexcept;
[[nodiscard]] int give(const result<std::vector<retention_verdict>>& verdicts, varve_on_verdict on_verdict, void* user);
[[nodiscard]] varve_finding shown(const recovery_report::finding& f) noexcept;

}  // namespace varve::capi
