// SPDX-License-Identifier: MIT
//
// mapped_sector.hpp - sectors in mapped files, which other processes read while we write them. Layer segment.
//
// They are copied word by word, relaxed: a reader may get a mixture of two versions, which fails its checksum and then
// counts as absent.
#pragma once

#include <cstddef>

#include "format/sector.hpp"

namespace varve::core {

/// `place` is aligned to 8 bytes and has room for a sector.
void store_sector(std::byte* place, const format::sector& sector) noexcept;
[[nodiscard]] format::sector load_sector(const std::byte* place) noexcept;

}  // namespace varve::core
