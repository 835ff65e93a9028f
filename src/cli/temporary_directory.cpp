// SPDX-License-Identifier: MIT

#include "cli/temporary_directory.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "cli/failure.hpp"

namespace varve::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "varve-archive-";

void remove_tree(const fs::path& directory) noexcept {
  std::error_code ignored;
  fs::remove_all(directory, ignored);
}

/// The directory with its lock, if it is ours and nobody else has that; otherwise -1.
int locked(const fs::path& directory) noexcept {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor == -1) return -1;
  struct ::stat status{};
  const bool is_ours = ::fstat(descriptor, &status) == 0 && status.st_uid == ::geteuid();
  // Removed, if it was taken for a dead one before it was locked.
  if (is_ours && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && ::fstat(descriptor, &status) == 0 && status.st_nlink != 0)
    return descriptor;
  ::close(descriptor);
  return -1;
}

/// What processes have left that were killed.
void remove_dead_ones(const fs::path& base, std::string_view beginning) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(base, ignored)) {
    if (!entry.path().filename().string().starts_with(beginning)) continue;
    const int lock = locked(entry.path());
    if (lock == -1) continue;
    remove_tree(entry.path());
    ::close(lock);
  }
}

failure cannot_make(const fs::path& base, int number) {
  failure f = system_failure("making a directory in", base, number);
  f.message = fmt::format(
      "{}: a compressed archive is expanded there, and it cannot be written to ({}); set $TMPDIR to a "
      "directory that has room",
      base.string(), std::strerror(number));
  return f;
}

}  // namespace

void remove_dead_partials(const std::string& to) {
  fs::path wanted = to;
  if (!wanted.has_filename()) wanted = wanted.parent_path();
  const fs::path parent = wanted.parent_path();
  remove_dead_ones(parent.empty() ? "." : parent, wanted.filename().string() + ".partial-");
}

fs::path temporary_directory::base() {
  const char* const chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
}

bool temporary_directory::make_one() {
  std::string pattern = base() / fmt::format("{}{}-{}", prefix, ::getpid(), std::string(6, 'X'));
  if (::mkdtemp(pattern.data()) == nullptr) throw cannot_make(base(), errno);
  path_ = pattern;
  lock_ = locked(path_);
  return lock_ != -1;
}

temporary_directory::temporary_directory() {
  remove_dead_ones(base(), prefix);
  const signals_held no_signal_between;
  // A file system without such locks: it is used all the same, and nobody takes it for a dead one.
  for (int tries = 0; tries < 10 && !make_one(); ++tries)
    if (std::error_code ignored; fs::exists(path_, ignored)) break;
  removal_.begin(path_);
}

temporary_directory::~temporary_directory() {
  remove_tree(path_);
  removal_.end();
  if (lock_ != -1) ::close(lock_);
}

}  // namespace varve::cli
