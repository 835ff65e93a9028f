// SPDX-License-Identifier: MIT
#include "stores/ready_log.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "mapped_file.hpp"

namespace bench {
namespace {

constexpr std::uint64_t header_bytes = 4096, frame_header_bytes = 24, segment_unit = 64 << 10;

std::vector<std::filesystem::path> segments_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator{directory})
    if (entry.path().extension() == ".seg") found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

/// Where this process has `file` mapped for writing.
std::optional<std::span<char>> mapping_of(const std::filesystem::path& file) {
  const std::string name = std::filesystem::canonical(file).string();
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with(name) || line.find("rw-s") == std::string::npos) continue;
    std::istringstream range{line};
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    range >> std::hex >> begin >> dash >> end;
    return std::span{reinterpret_cast<char*>(begin), end - begin};
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t segment_bytes_for(std::uint64_t records, std::uint64_t payload_bytes) noexcept {
  const std::uint64_t bytes = header_bytes + records * ((frame_header_bytes + payload_bytes + 7) / 8 * 8);
  return (bytes + segment_unit - 1) / segment_unit * segment_unit;
}

std::expected<varve::log, std::string> open_ready(const std::filesystem::path& directory,
                                                  const varve::log_options& options) {
  auto log = varve::log::open(directory, options);
  if (!log) return std::unexpected(log.error().message());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (log->stats().prepared < options.prepared_segments) {
    if (std::chrono::steady_clock::now() > deadline) return std::unexpected("no segment is prepared within 30 s");
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  // A log brings in pages from its first roll on; here the first segment counts.
  const auto first = mapping_of(segments_of(directory).front());
  if (!first) return std::unexpected("the first segment is not mapped");
  if (madvise(first->data(), first->size(), MADV_POPULATE_WRITE) != 0) return std::unexpected(call_failed("madvise"));
  return std::move(*log);
}

void discard_records(const std::filesystem::path& directory) {
  for (const auto& segment : segments_of(directory)) {
    const int file = ::open(segment.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) continue;
    // If it fails, closing takes longer.
    static_cast<void>(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, header_bytes,
                                static_cast<off_t>(std::filesystem::file_size(segment) - header_bytes)));
    ::close(file);
  }
}

}  // namespace bench
