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

/// Takes the writer's lock of a log that is only read, so that nobody writes it; held until its directory is closed.
///
/// Errors  locked: a writer has it.
[[nodiscard]] result<void> take_writers_lock(const log_place& place);

/// The oldest version of the format that the caller can do with.
enum class oldest_format : std::uint8_t { current, version_1 };

/// Opens the directory for reading; takes no lock.
///
/// Errors  older_format; incomplete: varve.meta is missing, beside files that only a log has; otherwise as read_meta().
[[nodiscard]] result<log_place> open_place_for_reading(const std::filesystem::path& directory,
                                                       oldest_format oldest = oldest_format::current);

/// A log's directory, of which varve.meta may be lost.
struct place_to_rebuild {
  log_place place;
  bool is_meta_lost = false;  // then place.meta says nothing
};

/// Opens the directory of a log whose varve.meta or varve.state may be lost, and takes the writer's lock. Writes nothing.
///
/// Errors  not_found, not_a_log, unsupported_file_system, locked, is_archive, older_format, newer_format, io.
[[nodiscard]] result<place_to_rebuild> open_place_to_rebuild(const std::filesystem::path& directory);

}  // namespace varve::core
