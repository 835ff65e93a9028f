// SPDX-License-Identifier: MIT
//
// times.hpp - moments as people write and read them: ISO 8601 in UTC, or seconds since 1970. Layer tool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <varve/log_view.hpp>

namespace CLI {
class Validator;  // NOLINT(readability-identifier-naming): CLI11 calls it so
}  // namespace CLI

namespace varve::cli {

/// "2026-11-28T09:00:00.123456789Z", always with all nine digits, of nanoseconds since 1970.
[[nodiscard]] std::string time_text(std::int64_t ns);

/// "2026-11-28", "2026-11-28T09:00Z", "2026-11-28T09:00:00.5Z" (also with a space for the T, or +01:00 for the Z; without
/// either it is UTC), "1764320400", "1764320400.5". Returns nanoseconds since 1970; nullopt for anything else.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text) noexcept;

/// Accepts times as parse_time() reads them; the option gets nanoseconds.
[[nodiscard]] CLI::Validator a_time();

[[nodiscard]] inline record_time time_of(std::int64_t ns) noexcept { return record_time{std::chrono::nanoseconds{ns}}; }

/// Throws a failure of usage if the log's records have no times.
void check_times(const log_view& view, const std::string& directory);

}  // namespace varve::cli
