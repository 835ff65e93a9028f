// SPDX-License-Identifier: MIT
//
// log_directory.hpp - find a log in a directory, or make one there. Layer log.
#pragma once

#include <filesystem>

#include <varve/options.hpp>

#include "base/error.hpp"
#include "log/log_place.hpp"

namespace varve::core {

/// Checks what can be checked without a log.
[[nodiscard]] result<void> check_options(const log_options& options) noexcept;

/// Opens the directory for writing, takes the writer's lock, and makes a log there if nothing is there and the options say
/// so. The lock is held until the directory is closed.
[[nodiscard]] result<log_place> open_place_for_writing(const std::filesystem::path& directory, const log_options& options);

/// Opens the directory for reading; takes no lock.
[[nodiscard]] result<log_place> open_place_for_reading(const std::filesystem::path& directory);

/// Writes varve.meta as place.meta is, durably: until then there is no log in the directory.
[[nodiscard]] result<void> write_meta(const log_place& place, std::uint32_t permissions);

}  // namespace varve::core
