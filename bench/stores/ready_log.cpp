// SPDX-License-Identifier: MIT
#include "stores/ready_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

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

}  // namespace

std::uint64_t segment_bytes_for(std::uint64_t records, std::uint64_t payload_bytes) noexcept {
  const std::uint64_t bytes = header_bytes + records * ((frame_header_bytes + payload_bytes + 7) / 8 * 8);
  return (bytes + segment_unit - 1) / segment_unit * segment_unit;
}

std::expected<varve::log, std::string> open_ready(const std::filesystem::path& directory, varve::log_options options) {
  const std::uint64_t segments = 1 + options.prepared_segments;
  options.warm_bytes = segments * options.segment_bytes;
  auto log = varve::log::open(directory, options);
  if (!log) return std::unexpected(log.error().message());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (log->stats().warm_bytes + segments * header_bytes < options.warm_bytes) {
    if (std::chrono::steady_clock::now() > deadline) return std::unexpected("the segments are not ready within a minute");
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
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
