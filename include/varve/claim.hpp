// SPDX-License-Identifier: MIT
//
// claim.hpp - write a record where it will stand, without a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <varve/durability.hpp>
#include <varve/error.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

namespace core {

class log_object;
class segment;

/// What a claim is made of. The open claims of a thread are linked, so that it can be told when it would wait for itself.
struct open_claim {
  log_object* log = nullptr;  // none: finished
  core::segment* segment = nullptr;
  std::uint64_t offset = 0, extent = 0, sequence = 0;  // of the frame
  std::uint64_t bytes = 0;                             // of the payload
  std::uint64_t position = 0;                          // bytes of the log up to the frame's end
  varve::durability durability{};
  std::uint16_t type = 0;
  std::uint64_t time_ns = 0;  // of the record; 0: the log keeps no times
  open_claim* next = nullptr;
  open_claim** link = nullptr;  // what points to this one
};

/// Who may make a claim.
class claim_key {
  friend class log_object;
  explicit claim_key() = default;
};

}  // namespace core

/// Space in the log for one record, made by log::claim(). Fill bytes(), then publish(), or abandon() it: then its sequence
/// answers `abandoned`, for ever.
///
/// While a claim is open nothing behind it is published: readers end before it, and no sync that covers it completes. Do not
/// hold it while you wait for something.
///
/// Thread-safety  belongs to the thread that made it, and must be finished by it.
/// Lifetime       log::close() waits for the claims of other threads. A claim of the thread that destroys the log is
///                abandoned by that. As with every call into a log, the log must not be destroyed before publish(),
///                abandon() or the claim's destructor, in another thread, has returned.
/// Moved-from     only assign or destroy.
class VARVE_EXPORT claim {
 public:
  /// log::claim() makes them.
  explicit claim(core::claim_key) noexcept {}
  claim(claim&& other) noexcept;
  claim& operator=(claim&& other) noexcept;
  claim(const claim&) = delete;
  claim& operator=(const claim&) = delete;
  /// abandon().
  ~claim();

  /// The payload's place in the mapped segment. What stands there first is of no meaning. Not to be touched once the claim
  /// is finished.
  [[nodiscard]] std::span<std::byte> bytes() noexcept;

  /// The record's number, if it is published. After a crash before that, another record may get it.
  [[nodiscard]] varve::sequence sequence() const noexcept { return {open_.sequence}; }

  /// Makes bytes() a record, as append() would.
  ///
  /// Returns  its sequence; by then it is finished, and durable if the policy says so.
  /// Errors   would_block_itself: the policy waits for the device, and this thread holds an older claim: nothing was
  ///          changed, finish that one first. forked: nothing was changed. closed: it was finished before.
  ///          sync_failed: the record may be published, but it is not durable. (Under none() it is published, and that is
  ///          success, also after a failure.)
  /// Cost     one checksum, one store.
  [[nodiscard]] result<varve::sequence> publish() noexcept;
  /// The same with only the first `bytes` of them. too_large if that is more than was claimed: nothing was changed. The
  /// frame keeps its space.
  [[nodiscard]] result<varve::sequence> publish(std::size_t bytes) noexcept;

  /// Gives the claim up. Does nothing if it is finished.
  void abandon() noexcept;
  /// The same, and says that a record of this sequence was lost: readers answer `damaged` for it, for ever. For a program
  /// that copies a log in which it is missing.
  void lose() noexcept;

 private:
  friend class core::log_object;
  core::open_claim open_;
};

}  // namespace varve
