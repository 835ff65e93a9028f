// SPDX-License-Identifier: MIT
//
// log_directory.hpp - find a log in a directory, or make one there. Layer store.
#pragma once

#include <filesystem>

#include <varve/options.hpp>

#include "base/error.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// Opens the directory for writing, takes the writer's lock, and makes a log there if nothing is there and the options say
/// so. The lock is held until the directory is closed.
[[nodiscard]] result<log_place> open_place_for_writing(const std::filesystem::path& directory, const log_options& options);

/// Opens the directory for reading; takes no lock.
[[nodiscard]] result<log_place> open_place_for_reading(const std::filesystem::path& directory);

/// Writes varve.meta as place.meta is, durably: until then there is no log in the directory.
[[nodiscard]] result<void> write_meta(const log_place& place, std::uint32_t permissions);

}  // namespace varve::core
