// SPDX-License-Identifier: MIT
//
// upgrade.cpp - makes a log of this version of the format out of one that an older varve made. Layer maintain; writes
// nothing to the old one.
//
// It is a backup: what differs between the versions stands in the meta, in the state and in the header sectors of segments,
// and a backup writes all of these itself. Frames stay as they are.
#include <new>
#include <utility>

#include <varve/upgrade.hpp>

#include "maintain/copy_log.hpp"
#include "store/log_directory.hpp"
#include "store/log_export.hpp"

namespace varve {
namespace core {
namespace {

result<upgrade_report> upgrade_log(const std::filesystem::path& from, const std::filesystem::path& to,
                                   const backup_options& options) {
  if (!is_file_mode(options.file_mode)) return bad_option("file_mode");
  const auto place = open_place_for_reading(from, oldest_format::version_1);
  if (!place) return std::unexpected(place.error());
  if (!place->is_of_version_1()) return bad_option("from");
  // Held until the end: what the old version would append meanwhile would be in the old log alone.
  if (auto done = take_writers_lock(*place); !done) return std::unexpected(done.error());
  auto copied = copy_log(*place, to, options);
  if (!copied) return std::unexpected(copied.error());
  return upgrade_report{.sequences = copied->report.sequences,
                        .segments = copied->report.segments,
                        .bytes_copied = copied->report.bytes_copied,
                        .bytes_shared = copied->report.bytes_shared,
                        .found = std::move(copied->found)};
}

}  // namespace
}  // namespace core

result<upgrade_report> upgrade(const std::filesystem::path& from, const std::filesystem::path& to,
                               const backup_options& options) {
  try {
    return core::upgrade_log(from, to, options);
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve
