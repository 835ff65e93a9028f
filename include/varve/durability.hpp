// SPDX-License-Identifier: MIT
//
// durability.hpp - when an append counts as done.
//
// Every record survives the death of the process as soon as its append returned: the bytes belong to the kernel. Durability
// is about power loss and a crash of the operating system.
#pragma once

#include <cstdint>

namespace varve {

/// A policy. Trivially copyable; the default is none().
class durability {
 public:
  enum class kind : std::uint8_t { none, immediate };

  constexpr durability() noexcept = default;
  [[nodiscard]] constexpr kind policy() const noexcept { return policy_; }
  bool operator==(const durability&) const = default;

 private:
  friend constexpr durability none() noexcept;
  friend constexpr durability immediate() noexcept;
  kind policy_ = kind::none;
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

}  // namespace varve
