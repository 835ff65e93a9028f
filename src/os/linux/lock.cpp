// SPDX-License-Identifier: MIT
//
// lock.cpp - locks of files and directories of Linux. Layer os.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "os/file.hpp"
#include "os/linux/call.hpp"
#include "os/process.hpp"

namespace varve::os {
namespace {

struct flock lock_of_bytes(short kind, off_t first, off_t count) noexcept {
  struct flock lock{};
  lock.l_type = kind;
  lock.l_whence = SEEK_SET;
  lock.l_start = first;
  lock.l_len = count;
  return lock;
}

/// flock: it belongs to the open file, not to the process, and goes with its last descriptor.
result<bool> try_flock(const file& f, int kind) noexcept {
  if (restarted([&] { return ::flock(f.descriptor(), kind | LOCK_NB); }) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return last_failure();
}
void unflock(const file& f) noexcept {
  static_cast<void>(restarted([&] { return ::flock(f.descriptor(), LOCK_UN); }));
}

struct flock lock_of(short kind, life_lock which) noexcept { return lock_of_bytes(kind, static_cast<off_t>(which), 1); }

/// proc(5): "N: FLOCK  ADVISORY  READ PID MAJOR:MINOR:INODE 0 EOF", the device in hexadecimal. Whoever waits for a lock has
/// "->" in front of its kind, and so does not match.
constexpr std::size_t words_of_a_lock = 8;

std::optional<std::uint64_t> number_of(std::string_view text, int base) noexcept {
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<pin_holder> shared_lock_of(std::string_view line, dev_t device) noexcept {
  std::array<std::string_view, words_of_a_lock> words;
  std::size_t count = 0;
  for (std::size_t at = line.find_first_not_of(' '); at != line.npos; at = line.find_first_not_of(' ', at)) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    if (count == words.size()) return std::nullopt;
    words[count++] = line.substr(at, end - at);
    at = end;
  }
  if (count != words.size() || words[1] != "FLOCK" || words[3] != "READ") return std::nullopt;
  const std::string_view file = words[5];
  const std::size_t first = file.find(':'), second = file.find(':', first + 1);
  if (first == file.npos || second == file.npos) return std::nullopt;
  const auto major = number_of(file.substr(0, first), 16), minor = number_of(file.substr(first + 1, second - first - 1), 16);
  const auto inode = number_of(file.substr(second + 1), 10);
  if (!major || !minor || !inode || makedev(static_cast<unsigned>(*major), static_cast<unsigned>(*minor)) != device)
    return std::nullopt;
  const auto process = number_of(words[4], 10);
  return pin_holder{.inode = *inode, .process = static_cast<std::uint32_t>(process.value_or(0))};
}

/// Of a file that has no size until it is read.
result<std::string> all_of(const file& f) {
  constexpr std::size_t part = 16'384;
  std::string text;
  for (;;) {
    const std::size_t before = text.size();
    text.resize(before + part);
    const auto n = read_at(f, before, std::as_writable_bytes(std::span{text}.subspan(before)));
    if (!n) return std::unexpected{n.error()};
    text.resize(before + *n);
    if (*n < part) return text;
  }
}

}  // namespace

result<bool> try_lock_directory(const file& directory) noexcept { return try_flock(directory, LOCK_EX); }
void unlock_directory(const file& directory) noexcept { unflock(directory); }

result<bool> try_pin(const file& f) noexcept { return try_flock(f, LOCK_SH); }
result<bool> try_take(const file& f) noexcept { return try_flock(f, LOCK_EX); }
void give_back(const file& f) noexcept { unflock(f); }

result<bool> try_lock_for_life(const file& f, life_lock which) noexcept {
  struct flock lock = lock_of(F_WRLCK, which);
  if (restarted([&] { return ::fcntl(f.descriptor(), F_OFD_SETLK, &lock); }) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return last_failure();
}

void unlock_for_life(const file& f) noexcept {
  struct flock lock = lock_of_bytes(F_UNLCK, 0, 2);
  static_cast<void>(restarted([&] { return ::fcntl(f.descriptor(), F_OFD_SETLK, &lock); }));
}

result<bool> is_locked_for_life(const file& f, life_lock which) noexcept {
  // Asked as a reader would, because that is allowed on a descriptor that may only read.
  struct flock lock = lock_of(F_RDLCK, which);
  if (restarted([&] { return ::fcntl(f.descriptor(), F_OFD_GETLK, &lock); }) == -1) return last_failure();
  return lock.l_type != F_UNLCK;
}

result<std::vector<pin_holder>> pin_holders(const file& directory) noexcept {
  struct stat status{};
  if (::fstat(directory.descriptor(), &status) == -1) return last_failure();
  const int descriptor = restarted([] { return ::open("/proc/locks", O_RDONLY | O_CLOEXEC); });
  if (descriptor == -1) return last_failure();
  const file locks{descriptor};
  try {
    const auto text = all_of(locks);
    if (!text) return std::unexpected{text.error()};
    std::vector<pin_holder> found;
    for (std::string_view rest = *text; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      if (const auto lock = shared_lock_of(rest.substr(0, end), status.st_dev)) found.push_back(*lock);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return found;
  } catch (const std::bad_alloc&) {
    return failed_with(ENOMEM);
  }
}

}  // namespace varve::os
