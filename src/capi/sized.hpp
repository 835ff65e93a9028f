// SPDX-License-Identifier: MIT
//
// sized.hpp - structs that begin with their size, between programs and libraries of different age. Layer capi.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>

namespace varve::capi {

/// What the caller gave, everything that he does not know being 0. Nothing if he knows more than this library, and set it:
/// it would be ignored. (The idea is the kernel's copy_struct_from_user.)
template <class T>
[[nodiscard]] std::optional<T> load_sized(const T* given) noexcept {
  T known{};
  if (given != nullptr) {
    if (given->size < sizeof given->size) return std::nullopt;
    const auto* bytes = static_cast<const std::byte*>(static_cast<const void*>(given));
    const std::size_t size = given->size;
    if (size > sizeof known && std::any_of(bytes + sizeof known, bytes + size, [](std::byte b) { return b != std::byte{}; }))
      return std::nullopt;
    std::memcpy(&known, bytes, std::min(size, sizeof known));
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
