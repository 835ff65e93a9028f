// SPDX-License-Identifier: MIT
//
// accept_loss.cpp - fuzz target: a whole directory of files is opened without what is lost. A refusal changes nothing; what
// is opened is opened again by whoever accepts no loss, and has the same records and what was appended since.
//
// Input: packed_log.hpp. Bit 0 of the flags: the machine was started anew since.
#include <optional>
#include <string>

#include <varve/varve.hpp>

#include "log_contents.hpp"

namespace varve::fuzz {
namespace {

bool promises_no_change(errc code) {
  return code == errc::damaged || code == errc::incomplete || code == errc::not_a_log || code == errc::newer_format;
}

/// What the log then holds; nothing if it is refused.
std::optional<contents> accept() {
  const auto before = files_now();
  auto log = log::open(log_directory, {.recovery = recovery_mode::accept_loss, .prepared_segments = 1});
  if (!log) {
    trace("the loss is not accepted", log.error().message());
    if (promises_no_change(log.error().code())) check_unchanged(before, "a refusal has changed something");
    return std::nullopt;
  }
  auto kept = contents_of(*log);
  trace("it goes on with", std::to_string(kept.published) + '\n' + kept.text);
  if (const auto added = log->append("one more")) {
    check(added->value > kept.published, "a sequence is given out again");
    kept.published = added->value;
    if (kept.errors < errors_max) note(kept, added->value, "one more");
  }
  static_cast<void>(log->close());
  return kept;
}

}  // namespace

void run(std::span<const std::byte> input) {
  set_up(input);
  const auto kept = accept();
  if (!kept) return;
  machine::limit_disk(machine::no_limit);
  const auto log = log::open(log_directory, {.prepared_segments = 1});
  if (!log) trace("the next open", log.error().message());
  check(log.has_value(), "a loss is accepted, and the log does not open");
  const auto again = contents_of(*log);
  trace("the next open keeps", std::to_string(again.published) + '\n' + again.text);
  check(again == *kept, "the next open finds something else");
}

void repair(byte_vector& input, std::uint64_t seed) {
  auto log = unpack(input);
  repair_log(log, seed);
  input = pack(log);
}

}  // namespace varve::fuzz
