// SPDX-License-Identifier: MIT
//
// process.hpp - clocks, identity of this boot and process, randomness, sleeping. Layer os; two sets of definitions as in
// file.hpp.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "os/result.hpp"

namespace varve::os {

using boot_id = std::array<std::byte, 16>;
using deadline = std::chrono::steady_clock::time_point;

/// The same until the operating system starts anew: pages that a dead process left in the cache are still there.
[[nodiscard]] result<boot_id> this_boot() noexcept;
[[nodiscard]] std::uint32_t process_id() noexcept;
[[nodiscard]] std::uint64_t wall_clock_ns() noexcept;
[[nodiscard]] result<void> fill_random(std::span<std::byte> bytes) noexcept;

/// Sleeps while `word` is `expected`, until woken or `until`; may return early for no reason.
void wait_on(const std::atomic<std::uint32_t>& word, std::uint32_t expected, deadline until) noexcept;
void wake_all(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace varve::os
