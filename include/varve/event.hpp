// SPDX-License-Identifier: MIT
//
// event.hpp - a descriptor for event loops.
#pragma once

#include <memory>
#include <utility>

#include <varve/visibility.hpp>

namespace varve {

namespace core {
struct event_access;
}

/// A descriptor that becomes readable, once and for good, when what it was made for has happened, or never will: the log
/// failed or was closed. Made by log::published_event() and log::durable_event().
///
/// Thread-safety  as a const object from any number of threads.
/// Lifetime       may outlive the log. Destroying it closes the descriptor.
/// Moved-from     only assign or destroy.
class VARVE_EXPORT event {
 public:
  event(event&&) noexcept = default;
  event& operator=(event&&) noexcept = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event() = default;

  /// For poll(), epoll and their like (it is an eventfd). It stays the event's.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  friend struct core::event_access;
  event(std::shared_ptr<const void> owner, int descriptor) noexcept : owner_(std::move(owner)), descriptor_(descriptor) {}
  std::shared_ptr<const void> owner_;  // closes it
  int descriptor_;
};

}  // namespace varve
