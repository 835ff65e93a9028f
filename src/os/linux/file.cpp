// SPDX-License-Identifier: MIT
//
// file.cpp - files and directories of Linux. Layer os.
//
// Names come from a directory that others may write to, so whatever stands under a name is looked at only through the
// descriptor that was opened, never by name before or after.
//
// A file longer than RLIMIT_FSIZE raises SIGXFSZ, which kills by default: a library must not change the signals of its
// process, so that is left to the application. Where it ignores the signal, the answer is EFBIG.
#include "os/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>

#include "os/linux/call.hpp"

namespace varve::os {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

result<file> opened(int directory, const char* name, int flags, mode_t permissions = 0) noexcept {
  const int descriptor = restarted([=] { return ::openat(directory, name, flags, permissions); });
  if (descriptor == -1) return last_failure();
  return file{descriptor};
}

/// The magic number as 32 bits: statfs holds it in a signed long, where some numbers would be negative.
result<std::uint32_t> magic_of(const file& f) noexcept {
  struct statfs status{};
  if (restarted([&] { return ::fstatfs(f.descriptor(), &status); }) == -1) return last_failure();
  return static_cast<std::uint32_t>(status.f_type);
}

/// On a file system that copies on write the second store to a page that was synced wants a new block, and raises SIGBUS
/// on a full disk although every block was allocated. The switch works on an empty file only. Best effort: where it is
/// refused the log still works as long as there is space.
void switch_copy_on_write_off(const file& f) noexcept {
  const result<std::uint32_t> magic = magic_of(f);
  if (!magic || *magic != BTRFS_SUPER_MAGIC) return;
  int flags = 0;
  if (::ioctl(f.descriptor(), FS_IOC_GETFLAGS, &flags) == -1) return;
  flags |= FS_NOCOW_FL;
  static_cast<void>(::ioctl(f.descriptor(), FS_IOC_SETFLAGS, &flags));
}

/// For file systems without fallocate. A file system that stores no zeros (it compresses, or lies) is found out: blocks
/// that are not there now may be wanting when a mapped page is written back.
result<void> allocate_by_writing(const file& f, std::uint64_t from, std::uint64_t bytes) noexcept {
  constexpr std::uint64_t block_bytes = std::uint64_t{1} << 20U;  // few calls; larger ones gain nothing
  const std::unique_ptr<std::byte[]> zeros{new (std::nothrow) std::byte[block_bytes]()};
  if (!zeros) return failed_with(ENOMEM);
  for (std::uint64_t at = from; at < bytes; at += block_bytes) {
    const std::size_t now = static_cast<std::size_t>(std::min(block_bytes, bytes - at));
    if (const result<void> written = write_at(f, at, {zeros.get(), now}); !written) return written;
  }
  // Blocks may be found as late as at write-back.
  if (const result<void> synced = sync_file(f); !synced) return synced;
  const result<file_status> status = status_of(f);
  if (!status) return std::unexpected{status.error()};
  if (status->bytes < bytes || status->allocated_bytes < bytes) return failed_with(EOPNOTSUPP);
  return {};
}

}  // namespace

void close_descriptor(int descriptor) noexcept {
  // Never again after EINTR: on Linux the descriptor is gone, and by then may be another thread's.
  static_cast<void>(::close(descriptor));
}

result<file> open_directory(const std::string& path) noexcept {
  return opened(AT_FDCWD, path.c_str(), directory_flags);  // by way of links as well: the path is the caller's own word
}

result<file_system_kind> file_system_of(const file& directory) noexcept {
  const result<std::uint32_t> magic = magic_of(directory);
  if (!magic) return std::unexpected{magic.error()};
  switch (*magic) {
    // Of those without a name in linux/magic.h the number stands here; they are what coreutils' stat calls remote.
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case V9FS_MAGIC:
    case CEPH_SUPER_MAGIC:
    case AFS_SUPER_MAGIC:
    case AFS_FS_MAGIC:
    case CODA_SUPER_MAGIC:
    case NCP_SUPER_MAGIC:
    case OCFS2_SUPER_MAGIC:
    case 0x01161970:  // GFS2
    case 0x0BD00BD0:  // Lustre
    case 0x19830326:  // BeeGFS
    case 0x20030528:  // OrangeFS
    case 0x47504653:  // GPFS
    case 0x61636673:  // ACFS
    case 0x786F4256:  // shared folders of VirtualBox
    case 0x7C7C6673:  // of Parallels
    case 0xAAD7AAEA:  // PanFS
    case 0xBACBACBC:  // shared folders of VMware
    case 0xBEEFDEAD:  // StorNext
      return file_system_kind::network;
    case FUSE_SUPER_MAGIC: return file_system_kind::user_space;
    default: return file_system_kind::local;
  }
}

