// SPDX-License-Identifier: MIT
//
// file.hpp - files and directories. Layer os.
//
// Free functions with two sets of definitions, chosen when linking: os/linux (the real ones) and a double for tests that
// keeps files in memory, fails the n-th call and loses power. All names are relative to an open directory and are never
// followed if they are symbolic links. Every call restarts after EINTR and completes short transfers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "os/result.hpp"

namespace varve::os {

void close_descriptor(int descriptor) noexcept;

/// Owns a descriptor of a file or directory.
class file {
 public:
  file() noexcept = default;
  explicit file(int descriptor) noexcept : descriptor_(descriptor) {}
  file(file&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  file& operator=(file&& other) noexcept {
    if (this != &other) {
      close();
      descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
  }
  ~file() { close(); }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  void close() noexcept {
    if (is_open()) close_descriptor(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_ = -1;
};

enum class access : std::uint8_t { read, read_write };
enum class file_system_kind : std::uint8_t { local, network, user_space };

struct file_status {
  std::uint64_t bytes;            // size
  std::uint64_t allocated_bytes;  // blocks really taken
  std::uint64_t inode;
  std::uint64_t birth_ns;  // 0 where the file system does not say
  std::uint64_t links;
  bool regular;
};

/// Follows symbolic links, here only: the path is the caller's own word.
[[nodiscard]] result<file> open_directory(const std::string& path) noexcept;
/// EEXIST if there is something already. The entry is durable only after sync_parent().
[[nodiscard]] result<void> make_directory(const std::string& path, std::uint32_t mode) noexcept;
/// Both names stand in one directory. EEXIST if there is something called `to`: it is left alone. Durable only after
/// sync_parent().
[[nodiscard]] result<void> rename_directory_to_new(const std::string& from, const std::string& to) noexcept;
/// ENOTEMPTY if anything is in it.
[[nodiscard]] result<void> remove_directory(const std::string& path) noexcept;
[[nodiscard]] result<file_system_kind> file_system_of(const file& directory) noexcept;
[[nodiscard]] result<std::vector<std::string>> list(const file& directory) noexcept;  // without "." and ".."

/// ELOOP for a symbolic link, EINVAL for anything else that is no regular file.
[[nodiscard]] result<file> open_file(const file& directory, const char* name, access mode) noexcept;
/// Whether this process may open it for writing, without trying.
[[nodiscard]] bool may_write(const file& directory, const char* name) noexcept;
/// EEXIST if there is something of that name. `permissions` hold whatever the umask.
[[nodiscard]] result<file> create_file(const file& directory, const char* name, std::uint32_t permissions) noexcept;
[[nodiscard]] result<void> rename(const file& directory, const char* from, const char* to) noexcept;
/// EEXIST if there is something called `to`: it is left alone.
[[nodiscard]] result<void> rename_to_new(const file& directory, const char* from, const char* to) noexcept;
/// Whatever the umask.
[[nodiscard]] result<void> set_permissions(const file& f, std::uint32_t permissions) noexcept;
[[nodiscard]] result<void> remove(const file& directory, const char* name) noexcept;

[[nodiscard]] result<file_status> status_of(const file& f) noexcept;
/// How many bytes were read: fewer than asked for only at the end of the file.
[[nodiscard]] result<std::size_t> read_at(const file& f, std::uint64_t offset, std::span<std::byte> bytes) noexcept;
[[nodiscard]] result<void> write_at(const file& f, std::uint64_t offset, std::span<const std::byte> bytes) noexcept;

/// Takes real blocks for [from, bytes) of a file that ends at `from`, so that no later store can want for space
/// (ftruncate, and reading a page in, succeed on a full disk and prove nothing). On a file system that copies on write
/// that is switched off first, while the file is empty. A file that was to grow, `from` something, is as it was if that
/// fails; nobody may have it mapped.
[[nodiscard]] result<void> allocate(const file& f, std::uint64_t bytes, std::uint64_t from = 0) noexcept;

/// True if a block of `f` also belongs to another file (a reflink copy, a snapshot): a store to it wants a new one, which a
/// full disk does not have. False where the file system does not say.
[[nodiscard]] bool has_shared_blocks(const file& f) noexcept;

/// Makes the empty file `to` hold what `from` holds, in the same blocks: nothing is copied until one of them is written to.
/// EOPNOTSUPP, EXDEV or EINVAL where the file system, or this pair of files, cannot.
[[nodiscard]] result<void> share_blocks(const file& from, const file& to) noexcept;

/// Gives the cache back that clean pages of `f` take. They come again one by one, which is written back sooner than the
/// large units that a long write leaves there.
void drop_from_cache(const file& f) noexcept;

/// Durable when it returns: a file's bytes and size (fsync), only its bytes (fdatasync), a directory's entries, and its own
/// entry in the directory above.
[[nodiscard]] result<void> sync_file(const file& f) noexcept;
[[nodiscard]] result<void> sync_data(const file& f) noexcept;
[[nodiscard]] result<void> sync_directory(const file& directory) noexcept;
[[nodiscard]] result<void> sync_parent(const file& directory) noexcept;

/// The writer's lock: on the directory itself, since a lock file can be deleted and made again. False: somebody has it.
[[nodiscard]] result<bool> try_lock_directory(const file& directory) noexcept;
/// Gives it back while the directory stays open.
void unlock_directory(const file& directory) noexcept;
/// A pin: whoever has `f` open like this keeps others from taking it exclusively, until it is closed. False: somebody has it
/// exclusively.
[[nodiscard]] result<bool> try_pin(const file& f) noexcept;
/// Takes `f` exclusively. False: somebody has pinned it.
[[nodiscard]] result<bool> try_take(const file& f) noexcept;
/// Gives back what try_take() took while the file stays open.
void give_back(const file& f) noexcept;
/// Locks that are held for the life of `f`, which others can ask about without taking them: of the first two bytes.
enum class life_lock : std::uint8_t { owner, appender };
[[nodiscard]] result<bool> try_lock_for_life(const file& f, life_lock which = life_lock::owner) noexcept;
/// Gives both back though somebody else, a forked child, may hold the same descriptor.
void unlock_for_life(const file& f) noexcept;
[[nodiscard]] result<bool> is_locked_for_life(const file& f, life_lock which = life_lock::owner) noexcept;

}  // namespace varve::os
