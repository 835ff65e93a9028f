// SPDX-License-Identifier: MIT
//
// filled_log.hpp - a closed log of records of one size, for benchmarks that read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <varve/varve.hpp>

namespace bench {

/// A log in `directory` whose records 1 to `records` are payloads of `payload_bytes`, the first word their own sequence.
///
/// Returns  what went wrong, or nothing.
[[nodiscard]] std::string fill_log(const std::filesystem::path& directory, const varve::log_options& options,
                                   std::uint64_t records, std::size_t payload_bytes);

/// Drops what the files of a closed store have in the page cache, once the device has it. Mapped pages stay.
[[nodiscard]] std::string evict(const std::filesystem::path& directory);

}  // namespace bench
