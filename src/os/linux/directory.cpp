// SPDX-License-Identifier: MIT
//
// directory.cpp - directories of Linux that are made, renamed and removed by their paths. Layer os.
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <string_view>

#include "os/file.hpp"
#include "os/linux/call.hpp"

namespace varve::os {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

result<file> opened(int directory, const char* name, int flags) noexcept {
  const int descriptor = restarted([=] { return ::openat(directory, name, flags); });
  if (descriptor == -1) return last_failure();
  return file{descriptor};
}

result<void> make_entry(const file& parent, const char* name, mode_t mode) noexcept {
  // Not restarted: a second go after EINTR could meet the first one's success as EEXIST, and mkdir is not interrupted on
  // any file system that is not a network.
  if (::mkdirat(parent.descriptor(), name, mode) == -1) return last_failure();
  const auto finish = [&]() noexcept -> result<void> {
    const result<file> made = opened(parent.descriptor(), name, directory_flags | O_NOFOLLOW);
    if (!made) return std::unexpected{made.error()};
    return done([&] { return ::fchmod(made->descriptor(), mode); });
  };
  const result<void> finished = finish();
  if (!finished) static_cast<void>(::unlinkat(parent.descriptor(), name, AT_REMOVEDIR));
  return finished;
}

}  // namespace

result<void> make_directory(const std::string& path, std::uint32_t mode) noexcept {
  try {
    std::string_view rest = path;
    while (rest.size() > 1 && rest.ends_with('/')) rest.remove_suffix(1);
    const std::size_t slash = rest.rfind('/');
    std::string parent{"."};
    if (slash != std::string_view::npos) parent = rest.substr(0, slash + 1);
    const std::string name{slash == std::string_view::npos ? rest : rest.substr(slash + 1)};
    if (name.empty()) return failed_with(rest.empty() ? ENOENT : EEXIST);
    const result<file> above = opened(AT_FDCWD, parent.c_str(), directory_flags);
    if (!above) return std::unexpected{above.error()};
    return make_entry(*above, name.c_str(), static_cast<mode_t>(mode));
  } catch (const std::bad_alloc&) {
    return failed_with(ENOMEM);
  }
}

result<void> rename_directory_to_new(const std::string& from, const std::string& to) noexcept {
  const auto renamed = done([&] { return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE); });
  if (renamed || renamed.error().number != EINVAL) return renamed;
  // A file system that does not know the flag. What is made between the look and the renaming is safe all the same, unless
  // it is an empty directory.
  struct stat there{};
  if (::lstat(to.c_str(), &there) == 0) return failed_with(EEXIST);
  return done([&] { return ::rename(from.c_str(), to.c_str()); });
}

result<void> remove_directory(const std::string& path) noexcept {
  return done([&] { return ::rmdir(path.c_str()); });
}

}  // namespace varve::os