result<std::vector<std::string>> list(const file& directory) noexcept {
  // Opened anew: a duplicate would share its position, and a second list would find nothing.
  const int descriptor = restarted([&] { return ::openat(directory.descriptor(), ".", directory_flags); });
  if (descriptor == -1) return last_failure();
  const auto close_stream = [](DIR* stream) noexcept { static_cast<void>(::closedir(stream)); };
  const std::unique_ptr<DIR, decltype(close_stream)> stream{::fdopendir(descriptor), close_stream};
  if (!stream) {
    const auto why = last_failure();
    close_descriptor(descriptor);
    return why;
  }
  try {
    std::vector<std::string> names;
    for (;;) {
      errno = 0;  // the only way to tell the end from an error
      const dirent* const entry = ::readdir(stream.get());
      if (entry == nullptr) break;
      const std::string_view name{entry->d_name};
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return last_failure();
    return names;
  } catch (const std::bad_alloc&) {
    return failed_with(ENOMEM);
  }
}

result<file> open_file(const file& directory, const char* name, access mode) noexcept {
  const int way = mode == access::read ? O_RDONLY : O_RDWR;
  // O_NONBLOCK: opening a FIFO would wait for its other end. It means nothing to a regular file.
  result<file> f = opened(directory.descriptor(), name, way | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!f) {
    // What only a directory, a socket, or a device without a driver answers.
    const int number = f.error().number;
    return failed_with(number == EISDIR || number == ENXIO || number == ENODEV ? EINVAL : number);
  }
  const result<file_status> status = status_of(*f);
  if (!status) return std::unexpected{status.error()};
  if (!status->regular) return failed_with(EINVAL);
  return f;
}

bool may_write(const file& directory, const char* name) noexcept {
  return ::faccessat(directory.descriptor(), name, W_OK, AT_EACCESS) == 0;
}

result<file> create_file(const file& directory, const char* name, std::uint32_t permissions) noexcept {
  const mode_t mode = static_cast<mode_t>(permissions);
  result<file> f = opened(directory.descriptor(), name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (!f) return f;
  if (const auto set = done([&] { return ::fchmod(f->descriptor(), mode); }); !set) {
    static_cast<void>(::unlinkat(directory.descriptor(), name, 0));
    return std::unexpected{set.error()};
  }
  return f;
}

result<void> rename(const file& directory, const char* from, const char* to) noexcept {
  return done([&] { return ::renameat(directory.descriptor(), from, directory.descriptor(), to); });
}

result<void> rename_to_new(const file& directory, const char* from, const char* to) noexcept {
  const auto renamed =
      done([&] { return ::renameat2(directory.descriptor(), from, directory.descriptor(), to, RENAME_NOREPLACE); });
  if (renamed || renamed.error().number != EINVAL) return renamed;
  // A file system that does not know the flag: a second name, which is never made over another, and then the first one goes.
  const auto linked = done([&] { return ::linkat(directory.descriptor(), from, directory.descriptor(), to, 0); });
  return linked ? remove(directory, from) : linked;
}

result<void> set_permissions(const file& f, std::uint32_t permissions) noexcept {
  return done([&] { return ::fchmod(f.descriptor(), static_cast<mode_t>(permissions)); });
}

result<void> remove(const file& directory, const char* name) noexcept {
  return done([&] { return ::unlinkat(directory.descriptor(), name, 0); });
}

result<file_status> status_of(const file& f) noexcept {
  constexpr std::uint64_t block_bytes = 512;  // of stx_blocks, whatever the file system's own block
  constexpr std::uint64_t second_ns = 1'000'000'000;
  constexpr unsigned wanted = STATX_BASIC_STATS | STATX_BTIME;
  struct statx status{};
  if (restarted([&] { return ::statx(f.descriptor(), "", AT_EMPTY_PATH, wanted, &status); }) == -1) return last_failure();
  const bool has_birth = (status.stx_mask & STATX_BTIME) != 0;
  return file_status{
      .bytes = status.stx_size,
      .allocated_bytes = status.stx_blocks * block_bytes,
      .inode = status.stx_ino,
      .birth_ns = has_birth ? static_cast<std::uint64_t>(status.stx_btime.tv_sec) * second_ns + status.stx_btime.tv_nsec : 0,
      .links = status.stx_nlink,
      .regular = S_ISREG(status.stx_mode),
  };
}

result<std::size_t> read_at(const file& f, std::uint64_t offset, std::span<std::byte> bytes) noexcept {
  std::size_t read = 0;
  while (read < bytes.size()) {
    const auto rest = bytes.subspan(read);
    const ssize_t now =
        restarted([&] { return ::pread(f.descriptor(), rest.data(), rest.size(), static_cast<off_t>(offset + read)); });
    if (now == -1) return last_failure();
    if (now == 0) break;
    read += static_cast<std::size_t>(now);
  }
  return read;
}

result<void> write_at(const file& f, std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t now =
        restarted([&] { return ::pwrite(f.descriptor(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (now == -1) return last_failure();
    if (now == 0) return failed_with(EIO);  // no file system should; going on would be a loop without end
    bytes = bytes.subspan(static_cast<std::size_t>(now));
    offset += static_cast<std::uint64_t>(now);
  }
  return {};
}

result<void> allocate(const file& f, std::uint64_t bytes, std::uint64_t from) noexcept {
  if (from == 0) switch_copy_on_write_off(f);
  const auto allocated =
      done([&] { return ::fallocate(f.descriptor(), 0, static_cast<off_t>(from), static_cast<off_t>(bytes - from)); });
  auto outcome = allocated;
  if (!allocated && allocated.error().number == EOPNOTSUPP) outcome = allocate_by_writing(f, from, bytes);
  // Some file systems keep what they had allocated until it failed, and the longer size.
  if (!outcome && from != 0) static_cast<void>(done([&] { return ::ftruncate(f.descriptor(), static_cast<off_t>(from)); }));
  return outcome;
}

bool has_shared_blocks(const file& f) noexcept {
  constexpr unsigned extents_max = 32;  // at a time
  alignas(fiemap) std::byte room[sizeof(fiemap) + extents_max * sizeof(fiemap_extent)];
  auto& map = *new (room) fiemap;
  for (std::uint64_t from = 0;;) {
    std::memset(room, 0, sizeof(fiemap));
    map.fm_start = from;
    map.fm_length = ~std::uint64_t{0} - from;
    map.fm_extent_count = extents_max;
    if (restarted([&] { return ::ioctl(f.descriptor(), FS_IOC_FIEMAP, &map); }) == -1 || map.fm_mapped_extents == 0)
      return false;
    for (const fiemap_extent& extent : std::span{map.fm_extents, map.fm_mapped_extents}) {
      if ((extent.fe_flags & FIEMAP_EXTENT_SHARED) != 0) return true;
      if ((extent.fe_flags & FIEMAP_EXTENT_LAST) != 0 || extent.fe_length == 0) return false;
      from = extent.fe_logical + extent.fe_length;
    }
  }
}

result<void> share_blocks(const file& from, const file& to) noexcept {
  return done([&] { return ::ioctl(to.descriptor(), FICLONE, from.descriptor()); });
}

void drop_from_cache(const file& f) noexcept {
  static_cast<void>(::posix_fadvise(f.descriptor(), 0, 0, POSIX_FADV_DONTNEED));
}

result<void> sync_file(const file& f) noexcept {
  return done([&] { return ::fsync(f.descriptor()); });
}

result<void> sync_data(const file& f) noexcept {
  return done([&] { return ::fdatasync(f.descriptor()); });
}

result<void> sync_directory(const file& directory) noexcept { return sync_file(directory); }

result<void> sync_parent(const file& directory) noexcept {
  const result<file> parent = opened(directory.descriptor(), "..", directory_flags);
  // Who may enter it but not list it cannot open it, and has not made the entry either.
  if (!parent && parent.error().number == EACCES) return {};
  if (!parent) return std::unexpected{parent.error()};
  return sync_file(*parent);
}

}  // namespace varve::os
