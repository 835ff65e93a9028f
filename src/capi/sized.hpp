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

/// Fills as much of `to` as the caller knows.
template <class T>
void store_sized(T filled, T* to) noexcept {
  filled.size = to->size;
  std::memcpy(to, &filled, std::min(to->size, sizeof filled));
}

}  // namespace varve::capi
