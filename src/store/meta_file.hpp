// SPDX-License-Identifier: MIT
//
// meta_file.hpp - varve.meta: what a log is, in two copies, of which one is enough. Layer store.
#pragma once

#include <cstdint>
#include <optional>

#include "base/error.hpp"
#include "format/meta.hpp"
#include "os/file.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// What the file says.
struct meta_file {
  format::meta meta{};
  std::optional<std::size_t> spoiled{};  // which copy is not valid, though the other one is

  /// For a writer: false if others may write to the file as well.
  bool is_ours_alone = true;
};

/// Reads varve.meta.
///
/// Errors  not_found: there is no such file; damaged: there is one, and neither copy validates; not_a_log: something of
///         another program; newer_format; io.
[[nodiscard]] result<meta_file> read_meta(const log_place& place);

/// Writes varve.meta as place.meta is, durably: until then there is no log in the directory.
[[nodiscard]] result<void> write_meta(const log_place& place, std::uint32_t permissions);

/// Writes the copy again that is spoiled, durably; the valid one is not touched. Does nothing if none is.
[[nodiscard]] result<void> repair_meta(const log_place& place);

}  // namespace varve::core
