// SPDX-License-Identifier: MIT

#include "cli/appender.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "cli/json.hpp"

namespace varve::cli {
namespace {

result<sequence_range> append_one(log& target, std::string_view payload, const append_options& options) {
  const result<sequence> appended = target.append(payload, options);
  if (!appended) return std::unexpected(appended.error());
  return sequence_range{*appended, *appended + 1};
}

}  // namespace

void tally::add(const sequence_range& range, std::uint64_t payload_bytes) {
  records += range.size();
  bytes += payload_bytes;
  if (first == 0 || range.first.value < first) first = range.first.value;
  last = std::max(last, range.end.value - 1);
}

void tally::merge(const tally& other) {
  records += other.records;
  bytes += other.bytes;
  if (first == 0 || (other.first != 0 && other.first < first)) first = other.first;
  last = std::max(last, other.last);
  unsure += other.unsure;
  if (other.failed && (!failed || other.failed_number < failed_number)) {
    failed = other.failed;
    failed_number = other.failed_number;
  }
}

bool appender::take(const block& b) {
  std::uint64_t number = b.first.number;
  try {
    if (plan_.by == split::whole) return add(b.text(), plan_.type, b.first) && send();
    const bool taken = each_record(b.first.unit, b.text(), [this, &b, &number](std::string_view record, std::size_t at) {
      const input_place place{.unit = b.first.unit, .number = number++, .byte = b.first.byte + at};
      return plan_.by == split::jsonl ? take_json(record, place) : add(record, plan_.type, place);
    });
    return taken && send();
  } catch (const failure& f) {
    return fail(f, number);
  } catch (const std::exception& e) {
    // In a thread of its own nothing may escape. What is left is bad_alloc.
    failure f;
    f.code = name_of(errc::out_of_memory);
    f.message = e.what();
    return fail(std::move(f), number);
  }
}

bool appender::take_json(std::string_view line, const input_place& place) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
  std::uint16_t type = plan_.type;
  try {
    record_line record = parse_record_line(line);
    type = record.type.value_or(type);
    // A batch has one type. What was gathered goes first: it owns the strings that are dropped afterwards.
    if (!pending_.empty() && type != pending_type_ && !send()) return false;
    decoded_.push_back(std::move(record.payload));
  } catch (const std::invalid_argument& e) {
    // The records before this line were good.
    if (!send()) return false;
    return fail(input_failure("bad_input", plan_.input_name, place, e.what()), place.number);
  }
  return add(decoded_.back(), type, place);
}

bool appender::add(std::string_view payload, std::uint16_t type, const input_place& place) {
  if (pending_.empty()) pending_type_ = type;
  pending_.push_back(payload);
  pending_places_.push_back(place);
  return pending_.size() < plan_.batch_records || send();
}

bool appender::send() {
  if (pending_.empty()) return true;
  const bool sent = may_send() && send_pending();
  pending_.clear();
  pending_places_.clear();
  decoded_.clear();
  return sent;
}

// The library would take more than what a line that never ends may fill of the memory.
bool appender::may_send() {
  const std::uint64_t most = plan_.record_bytes_max;
  const auto culprit = std::ranges::find_if(pending_, [most](std::string_view r) { return r.size() > most; });
  if (culprit == pending_.end()) return true;
  const input_place& place = pending_places_[static_cast<std::size_t>(culprit - pending_.begin())];
  failure f = input_failure(std::string(name_of(errc::too_large)), plan_.input_name, place,
                            fmt::format("a record of {} bytes, more than --max-record {}", culprit->size(), most));
  f.limit = most;
  return fail(std::move(f), pending_places_.front().number);
}

bool appender::send_pending() {
  const append_options options{.type = pending_type_, .durability = {}};
  const result<sequence_range> appended =
      pending_.size() == 1 ? append_one(log_, pending_.front(), options) : log_.append_batch(pending_, options);
  std::uint64_t bytes = 0;
  for (const std::string_view payload : pending_) bytes += payload.size();
  if (appended) {
    counted_.add(*appended, bytes);
  } else if (appended.error().code() == errc::sync_failed) {
    counted_.unsure += pending_.size();
  }
  return appended || fail(failure_to_send(appended.error()), pending_places_.front().number);
}

// The library knows the log, but not where in the input the records stand.
failure appender::failure_to_send(const error& e) const {
  if (e.code() != errc::too_large) return failure_of(e);
  const input_place& last = pending_places_.back();
  failure f = input_failure(std::string(name_of(e.code())), plan_.input_name, pending_places_.front(),
                            fmt::format("the batch of {} records from here to {} {} does not fit into one segment; "
                                        "append with a smaller --batch",
                                        pending_.size(), last.unit == framing::lines ? "line" : "record", last.number));
  f.limit = e.limit();
  return f;
}

bool appender::fail(failure f, std::uint64_t number) {
  counted_.failed = std::move(f);
  counted_.failed_number = number;
  return false;
}

}  // namespace varve::cli
