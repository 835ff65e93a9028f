// SPDX-License-Identifier: MIT
//
// gate.hpp - one word that every call looks at first: may this process use the log? Layer writer/state.
//
// It stands in memory that a fork wipes to zero, so that a child finds `forked` there without a system call.
//
// Ordering
//   gate:A / gate:B   a failure is latched, then the gate says `failed`: who reads that finds the failure
#pragma once

#include <cstdint>

#include "os/memory.hpp"
#include "os/result.hpp"
#include "os/shared.hpp"

namespace varve::core {

class gate {
 public:
  enum class position : std::uint32_t { forked = 0, open, failed, closing, closed };

  [[nodiscard]] os::result<void> make() noexcept {
    auto page = os::map_wiped_on_fork();
    if (!page) return std::unexpected(page.error());
    page_ = std::move(*page);
    set(position::open);
    return {};
  }
  [[nodiscard]] bool is_made() const noexcept { return page_.is_mapped(); }
  [[nodiscard]] position get() const noexcept {
    return static_cast<position>(shared::load(word(), std::memory_order_acquire, "gate:A"));
  }
  void set(position p) noexcept {
    shared::store(word(), static_cast<std::uint32_t>(p), std::memory_order_release, "gate:B");
  }

 private:
  [[nodiscard]] std::uint32_t& word() const noexcept { return shared::place_at<std::uint32_t>(page_.bytes().data()); }
  os::mapping page_;
};

}  // namespace varve::core
