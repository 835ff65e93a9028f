// SPDX-License-Identifier: MIT
//
// memory_os.hpp - a machine for tests, in memory: the second set of definitions of os/file.hpp, os/memory.hpp and
// os/process.hpp, linked in place of os/linux, and the way to steer it. It fails the n-th call, fills its disk, kills the
// process, loses power.
//
// What it models, each as badly as a real machine may behave:
//   - A file has current bytes (the page cache; every mapping of it is the same memory) and durable ones (the disk). Stores
//     and write_at change the current bytes. sync_range copies whole pages of 4096 bytes, sync_data and sync_file all bytes
//     and the size.
//   - create_file, rename and remove are pending until sync_directory; syncing the file does nothing for its name.
//   - A sync that was made to fail loses its pages: they count as clean, and no later sync of this life makes them durable
//     unless they are changed once more. (A store of the very same byte goes unseen here; write_at does not.)
//   - A write_at that was made to fail has written the first half.
//   - After process_death, power_loss and restore a new life begins: descriptors and mappings of the old one are dead. Its
//     calls answer EIO for ever, and its mapped memory can be read and written but is no file any more.
//
// What it does not: subdirectories in a list, symbolic links, permissions, mappings that fault when written to.
// Directories are durable once they are made, and so is each change of their names.
//
// Thread-safe, by one mutex, which orders threads that the real calls would not: look for data races with real files.
// "Path" below is the directory's path as it was opened, a slash, and the file's name.
#pragma once

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "os/file.hpp"

namespace varve::testing::memory_os {

// ---- Calls

enum class call : std::uint8_t {
  open_directory,
  make_directory,
  file_system_of,
  list,
  open_file,
  create_file,
  rename,
  remove,
  status_of,
  read_at,
  write_at,
  allocate,
  share_blocks,
  sync_file,
  sync_data,
  sync_directory,
  sync_parent,
  lock_directory,
  lock_for_life,
  ask_for_lock,
  pin,
  map,
  sync_range,
  populate_for_reading,
  populate_for_writing,
  map_private,
  map_wiped_on_fork,
  this_boot,
  fill_random,
};
inline constexpr std::size_t call_kinds = static_cast<std::size_t>(call::fill_random) + 1;

[[nodiscard]] std::string_view name_of(call what) noexcept;

class call_set {
 public:
  constexpr call_set(call one) noexcept : bits_(bit(one)) {}  // not explicit: one call is a set of calls
  constexpr call_set(std::initializer_list<call> some) noexcept {
    for (const call one : some) bits_ |= bit(one);
  }
  [[nodiscard]] static constexpr call_set all() noexcept {
    call_set set{};
    set.bits_ = (std::uint32_t{1} << call_kinds) - 1;
    return set;
  }
  [[nodiscard]] constexpr bool contains(call one) const noexcept { return (bits_ & bit(one)) != 0; }

