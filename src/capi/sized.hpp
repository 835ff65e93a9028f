// SPDX-License-Identifier: MIT
//
// sized.hpp - structs that begin with their size, between programs and libraries of different age. Layer capi.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>

namespace varve::capi {

/// Are the bytes [begin, end) of a struct 0?
[[nodiscard]] inline bool is_zero(const void* of, std::size_t begin, std::size_t end) noexcept {
  const auto* bytes = static_cast<const std::byte*>(of);
  return std::all_of(bytes + begin, bytes + end, [](std::byte b) { return b == std::byte{}; });
}

/// What the caller gave, everything that he does not know being 0. Nothing if he knows more than this library, and set it:
/// it would be ignored. (The idea is the kernel's copy_struct_from_user.)
template <class T>
[[nodiscard]] std::optional<T> load_sized(const T* given) noexcept {
  T known{};
  if (given != nullptr) {
    const std::size_t size = given->size;
    if (size < sizeof size) return std::nullopt;
    if (size > sizeof known && !is_zero(given, sizeof known, size)) return std::nullopt;
    std::memcpy(&known, given, std::min(size, sizeof known));
  }
  known.size = sizeof known;
  return known;
}

/// Fills as much of `to` as the caller knows; what only he knows becomes 0.
///
/// Returns  false if `to` does not say its size; then it is left alone.
template <class T>
[[nodiscard]] bool store_sized(T filled, T* to) noexcept {
  filled.size = to->size;
  if (filled.size < sizeof filled.size) return false;
  std::memset(to, 0, filled.size);
  std::memcpy(to, &filled, std::min(filled.size, sizeof filled));
  return true;
}

}  // namespace varve::capi
