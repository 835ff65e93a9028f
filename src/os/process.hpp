// SPDX-License-Identifier: MIT
//
// process.hpp - the clock, identity of this boot and process, randomness. Layer os; two sets of definitions as in file.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "os/result.hpp"

namespace varve::os {

class file;

using boot_id = std::array<std::byte, 16>;

/// The same until the operating system starts anew: pages that a dead process left in the cache are still there.
[[nodiscard]] result<boot_id> this_boot() noexcept;
[[nodiscard]] std::uint32_t process_id() noexcept;

struct pin_holder {
  std::uint64_t inode;
  std::uint32_t process;  // as this process numbers it; 0: not to be known from here
};
/// Who holds a file of the file system that `directory` lies on by a shared flock (try_pin), as far as the system tells. Not
/// of file systems that number their files otherwise than their locks (overlayfs, subvolumes of btrfs).
[[nodiscard]] result<std::vector<pin_holder>> pin_holders(const file& directory) noexcept;
[[nodiscard]] std::uint64_t wall_clock_ns() noexcept;
[[nodiscard]] result<void> fill_random(std::span<std::byte> bytes) noexcept;

}  // namespace varve::os
