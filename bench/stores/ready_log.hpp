// SPDX-License-Identifier: MIT
//
// ready_log.hpp - a varve log whose segments are ready, that is, in the state in which the floor finds its file.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>

#include <varve/varve.hpp>

namespace bench {

/// The size of a segment that takes all these records: no roll falls into a lap.
[[nodiscard]] std::uint64_t segment_bytes_for(std::uint64_t records, std::uint64_t payload_bytes) noexcept;

/// Opens a new log, and waits until as many segments as it asks for are prepared, with all of their pages in memory.
[[nodiscard]] std::expected<varve::log, std::string> open_ready(const std::filesystem::path& directory,
                                                                varve::log_options options);

/// Drops what a log that nobody needs any more has written, so that closing it waits for no device: what would be written
/// back otherwise falls into the next lap.
void discard_records(const std::filesystem::path& directory);

}  // namespace bench
