// SPDX-License-Identifier: MIT
//
// directory_picture.hpp - everything about the files of a directory that writing to them would change.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "base/checksum.hpp"
#include "support/dice.hpp"

namespace varve::testing {

struct file_picture {
  std::uint64_t inode = 0, bytes = 0, sum = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;

  bool operator==(const file_picture&) const = default;
};

/// Block by block, and blocks of zeros add nothing: most of a young segment was never written, and must cost no time.
[[nodiscard]] inline std::uint64_t sum_of_file(int descriptor) {
  constexpr std::uint64_t block_bytes = std::uint64_t{64} << 10;
  std::vector<std::byte> block(block_bytes);
  const std::vector<std::byte> zeros(block_bytes);
  std::uint64_t sum = 0;
  for (std::uint64_t at = 0;; at += block_bytes) {
    const off_t written = ::lseek(descriptor, static_cast<off_t>(at), SEEK_DATA);
    if (written == -1) return sum;  // ENXIO: nothing more
    at = static_cast<std::uint64_t>(written) / block_bytes * block_bytes;
    const ssize_t n = ::pread(descriptor, block.data(), block.size(), static_cast<off_t>(at));
    if (n < 0) throw std::system_error{errno, std::generic_category(), "pread"};
    const auto here = std::span{block}.first(static_cast<std::size_t>(n));
    if (std::memcmp(here.data(), zeros.data(), here.size()) != 0) sum += mixed(core::sum_of_structure(here) ^ at);
  }
}

[[nodiscard]] inline file_picture picture_of_file(const std::filesystem::path& path, bool with_sum) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (descriptor == -1 || ::fstat(descriptor, &status) != 0) throw std::system_error{errno, std::generic_category(), path};
  const auto ns = [](const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; };
  const file_picture picture{.inode = status.st_ino,
                             .bytes = static_cast<std::uint64_t>(status.st_size),
                             .sum = with_sum ? sum_of_file(descriptor) : 0,
                             .modified_ns = ns(status.st_mtim),
                             .changed_ns = ns(status.st_ctim)};
  ::close(descriptor);
  return picture;
}

using directory_picture = std::map<std::string, file_picture>;

/// The directory itself stands in it as ".". Empty if there is none. Bytes are summed in all files but old segments, whose
/// times say enough.
[[nodiscard]] inline directory_picture picture_of(const std::filesystem::path& directory,
                                                  std::size_t segments_with_sum = 3) {
  directory_picture all;
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0) return all;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator{directory}) paths.push_back(entry.path());
  std::ranges::sort(paths, std::greater{});  // the newest segments first
  std::size_t segments = 0;
  for (const auto& path : paths) {
    const bool is_segment = path.extension() == ".seg";
    all[path.filename()] = picture_of_file(path, !is_segment || segments++ < segments_with_sum);
  }
  all["."] = {.inode = status.st_ino,
              .modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
  return all;
}

/// The first file that differs; empty if none does.
[[nodiscard]] inline std::string difference(const directory_picture& a, const directory_picture& b) {
  for (const auto& [name, picture] : a) {
    const auto other = b.find(name);
    if (other == b.end()) return name + " is gone";
    if (other->second.sum != picture.sum) return name + " has other bytes";
    if (other->second != picture) return name + " has another inode, size or time";
  }
  for (const auto& [name, picture] : b)
    if (!a.contains(name)) return name + " is new";
  return {};
}

}  // namespace varve::testing
