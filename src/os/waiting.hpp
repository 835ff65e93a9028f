// SPDX-License-Identifier: MIT
//
// waiting.hpp - sleep until a word changes, in this process or in another, and be woken. Layer os. One set of definitions,
// the real one, since threads of tests really sleep.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "os/file.hpp"
#include "os/result.hpp"

namespace varve::os {

using deadline = std::chrono::steady_clock::time_point;

/// Sleeps while `word` is `expected`, until woken or `until`; may return early for no reason.
void wait_on(const std::atomic<std::uint32_t>& word, std::uint32_t expected, deadline until) noexcept;
void wake_all(const std::atomic<std::uint32_t>& word) noexcept;

/// The same with a word in a mapped file, for whatever process has it mapped.
void wait_on_shared(const std::uint32_t& word, std::uint32_t expected, deadline until) noexcept;
void wake_all_shared(const std::uint32_t& word) noexcept;

/// From now on fence_registered() of any process reaches the threads of this one. False if the kernel does not have it, or
/// may not be asked.
[[nodiscard]] bool register_for_fences() noexcept;
/// When it returns true, every thread of every registered process has been through a full fence since the call. So the many
/// that would have to fence need not, and the few that wait do it for them (membarrier, GLOBAL_EXPEDITED).
[[nodiscard]] bool fence_registered() noexcept;

void nap(std::chrono::microseconds time) noexcept;

/// A descriptor that poll() and its like find readable once it has been raised.
[[nodiscard]] result<file> make_event() noexcept;
void raise_event(const file& event) noexcept;

}  // namespace varve::os
