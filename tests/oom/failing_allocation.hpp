// SPDX-License-Identifier: MIT
//
// failing_allocation.hpp - an operator new that fails when it is told to. Only for the executable that has
// failing_allocation.cpp among its sources.
#pragma once

#include <cstdint>

namespace varve::testing {

enum class whose : std::uint8_t { this_thread, every_thread };

/// While it lives, the `nth` allocation (from 1) throws std::bad_alloc; and all behind it, if it is for ever. One at a time.
class failing_allocation {
 public:
  failing_allocation(whose threads, std::uint64_t nth, bool for_ever) noexcept;
  ~failing_allocation() { end(); }
  failing_allocation(const failing_allocation&) = delete;
  failing_allocation& operator=(const failing_allocation&) = delete;

  /// From here on all succeed. Returns how many failed.
  std::uint64_t end() noexcept;
};

/// How many blocks are allocated now, by all threads.
[[nodiscard]] std::int64_t blocks_in_use() noexcept;

}  // namespace varve::testing
