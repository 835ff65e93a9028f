// SPDX-License-Identifier: MIT
//
// appender.hpp - takes blocks of input apart into records and appends them, keeping exact count. Layer tool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <varve/log.hpp>

#include "cli/failure.hpp"
#include "cli/input.hpp"

namespace varve::cli {

enum class split : std::uint8_t { lines, whole, jsonl, length_prefixed };

[[nodiscard]] constexpr framing framing_of(split by) noexcept {
  return by == split::length_prefixed ? framing::length_prefixed : framing::lines;
}

struct append_plan {
  split by = split::lines;
  std::size_t batch_records = 1;
  std::uint16_t type = 0;
  std::uint64_t record_bytes_max = 0;  // a longer one is refused
  std::string input_name;
};

/// What was appended, and what ended it.
struct tally {
  std::uint64_t records = 0, bytes = 0;
  std::uint64_t first = 0, last = 0;  // the lowest and the highest sequence; 0 if none
  std::uint64_t unsure = 0;           // records whose append failed with sync_failed: perhaps published, not durable
  std::optional<failure> failed;
  std::uint64_t failed_number = 0;  // of the line or record of the input

  void add(const sequence_range& range, std::uint64_t payload_bytes);
  /// Sums up; of two failures the one earlier in the input stays.
  void merge(const tally& other);
};

/// Thread-safety  one thread each; several may append to one log.
class appender {
 public:
  appender(log& target, const append_plan& plan) : log_(target), plan_(plan) {}

  /// Appends the block's records. A batch ends with its block, so it may have fewer records than asked for.
  ///
  /// Returns  false after a failure, which counted() then holds; nothing behind it was appended.
  bool take(const block& b);

  [[nodiscard]] const tally& counted() const noexcept { return counted_; }

 private:
  [[nodiscard]] bool take_json(std::string_view line, const input_place& place);
  [[nodiscard]] bool add(std::string_view payload, std::uint16_t type, const input_place& place);
  [[nodiscard]] bool send();
  [[nodiscard]] bool may_send();
  [[nodiscard]] bool send_pending();
  [[nodiscard]] failure failure_to_send(const error& e) const;
  bool fail(failure f, std::uint64_t number);

  log& log_;
  const append_plan& plan_;
  tally counted_;
  // The batch that is being gathered: one type, views into the block or into decoded_ (whose elements never move).
  std::vector<std::string_view> pending_;
  std::vector<input_place> pending_places_;  // where each stands in the input
  std::deque<std::string> decoded_;
  std::uint16_t pending_type_ = 0;
};

}  // namespace varve::cli
