// SPDX-License-Identifier: MIT
//
// lock.cpp - locks of files and directories of Linux. Layer os.
#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "os/file.hpp"
#include "os/linux/call.hpp"

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

}  // namespace varve::os
