// SPDX-License-Identifier: MIT
//
// reader.hpp - go through a log in order.
#pragma once

#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>

#include <varve/error.hpp>
#include <varve/record.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

namespace core {
class cursor;
struct reader_access;
}  // namespace core

/// A place in a log, made by a log or a log_view. It keeps what it needs alive, so it may outlive the handle it came from.
///
/// Thread-safety  one reader, one thread. Any number of readers beside each other and beside appends.
/// Moved-from     only assign or destroy.
class VARVE_EXPORT reader {
 public:
  reader(reader&&) noexcept;
  reader& operator=(reader&&) noexcept;
  ~reader();

  /// Returns the next record and moves behind it. Sequences without a record (abandoned claims) are passed over.
  ///
  /// Returns    nullopt at the end of what is published now; call again later.
  /// Errors     damaged: the sequences from error::first_sequence(), where the reader stays, to error::last_sequence() are
  ///            out of reach; seek({last_sequence() + 1}) goes on after them.
  ///            trimmed, truncated: move it by seek(). io, out_of_memory, forked.
  /// Lifetime   the record until the next call of next() or seek(); wait() leaves it alone.
  /// Cost       no system call within a segment; the checksum of the payload unless verify_on_read is off.
  [[nodiscard]] result<std::optional<record>> next();

  /// Moves to `target`: next() then returns the first record at or behind it. {} means the first there is; the sequence
  /// behind the last published one is allowed and waits for the next record.
  ///
  /// Errors     trimmed, not_yet, past_end, damaged, io, out_of_memory, forked: the reader stays where it was. damaged says
  ///            as next() does which sequences around `target` are out of reach. After damage a valid frame is looked for
  ///            at each 8 bytes of the segment.
  /// Cost       as log::read().
  [[nodiscard]] result<void> seek(sequence target);

  /// Moves to the first record that was appended at `time` or later, or to the next one to come; see log::find_time().
  ///
  /// Errors     bad_option: the log stores no times. Otherwise as seek().
  [[nodiscard]] result<void> seek_time(record_time time);

  /// Waits until next() has something to return: a record, or an error.
  ///
  /// Returns    false if there is nothing by `deadline`.
  /// Errors     Of a log: closed, or sync_failed, if nothing more will come; would_block_itself: this thread holds the open
  ///            claim that it would wait for. forked; otherwise as next().
  /// Cost       while it waits, one wake-up for the appender that publishes the record. A view waits by announcing so in
  ///            varve.live, the one thing that it ever writes. Where it may not, it looks once a millisecond. It sees within
  ///            50 ms that a writer has died, and shows what recovery will leave.
  [[nodiscard]] result<bool> wait(std::chrono::steady_clock::time_point deadline);

  /// What next() would look at.
  [[nodiscard]] sequence position() const noexcept;

 private:
  friend struct core::reader_access;
  explicit reader(std::unique_ptr<core::cursor>) noexcept;
  std::unique_ptr<core::cursor> cursor_;
};

/// A single pass over the records from a place up to what was published when the range was made. Every element is a
/// result<record>: damage is an element of its own, never the end. After an error the range ends.
///
/// Moved-from  only assign or destroy.
class VARVE_EXPORT record_range {
 public:
  class iterator {
   public:
    using value_type = result<record>;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    [[nodiscard]] const result<record>& operator*() const noexcept { return *range_->current_; }
    [[nodiscard]] const result<record>* operator->() const noexcept { return &*range_->current_; }
    iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { range_->advance(); }
    [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept { return !range_->current_; }

   private:
    friend class record_range;
    explicit iterator(record_range* range) noexcept : range_(range) {}
    record_range* range_;
  };

  record_range(record_range&&) noexcept;
  record_range& operator=(record_range&&) noexcept;
  ~record_range();

  /// Lifetime  the iterator must not outlive the range, nor an element its iterator's next step.
  [[nodiscard]] iterator begin() {
    advance();
    return iterator{this};
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend struct core::reader_access;
  record_range() noexcept;
  void advance();

  std::unique_ptr<core::cursor> cursor_;  // none once the range has ended
  bool error_first_ = false;              // the first element is there already: an error
  std::optional<result<record>> current_;
  sequence end_;
};

}  // namespace varve
