// SPDX-License-Identifier: MIT
//
// archiver.cpp - the public face of an archive that grows. Layer archive.
#include <mutex>
#include <new>
#include <utility>

#include <varve/archiver.hpp>

#include "archive/archive_directory.hpp"
#include "store/log_export.hpp"

namespace varve {
namespace {

constexpr int level_max = 19;

}  // namespace

struct archiver::state {
  explicit state(core::archive_directory opened) noexcept : directory(std::move(opened)) {}

  bool take(const sealed_segment& s) noexcept {
    const std::scoped_lock lock{mutex};
    auto done = result<void>{};
    try {
      done = directory.take(s);
    } catch (const std::bad_alloc&) {
      done = core::fail({.code = errc::out_of_memory});
    }
    failure = done ? std::nullopt : std::optional<error>{done.error()};
    return done.has_value();
  }

  std::mutex mutex;  // guards the rest
  core::archive_directory directory;
  std::optional<error> failure;
};

archiver::archiver(std::shared_ptr<state> s) noexcept : state_(std::move(s)) {}
archiver::archiver(archiver&&) noexcept = default;
archiver& archiver::operator=(archiver&&) noexcept = default;
archiver::~archiver() = default;

result<archiver> archiver::open(const std::filesystem::path& directory, const archiver_options& options) {
  if (options.compression_level < 0 || options.compression_level > level_max) return core::bad_option("compression_level");
  if (!core::is_file_mode(options.file_mode)) return core::bad_option("file_mode");
  try {
    auto opened =
        core::archive_directory::open(directory, {.level = options.compression_level, .permissions = options.file_mode});
    if (!opened) return std::unexpected(opened.error());
    return archiver{std::make_shared<state>(std::move(*opened))};
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

result<void> archiver::check_owner(const std::filesystem::path& directory) const {
  const std::scoped_lock lock{state_->mutex};
  try {
    return state_->directory.check_owner(directory);
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

archive_hooks archiver::hooks() const {
  return {.sealed = [kept = state_](const sealed_segment& s) { return kept->take(s); }};
}

std::optional<error> archiver::failure() const noexcept {
  const std::scoped_lock lock{state_->mutex};
  return state_->failure;
}

}  // namespace varve
