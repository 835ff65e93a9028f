// SPDX-License-Identifier: MIT
//
// kept_log.hpp - all that a log shows at one time, small enough to be remembered from life to life.
//
// Functions that check return a complaint; empty if there is none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <varve/varve.hpp>

#include "base/checksum.hpp"

namespace varve::testing {

struct kept_record {
  std::uint64_t sequence = 0, hash = 0;
  std::uint32_t size = 0, epoch = 0;
  std::uint16_t type = 0;
  bool batch_goes_on = false;

  bool operator==(const kept_record&) const = default;
};

struct kept_log {
  std::uint64_t first = 1;
  std::uint64_t end = 1;  // the sequence after the last published one
  std::vector<kept_record> records;

  bool operator==(const kept_log&) const = default;
};

[[nodiscard]] inline std::string text_of(const kept_record& r) {
  return "sequence " + std::to_string(r.sequence) + " type " + std::to_string(r.type) + " size " + std::to_string(r.size) +
         " epoch " + std::to_string(r.epoch) + (r.batch_goes_on ? " goes on" : "") + " hash " + std::to_string(r.hash);
}

/// Everything that a log or a log_view shows.
template <class Log>
[[nodiscard]] std::string read_everything(const Log& log, kept_log& kept) {
  kept = {};
  kept.first = log.first_sequence().value;
  kept.end = log.published_sequence().value + 1;
  if (kept.first > kept.end) return "the log ends before it begins";
  if (kept.first > 1) {
    const auto gone = log.read({kept.first - 1});
    if (gone || gone.error().code() != errc::trimmed) return "not trimmed: " + std::to_string(kept.first - 1);
  }
  std::uint64_t before = kept.first - 1;
  for (const auto& r : log.records()) {
    if (!r) return "reading: " + r.error().message();
    if (r->sequence().value <= before) return "sequences do not grow at " + std::to_string(r->sequence().value);
    before = r->sequence().value;
    kept.records.push_back({.sequence = before,
                            .hash = core::sum_of_structure(r->payload()),
                            .size = static_cast<std::uint32_t>(r->payload().size()),
                            .epoch = r->epoch(),
                            .type = r->type(),
                            .batch_goes_on = r->batch_goes_on()});
  }
  if (before >= kept.end) return "a record beyond the published sequence: " + std::to_string(before);
  return {};
}

/// Of the records, the place of the first one that is not before `sequence`.
[[nodiscard]] inline std::size_t place_from(const kept_log& log, std::uint64_t sequence) noexcept {
  return static_cast<std::size_t>(std::ranges::lower_bound(log.records, sequence, {}, &kept_record::sequence) -
                                  log.records.begin());
}

/// What was kept once is kept until it is trimmed, and nothing comes between: from the first sequence of `now` on, `earlier`
/// is the beginning of `now` (G6).
[[nodiscard]] inline std::string check_goes_on(const kept_log& earlier, const kept_log& now) {
  if (now.end < earlier.end)
    return "G6: the log ended before " + std::to_string(earlier.end) + ", and now before " + std::to_string(now.end);
  if (now.first < earlier.first)
    return "G6: trimmed before " + std::to_string(earlier.first) + ", and now before " + std::to_string(now.first);
  std::size_t at = 0;
  for (std::size_t i = place_from(earlier, now.first); i < earlier.records.size(); ++i, ++at) {
    if (at == now.records.size()) return "G6: gone: " + text_of(earlier.records[i]);
    if (now.records[at] != earlier.records[i])
      return "G6: was " + text_of(earlier.records[i]) + ", and now is " + text_of(now.records[at]);
  }
  if (now.records.size() > at && now.records[at].sequence < earlier.end) return "G6: came back: " + text_of(now.records[at]);
  return {};
}

[[nodiscard]] inline std::string check_same(const kept_log& shown, const kept_log& kept) {
  if (auto complaint = check_goes_on(shown, kept); !complaint.empty()) return complaint;
  if (shown.first != kept.first || shown.end != kept.end || shown.records.size() != kept.records.size())
    return "G8: a view showed " + std::to_string(shown.records.size()) + " records from " + std::to_string(shown.first) +
           " before " + std::to_string(shown.end) + ", recovery kept " + std::to_string(kept.records.size()) + " from " +
           std::to_string(kept.first) + " before " + std::to_string(kept.end);
  return {};
}

}  // namespace varve::testing