 private:
  static_assert(call_kinds < 32);
  static constexpr std::uint32_t bit(call one) noexcept { return std::uint32_t{1} << static_cast<unsigned>(one); }
  std::uint32_t bits_ = 0;
};

/// Every call that can fail. close and unmap cannot.
inline constexpr call_set any_call = call_set::all();
inline constexpr call_set sync_calls{call::sync_file, call::sync_data, call::sync_directory, call::sync_parent,
                                     call::sync_range};
/// What leaves something else behind for the next life than was there before: moments at which a crash is worth trying.
inline constexpr call_set changing_calls{call::make_directory, call::create_file,    call::rename,       call::remove,
                                         call::write_at,       call::allocate,       call::share_blocks, call::sync_file,
                                         call::sync_data,      call::sync_directory, call::sync_range};

// ---- The machine

/// An empty machine without faults: directories "." and "/", no limit, nothing counted, random numbers from seed 1.
void reset();
/// Numbers that fill_random gives from now on. The same seed twice in one log's life repeats its salts, and proves nothing.
void seed_random(std::uint64_t seed);
void set_file_system(os::file_system_kind kind);
/// ENOSPC for what would take more. Each file takes whole pages until it has neither name, descriptor nor mapping.
void limit_disk(std::uint64_t bytes);
inline constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();
[[nodiscard]] std::uint64_t disk_bytes_used();

// ---- Faults

struct fault {
  call_set calls = any_call;
  int number = EIO;
  std::uint64_t nth = 1;  // of the calls that match, from now; the next one is the first
  bool for_ever = false;  // this one and all that follow, until heal()
  std::string name = {};  // part of the file's name; empty matches all. Of a rename, of either name.
};
/// Faults add up; each counts for itself, and crashes do not end them.
void fail(fault what);
void heal();

// ---- Counting and recording

/// Calls since reset(), failed ones too, but not those of dead descriptors.
[[nodiscard]] std::uint64_t count(call_set calls = any_call);

struct event {
  call what;
  std::string name;  // of the file within its directory, or the directory's path; "from to" of a rename
  std::uint64_t offset;
  std::uint64_t bytes;
  int number;  // errno, or 0
  bool operator==(const event&) const = default;
};
/// Starts an empty record, or stops.
void record(bool on);
[[nodiscard]] std::vector<event> events();

// ---- Files from outside: no faults, no counting. All throw std::out_of_range for a path that is not there.

[[nodiscard]] bool exists(const std::string& path);
[[nodiscard]] std::vector<std::string> names(const std::string& directory);
[[nodiscard]] std::vector<std::string> durable_names(const std::string& directory);
[[nodiscard]] std::vector<std::byte> contents(const std::string& path);
[[nodiscard]] std::vector<std::byte> durable_contents(const std::string& path);
/// Damage: changes current and durable bytes alike. Must lie within the file.
void overwrite(const std::string& path, std::uint64_t offset, std::span<const std::byte> bytes);
/// A whole file, durable with its name; replaces one that is there (as rename would: who has that one open keeps it).
void put(const std::string& path, std::span<const std::byte> bytes);
/// All bytes of a file that is there, durable: its inode and its time of birth stay.
void rewrite(const std::string& path, std::span<const std::byte> bytes);
/// The name goes, durably.
void erase(const std::string& path);
/// Both paths lie in one directory.
void add_link(const std::string& path, const std::string& new_path);
/// As cp -r: current bytes, other inodes, other times of birth. All of the copy is durable.
void copy_directory(const std::string& from, const std::string& to);

// ---- Crashes

/// A machine's disk and cache at one moment.
struct disk;
using image = std::shared_ptr<const disk>;
[[nodiscard]] image snapshot();
/// May be done any number of times from one image. A new life, in the boot of the image.
void restore(const image& from);

/// Just before the n-th call from now that matches, the world stops: that call and all that follow answer EIO, so that the
/// process winds down, and the machine stays as it was. All that is asked from outside (contents, snapshot, ...) is answered
/// from that moment. process_death(), power_loss(), restore() or reset() go on from there; the process should be gone
/// by then, since what it opens afterwards by path belongs to the new life.
void crash_at_call(std::uint64_t nth, call_set calls = any_call, const std::string& name = {});
[[nodiscard]] bool crashed();

/// A new life in the same boot: all current bytes and names are still there.
void process_death();

enum class fate : std::uint8_t { random, lost, kept };
struct power_loss_options {
  fate bytes = fate::random;    // that are not durable, and sizes
  fate entries = fate::random;  // pending creations, renames and removals, in their order
  bool torn_words = false;      // a torn page mixes words of 8 bytes instead of sectors of 512
  bool same_boot = false;       // a snapshot of the device in its place, while the machine goes on
};
/// A new life in a new boot. The same seed and machine give the same bytes.
void power_loss(std::uint64_t seed, const power_loss_options& options = {});

/// What the kernel may do at any time: makes about half the pages that are not durable so, and promises nothing.
void write_back(std::uint64_t seed);

}  // namespace varve::testing::memory_os
