// SPDX-License-Identifier: MIT
//
// memory.hpp - mapped files, and memory that a fork wipes. Layer os; two sets of definitions as in file.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "os/file.hpp"
#include "os/result.hpp"

namespace varve::os {

void unmap(std::span<std::byte> bytes) noexcept;

/// Owns a range of mapped memory.
class mapping {
 public:
  mapping() noexcept = default;
  explicit mapping(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}
  mapping(mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  mapping& operator=(mapping&& other) noexcept {
    if (this != &other) {
      reset();
      bytes_ = std::exchange(other.bytes_, {});
    }
    return *this;
  }
  ~mapping() { reset(); }

  /// Writing to bytes that were mapped with access::read is a fault.
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool is_mapped() const noexcept { return !bytes_.empty(); }
  void reset() noexcept {
    if (is_mapped()) unmap(std::exchange(bytes_, {}));
  }

 private:
  std::span<std::byte> bytes_;
};

/// Maps [offset, offset + bytes) of `f`, shared; `offset` is one of a page. EINVAL if the file is shorter: a store or load
/// behind its end would be a fault.
[[nodiscard]] result<mapping> map(const file& f, std::uint64_t bytes, access mode, std::uint64_t offset = 0) noexcept;

/// Makes the pages that hold [offset, offset + bytes) durable (msync).
[[nodiscard]] result<void> sync_range(const mapping& m, std::uint64_t offset, std::uint64_t bytes) noexcept;

/// Brings pages in ahead of their use. For reading it is also a probe: EFAULT where a load would be a fault (SIGBUS).
[[nodiscard]] result<void> populate_for_reading(const mapping& m, std::uint64_t offset, std::uint64_t bytes) noexcept;
[[nodiscard]] result<void> populate_for_writing(const mapping& m, std::uint64_t offset, std::uint64_t bytes) noexcept;

/// Zeroed memory of this process alone, taken as it is touched.
[[nodiscard]] result<mapping> map_private(std::uint64_t bytes) noexcept;

/// One page of ordinary zeroed memory that reads as zero again in a forked child.
[[nodiscard]] result<mapping> map_wiped_on_fork() noexcept;

}  // namespace varve::os
