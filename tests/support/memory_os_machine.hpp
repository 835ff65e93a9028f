// SPDX-License-Identifier: MIT
//
// memory_os_machine.hpp - what the machine of memory_os.hpp is made of; for memory_os*.cpp only.
//
// Invariants
//   M1  Everything here is touched under machine::mutex, except the bytes of a region: mapped memory belongs to whoever
//       mapped it, and is copied while others store to it.
//   M2  An inode's region never moves while it is mapped.
//   M3  A new life shares no inode with the old one, unless nobody of the old one holds a descriptor or mapping.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "support/memory_os.hpp"

namespace varve::testing::memory_os {

inline constexpr std::uint64_t page_bytes = 4096;   // what is written back together
inline constexpr std::uint64_t sector_bytes = 512;  // what a disk writes whole

using page_copy = std::array<std::byte, page_bytes>;

[[nodiscard]] constexpr std::uint64_t whole_pages(std::uint64_t bytes) noexcept {
  return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

/// memcpy for bytes that other threads may be storing to: word by word, and unseen by ThreadSanitizer, as the kernel's own
/// copies are.
void copy_racing(std::byte* to, const std::byte* from, std::uint64_t bytes) noexcept;

/// Zeroed memory of whole pages, with a page behind it that nobody may touch, as behind the end of a real file.
class region {
 public:
  region() noexcept = default;
  explicit region(std::uint64_t bytes);  // throws std::bad_alloc
  region(region&& other) noexcept;
  region& operator=(region&& other) noexcept;
  ~region();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }

 private:
  std::byte* data_ = nullptr;
  std::uint64_t capacity_ = 0;
};

struct inode {
  std::uint64_t number = 0;
  std::uint64_t birth_ns = 0;
  std::string name;  // the last one it was given
  region memory;     // current bytes
  std::uint64_t bytes = 0;
  std::uint64_t allocated_bytes = 0;
  std::vector<std::byte> durable;  // whole pages; zeros behind its end
  std::uint64_t durable_bytes = 0;
  // Pages of failed syncs, by number, as they were then: the kernel believes them clean.
  std::map<std::uint64_t, page_copy> lost;
  int lock_holders[2] = {-1, -1};  // by life_lock
  std::set<int> pinned_by;         // descriptors
  int taken_by = -1;

  /// What was pinned, or taken, by this descriptor.
  void let_go(int descriptor) noexcept {
    pinned_by.erase(descriptor);
    if (taken_by == descriptor) taken_by = -1;
  }
  /// Makes the region large enough; false if it would have to move under a mapping (M2).
  [[nodiscard]] bool reserve(std::uint64_t wanted, bool mapped);
  void write(std::uint64_t offset, std::span<const std::byte> from);
  /// The pages that hold [begin, end).
  void make_durable(std::uint64_t begin, std::uint64_t end);
  void lose(std::uint64_t begin, std::uint64_t end);
  [[nodiscard]] page_copy page(std::uint64_t number_of_page) const noexcept;
  [[nodiscard]] page_copy durable_page(std::uint64_t number_of_page) const noexcept;
  /// Numbers of the pages that are not durable.
  [[nodiscard]] std::vector<std::uint64_t> dirty_pages() const;
};

using inode_ptr = std::shared_ptr<inode>;
using entries = std::map<std::string, inode_ptr>;

struct operation {
  enum class kind : std::uint8_t { create, rename, remove };
  kind what;
  inode_ptr node;
  std::string name;
  std::string to;  // of a rename
};

struct directory {
  std::string path;
  std::uint64_t number = 0;
  std::uint64_t birth_ns = 0;
  entries current;
  entries durable;
  std::vector<operation> pending;  // what leads from durable to current
  int lock_holder = -1;
};

using directory_ptr = std::shared_ptr<directory>;

struct disk {
  std::map<std::string, directory_ptr> directories;  // by path
  std::uint64_t next_inode = 1;
  std::uint64_t boot = 1;

  [[nodiscard]] inode_ptr make_inode(const std::string& name);
  directory& make_directory(const std::string& path);
  [[nodiscard]] disk copy() const;
  /// All that can still be found, now or after a power loss, in the order of their numbers.
  [[nodiscard]] std::map<std::uint64_t, inode_ptr> inodes() const;
};

/// An open file description.
struct description {
  inode_ptr node;    // one of
  directory_ptr of;  // these two
  bool writable;
  std::uint64_t life;
};

struct mapped {
  inode_ptr node;
  std::uint64_t times;  // how often it was mapped: always to the same address
  std::uint64_t life;
};

struct crash_rule {
  std::uint64_t left;
  call_set calls;
  std::string name;
};

struct machine {
  std::recursive_mutex mutex;  // an answer that is dropped halfway closes what it holds, by a call of its own
  disk now;
  std::uint64_t life = 1;
  std::map<int, description> descriptors;
  int next_descriptor = 1'000'000;  // never given twice, and far from any real one
  std::map<const std::byte*, mapped> mappings;
  std::uint64_t limit = no_limit;
  os::file_system_kind kind = os::file_system_kind::local;
  std::mt19937_64 random{1};

  std::vector<fault> faults;
  std::optional<crash_rule> crash_at;
  std::optional<disk> crash;  // as it was when the world stopped
  std::array<std::uint64_t, call_kinds> counts{};
  bool recording = false;
  std::vector<event> record;

  /// The disk as a crash at this moment would leave it.
  [[nodiscard]] disk& seen() noexcept { return crash ? *crash : now; }
  /// Counts the call, and says what errno it is to fail with; 0 = none.
  [[nodiscard]] int admit(call what, const std::string& name);
  void note(call what, std::string name, std::uint64_t offset, std::uint64_t bytes, int number);
  [[nodiscard]] bool is_mapped(const inode& node) const noexcept;
  [[nodiscard]] std::uint64_t used() const;
  /// How far [0, bytes) of this file can be allocated before the disk is full.
  [[nodiscard]] std::uint64_t room_for(const inode& node, std::uint64_t bytes) const;
  /// In the disk of the crash, if there was one.
  void begin_life();
};

/// The one there is.
[[nodiscard]] machine& the() noexcept;

/// As keys of disk::directories: without "./", "//", and a slash at the end.
[[nodiscard]] std::string normal_path(const std::string& path);
[[nodiscard]] std::string parent_path(const std::string& path);
[[nodiscard]] std::string name_in(const std::string& path);
/// Of a file; null if there is none.
[[nodiscard]] inode_ptr find(const disk& in, const std::string& path);

}  // namespace varve::testing::memory_os
