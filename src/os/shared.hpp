// SPDX-License-Identifier: MIT
//
// shared.hpp - the one way to words that threads or processes share. Layer os.
//
// Every access names its order and its label (function:letter); the file that owns a protocol lists the labels and their
// partners. In the copy of the library that tests link, each labelled access is also a named point.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "os/point.hpp"

namespace varve::shared {

/// A word in ordinary memory, shared by the threads of this process.
template <class T>
class word {
  static_assert(std::atomic<T>::is_always_lock_free);

 public:
  constexpr word() noexcept = default;
  constexpr explicit word(T initial) noexcept : value_(initial) {}

  [[nodiscard]] T load(std::memory_order order, const char* label) const noexcept {
    at(label);
    return value_.load(order);
  }
  void store(T value, std::memory_order order, const char* label) noexcept {
    at(label);
    value_.store(value, order);
  }
  T exchange(T value, std::memory_order order, const char* label) noexcept {
    at(label);
    return value_.exchange(value, order);
  }
  T fetch_add(T value, std::memory_order order, const char* label) noexcept {
    at(label);
    return value_.fetch_add(value, order);
  }
  bool compare_exchange(T& expected, T desired, std::memory_order order, const char* label) noexcept {
    at(label);
    return value_.compare_exchange_strong(expected, desired, order, std::memory_order_acquire);
  }
  /// Raises the word to `value` if it is lower.
  void raise(T value, std::memory_order order, const char* label) noexcept {
    at(label);
    T seen = value_.load(std::memory_order_relaxed);  // relaxed: the compare-exchange decides
    while (seen < value && !value_.compare_exchange_weak(seen, value, order, std::memory_order_relaxed)) {
    }
  }
  /// For sleeping on it only.
  [[nodiscard]] const std::atomic<T>& futex() const noexcept { return value_; }

 private:
  static void at([[maybe_unused]] const char* label) noexcept { VARVE_POINT(label); }
  std::atomic<T> value_{};
};

// ---- Words in mapped memory, shared with other processes. The place must be aligned to its size, and is accessed either
// always or never through these while it is shared.

static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);

/// The `T` that stands in mapped bytes. There is no std::start_lifetime_as before C++23's library has it, so this is the one
/// place that pretends.
template <class T>
[[nodiscard]] T& place_at(std::byte* at) noexcept {
  return *reinterpret_cast<T*>(at);
}
template <class T>
[[nodiscard]] const T& place_at(const std::byte* at) noexcept {
  return *reinterpret_cast<const T*>(at);
}

template <class T>
[[nodiscard]] T load(const T& place, std::memory_order order, [[maybe_unused]] const char* label) noexcept {
  VARVE_POINT(label);
  // atomic_ref<const T> is not to be had before C++26, so this is the one place that casts const away; a load does not
  // write, and works on pages that are mapped for reading only.
  return std::atomic_ref<T>{const_cast<T&>(place)}.load(order);
}

template <class T>
void store(T& place, T value, std::memory_order order, [[maybe_unused]] const char* label) noexcept {
  VARVE_POINT(label);
  std::atomic_ref<T>{place}.store(value, order);
}

template <class T>
T exchange(T& place, T value, std::memory_order order, [[maybe_unused]] const char* label) noexcept {
  VARVE_POINT(label);
  return std::atomic_ref<T>{place}.exchange(value, order);
}

template <class T>
T fetch_add(T& place, T value, std::memory_order order, [[maybe_unused]] const char* label) noexcept {
  VARVE_POINT(label);
  return std::atomic_ref<T>{place}.fetch_add(value, order);
}

template <class T>
bool compare_exchange(T& place, T expected, T desired, std::memory_order order,
                      [[maybe_unused]] const char* label) noexcept {
  VARVE_POINT(label);
  return std::atomic_ref<T>{place}.compare_exchange_strong(expected, desired, order, std::memory_order_relaxed);
}

/// The compiler moves no access over this line. What the processor does is up to somebody else's fence_registered().
inline void keep_program_order() noexcept { asm volatile("" ::: "memory"); }

}  // namespace varve::shared
