// SPDX-License-Identifier: MIT
#include <new>

#include <varve/reader.hpp>

#include "base/error.hpp"
#include "reader/cursor.hpp"

namespace varve {

pinned_record record::pin() const noexcept {
  pinned_record pinned;
  pinned.segment_ = *segment_;
  pinned.payload_ = payload_;
  pinned.sequence_ = sequence_;
  pinned.epoch_ = epoch_;
  pinned.type_ = type_;
  pinned.shape_ = shape_;
  return pinned;
}

reader::reader(std::unique_ptr<core::cursor> cursor) noexcept : cursor_(std::move(cursor)) {}
reader::reader(reader&&) noexcept = default;
reader& reader::operator=(reader&&) noexcept = default;
reader::~reader() = default;

result<std::optional<record>> reader::next() {
  try {
    return cursor_->next();
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

result<void> reader::seek(sequence target) {
  try {
    return cursor_->seek(target.value);
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

result<void> reader::seek_time(record_time time) {
  try {
    return cursor_->seek_time(time);
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

result<bool> reader::wait(std::chrono::steady_clock::time_point deadline) {
  try {
    return cursor_->wait(deadline);
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

sequence reader::position() const noexcept { return {cursor_->position()}; }

record_range::record_range() noexcept = default;
record_range::record_range(record_range&&) noexcept = default;
record_range& record_range::operator=(record_range&&) noexcept = default;
record_range::~record_range() = default;

void record_range::advance() {
  if (!cursor_) {
    if (!error_first_) current_.reset();
    error_first_ = false;
    return;
  }
  try {
    cursor_->next_before(end_.value, current_);
    if (!current_ || !*current_) cursor_.reset();
  } catch (const std::bad_alloc&) {
    current_ = core::fail({.code = errc::out_of_memory});
    cursor_.reset();
  }
}

}  // namespace varve
