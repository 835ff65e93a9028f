// SPDX-License-Identifier: MIT
#include <new>
#include <system_error>
#include <utility>

#include <varve/log.hpp>
#include <varve/recovery.hpp>

#include "format/file_name.hpp"
#include "recovery/index_files.hpp"
#include "recovery/stable_survey.hpp"
#include "store/log_directory.hpp"

namespace varve {
namespace {

/// As the log's other files, if that can be seen.
std::uint32_t mode_of_files(const std::filesystem::path& directory) {
  std::error_code unknown;
  const auto status = std::filesystem::status(directory / format::meta_name, unknown);
  if (unknown || !std::filesystem::exists(status)) return log_options{}.file_mode;
  return (static_cast<std::uint32_t>(status.permissions()) & 0777U) | 0600U;
}

/// With the writer's lock, so that nobody goes on in a segment meanwhile.
result<index_rebuild> rebuild_all(const std::filesystem::path& directory, const log_options& options) {
  const auto place = core::open_place_for_writing(directory, options);
  if (!place) return std::unexpected(place.error());
  const auto s = core::survey_undisturbed(*place, {});
  if (!s) return std::unexpected(s.error());
  index_rebuild done;
  for (const auto& link : s->seen.chain) done.segments += core::rebuild_index(*place, link, options.file_mode) ? 1U : 0U;
  return done;
}

}  // namespace

result<index_rebuild> rebuild_indexes(const std::filesystem::path& directory) {
  try {
    const log_options options{
        .recovery = recovery_mode::strict, .spare_segments = 0, .create = false, .file_mode = mode_of_files(directory)};
    recovery_report found;
    {
      auto recovered = log::open(directory, options);
      if (!recovered) return std::unexpected(recovered.error());
      found = recovered->recovery();
      if (auto done = recovered->close(); !done) return std::unexpected(done.error());
    }
    auto done = rebuild_all(directory, options);
    if (done) done->recovered = std::move(found);
    return done;
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve
