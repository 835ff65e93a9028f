// SPDX-License-Identifier: MIT
//
// record.hpp - a record as a reader sees it: a view of the bytes in the mapped segment, without a copy.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
  friend struct record_access;
  explicit record_key() = default;
};
}  // namespace core

/// By the wall clock, in nanoseconds; 0: not known.
using record_time = std::chrono::sys_time<std::chrono::nanoseconds>;

namespace core {

/// What a record is besides its bytes: two bytes of its frame, as they stand there.
struct record_shape {
  std::uint8_t kind = 0, flags = 0;

  [[nodiscard]] constexpr bool is_chunk() const noexcept { return kind == 2; }
  [[nodiscard]] constexpr bool batch_goes_on() const noexcept { return (flags & 1U) != 0; }
  /// In front of the payload.
  [[nodiscard]] constexpr unsigned extension_words() const noexcept { return flags >> 4U; }
};

/// The time stands in the first extension word. Read when it is asked for: few ask.
[[nodiscard]] inline record_time time_before(std::span<const std::byte> payload, record_shape shape) noexcept {
  std::uint64_t ns = 0;
  if (shape.extension_words() != 0) std::memcpy(&ns, payload.data() - shape.extension_words() * sizeof ns, sizeof ns);
  return record_time{std::chrono::nanoseconds{ns}};
}

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
  [[nodiscard]] record_time time() const noexcept { return core::time_before(payload_, shape_); }
  [[nodiscard]] bool is_chunk() const noexcept { return shape_.is_chunk(); }
  [[nodiscard]] bool batch_goes_on() const noexcept { return shape_.batch_goes_on(); }

 private:
  friend class record;
  friend struct core::record_access;
  pinned_record() = default;

  std::shared_ptr<const core::segment> segment_;
  std::span<const std::byte> payload_;
  varve::sequence sequence_;
  std::uint32_t epoch_ = 0;
  std::uint16_t type_ = 0;
  core::record_shape shape_{};
};

/// A borrowed record: valid until its reader moves or dies. pin() gives one that stands alone.
class VARVE_EXPORT record {
 public:
  /// Readers make them.
  record(core::record_key, const std::shared_ptr<const core::segment>& segment, std::span<const std::byte> payload,
         varve::sequence sequence, std::uint32_t epoch, std::uint16_t type, core::record_shape shape) noexcept
      : segment_(&segment), payload_(payload), sequence_(sequence), epoch_(epoch), type_(type), shape_(shape) {}

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

  /// When it was appended; 0 if the log stores no times.
  [[nodiscard]] record_time time() const noexcept { return core::time_before(payload_, shape_); }

  /// True if it is a chunk of an entry.
  [[nodiscard]] bool is_chunk() const noexcept { return shape_.is_chunk(); }

  /// True if the next record belongs to the same batch, or entry.
  [[nodiscard]] bool batch_goes_on() const noexcept { return shape_.batch_goes_on(); }

  /// Cost  one increment of a reference count.
  [[nodiscard]] pinned_record pin() const noexcept;

 private:
  const std::shared_ptr<const core::segment>* segment_;  // of the reader that lent this record
  std::span<const std::byte> payload_;
  varve::sequence sequence_;
  std::uint32_t epoch_;
  std::uint16_t type_;
  core::record_shape shape_;
};

}  // namespace varve
