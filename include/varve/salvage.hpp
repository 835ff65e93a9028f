// SPDX-License-Identifier: MIT
//
// salvage.hpp - get what can still be read out of a damaged log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include <varve/error.hpp>
#include <varve/record.hpp>
#include <varve/recovery.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

struct salvage_report {
  sequence_range sequences{};  ///< Of the log: what is in it, or is missing.
  std::uint64_t records = 0;   ///< That were handed out.
  std::uint64_t missing = 0;   ///< Sequences in gaps.
  std::vector<recovery_report::finding> gaps;
};

struct salvage_handler {
  /// Each record that can be read, in the order of the log. False ends it: salvage() answers `cancelled`. May be empty, may
  /// not throw.
  std::function<bool(const record&)> record{};
  /// Each gap, before the records behind it: where it is, and which sequences are missing. Likewise.
  std::function<bool(const recovery_report::finding&)> gap{};
};

/// Reads all of a log that can be read, strictly read-only, also where open() refuses: behind damaged frames, pages that the
/// device does not give back, damaged headers, and segments that are missing. What a reader promises does not hold here:
/// behind a gap stand records without those before them, and of a batch there may be a part. What opening the log would cut
/// or step over is no part of it, and no gap.
///
/// Returns  what there was; without gaps the log is whole.
/// Errors   as verify(); cancelled.
VARVE_EXPORT [[nodiscard]] result<salvage_report> salvage(const std::filesystem::path& directory,
                                                          const salvage_handler& handler);

}  // namespace varve
