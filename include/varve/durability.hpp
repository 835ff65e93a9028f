// SPDX-License-Identifier: MIT
//
// durability.hpp - when an append counts as done.
//
// Every record survives the death of the process as soon as its append returned: the bytes belong to the kernel. Durability
// is about power loss and a crash of the operating system.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace varve {

/// A policy. Trivially copyable; the default is none().
class durability {
 public:
  enum class kind : std::uint8_t { none, immediate, grouped, periodic };

  constexpr durability() noexcept = default;
  [[nodiscard]] constexpr kind policy() const noexcept { return policy_; }
  /// Of grouped().
  [[nodiscard]] constexpr std::chrono::microseconds window() const noexcept { return window_; }
  /// Of periodic().
  [[nodiscard]] constexpr std::chrono::milliseconds interval() const noexcept { return interval_; }
  [[nodiscard]] constexpr std::uint64_t records() const noexcept { return records_; }
  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return bytes_; }
  bool operator==(const durability&) const = default;

 private:
  friend constexpr durability immediate() noexcept;
  friend constexpr durability grouped(std::chrono::microseconds window) noexcept;
  friend constexpr durability periodic(std::chrono::milliseconds interval, std::uint64_t records,
                                       std::uint64_t bytes) noexcept;
  kind policy_ = kind::none;
  std::chrono::microseconds window_{0};
  std::chrono::milliseconds interval_{0};
  std::uint64_t records_ = 0, bytes_ = 0;
};

/// append() returns once the record is finished; sync() and close() make it durable. Ended segments are made durable in the
/// background under every policy, and what the next open keeps of a log that was not closed is durable too.
[[nodiscard]] constexpr durability none() noexcept { return {}; }

/// append() returns once the record is durable. Threads that append at the same time share one sync.
[[nodiscard]] constexpr durability immediate() noexcept {
  durability d;
  d.policy_ = durability::kind::immediate;
  return d;
}

/// As immediate(), but the first who waits gives others `window` to come along before it syncs for all of them: fewer syncs
/// for more latency. Worth its while where many threads append and the device is slow. 0 is immediate().
///
/// window  up to 10 s; more is taken for that.
[[nodiscard]] constexpr durability grouped(std::chrono::microseconds window) noexcept {
  durability d;
  d.policy_ = durability::kind::grouped;
  d.window_ = std::clamp(window, std::chrono::microseconds{0}, std::chrono::microseconds{std::chrono::seconds{10}});
  return d;
}

/// append() returns once the record is finished; a background thread makes it durable within about `interval`, earlier if
/// `records` or `bytes` (of frames) are not durable yet; 0 is no such limit. What it fails to make durable is in
/// log::failure(), and later appends answer with it.
///
/// interval  1 ms to a day; otherwise it is taken for the nearest of the two.
[[nodiscard]] constexpr durability periodic(std::chrono::milliseconds interval, std::uint64_t records = 0,
                                            std::uint64_t bytes = 0) noexcept {
  durability d;
  d.policy_ = durability::kind::periodic;
  d.interval_ = std::clamp(interval, std::chrono::milliseconds{1}, std::chrono::milliseconds{std::chrono::hours{24}});
  d.records_ = records;
  d.bytes_ = bytes;
  return d;
}

}  // namespace varve
