// SPDX-License-Identifier: MIT
//
// shared_memory.hpp - an object that a process shares with the children it forks, and that outlives their deaths.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <system_error>
#include <type_traits>

namespace varve::testing {

/// A T of zeros, in pages that exist only once they are touched. T holds atomics and plain data.
template <class T>
class shared_memory {
  static_assert(std::is_trivially_destructible_v<T> && std::is_standard_layout_v<T>);

 public:
  shared_memory() {
    void* const place =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) throw std::system_error{errno, std::generic_category(), "mmap"};
    // Not constructed: that would touch every page. An atomic whose bytes are zero holds zero.
    object_ = static_cast<T*>(place);
  }
  shared_memory(const shared_memory&) = delete;
  shared_memory& operator=(const shared_memory&) = delete;
  ~shared_memory() { ::munmap(object_, sizeof(T)); }

  [[nodiscard]] T& operator*() const noexcept { return *object_; }
  [[nodiscard]] T* operator->() const noexcept { return object_; }

 private:
  T* object_;
};

}  // namespace varve::testing
