// SPDX-License-Identifier: MIT
//
// record.hpp - a record as a reader sees it: a view of the bytes in the mapped segment, without a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

namespace core {
class segment;
struct record_access;
/// Who may make a record.
class record_key {
  friend class cursor;
  explicit record_key() = default;
};
}  // namespace core

/// A record that stands alone: it keeps its segment mapped, and may outlive its reader and its log.
///
/// Thread-safety  as a const object from any number of threads.
/// Moved-from     only assign or destroy: its views are no longer kept alive.
class VARVE_EXPORT pinned_record {
 public:
  pinned_record(pinned_record&&) noexcept = default;
  pinned_record& operator=(pinned_record&&) noexcept = default;
  pinned_record(const pinned_record&) = delete;
  pinned_record& operator=(const pinned_record&) = delete;
  ~pinned_record() = default;

  [[nodiscard]] varve::sequence sequence() const noexcept { return sequence_; }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::uint16_t type() const noexcept { return type_; }
  [[nodiscard]] std::span<const std::byte> payload() const noexcept { return payload_; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(payload_.data()), payload_.size()};
  }

 private:
  friend class record;
  friend struct core::record_access;
  pinned_record() = default;

  std::shared_ptr<const core::segment> segment_;
  std::span<const std::byte> payload_;
  varve::sequence sequence_;
  std::uint32_t epoch_ = 0;
  std::uint16_t type_ = 0;
};

/// A borrowed record: valid until its reader moves or dies. pin() gives one that stands alone.
class VARVE_EXPORT record {
 public:
  /// Readers make them.
  record(core::record_key, const std::shared_ptr<const core::segment>& segment, std::span<const std::byte> payload,
         varve::sequence sequence, std::uint32_t epoch, std::uint16_t type, bool batch_goes_on) noexcept
      : segment_(&segment),
        payload_(payload),
        sequence_(sequence),
        epoch_(epoch),
        type_(type),
        batch_goes_on_(batch_goes_on) {}

  [[nodiscard]] varve::sequence sequence() const noexcept { return sequence_; }

  /// The opening of the log in which the record's segment was begun. After a power loss the sequences of records that were
  /// not durable are given out again: a cursor that outlives the process keeps (epoch, sequence).
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }

  /// The tag given to append.
  [[nodiscard]] std::uint16_t type() const noexcept { return type_; }
  [[nodiscard]] std::span<const std::byte> payload() const noexcept { return payload_; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(payload_.data()), payload_.size()};
  }

  /// True if the next record belongs to the same batch.
  [[nodiscard]] bool batch_goes_on() const noexcept { return batch_goes_on_; }

  /// Cost  one increment of a reference count.
  [[nodiscard]] pinned_record pin() const noexcept;

 private:
  const std::shared_ptr<const core::segment>* segment_;  // of the reader that lent this record
  std::span<const std::byte> payload_;
  varve::sequence sequence_;
  std::uint32_t epoch_;
  std::uint16_t type_;
  bool batch_goes_on_;
};

}  // namespace varve
