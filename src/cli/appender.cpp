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
  if (other.failed && (!failed || other.failed_line < failed_line)) {
    failed = other.failed;
    failed_line = other.failed_line;
  }
}

bool appender::take(const block& b) {
  std::uint64_t number = b.line;
  try {
    if (plan_.by == split::whole) return add(b.text(), plan_.type, number) && send();
    const bool taken = each_line(b.text(), [this, &number](std::string_view line) {
      const std::uint64_t here = number++;
      return plan_.by == split::lines ? take_line(line, here) : take_json(line, here);
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

bool appender::take_line(std::string_view line, std::uint64_t number) { return add(line, plan_.type, number); }

bool appender::take_json(std::string_view line, std::uint64_t number) {
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
    return fail(input_failure("bad_input", plan_.input_name, number, e.what()), number);
  }
  return add(decoded_.back(), type, number);
}

bool appender::add(std::string_view payload, std::uint16_t type, std::uint64_t number) {
  if (pending_.empty()) pending_type_ = type;
  pending_.push_back(payload);
  pending_lines_.push_back(number);
  return pending_.size() < plan_.batch_records || send();
}

bool appender::send() {
  if (pending_.empty()) return true;
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
  const bool sent = appended || fail(failure_to_send(appended.error()), pending_lines_.front());
  pending_.clear();
  pending_lines_.clear();
  decoded_.clear();
  return sent;
}

// The library knows the log, but not where in the input the records stand.
failure appender::failure_to_send(const error& e) const {
  if (e.code() != errc::too_large) return failure_of(e);
  const std::string code(name_of(e.code()));
  const std::uint64_t record_max = log_.record_bytes_max();
  const auto culprit = std::ranges::find_if(pending_, [record_max](std::string_view r) { return r.size() > record_max; });
  failure f;
  if (culprit != pending_.end()) {
    const auto line = pending_lines_[static_cast<std::size_t>(culprit - pending_.begin())];
    f = input_failure(code, plan_.input_name, line,
                      fmt::format("a record of {} bytes, but this log takes up to {}; make a log with larger segments",
                                  culprit->size(), record_max));
    f.limit = record_max;
  } else {
    f = input_failure(code, plan_.input_name, pending_lines_.front(),
                      fmt::format("the batch of {} records from here to line {} does not fit into one segment; "
                                  "append with a smaller --batch",
                                  pending_.size(), pending_lines_.back()));
    f.limit = e.limit();
  }
  return f;
}

bool appender::fail(failure f, std::uint64_t number) {
  counted_.failed = std::move(f);
  counted_.failed_line = number;
  return false;
}

}  // namespace varve::cli
