// SPDX-License-Identifier: MIT
//
// process.hpp - the clock, identity of this boot and process, randomness. Layer os; two sets of definitions as in file.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "os/result.hpp"

namespace varve::os {

using boot_id = std::array<std::byte, 16>;

/// The same until the operating system starts anew: pages that a dead process left in the cache are still there.
[[nodiscard]] result<boot_id> this_boot() noexcept;
[[nodiscard]] std::uint32_t process_id() noexcept;
[[nodiscard]] std::uint64_t wall_clock_ns() noexcept;
[[nodiscard]] result<void> fill_random(std::span<std::byte> bytes) noexcept;

}  // namespace varve::os
