// SPDX-License-Identifier: MIT
#include "stores/in_place_file_store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

#include "floor.hpp"
#include "mapped_file.hpp"

namespace bench {
namespace {

constexpr std::uint64_t page_bytes = 4096;

/// Writes zeros, page by page, so that the cache holds no large folio that would be written back whole.
bool write_blocks(int file, std::uint64_t bytes) {
  const std::array<char, page_bytes> zeros{};
  for (std::uint64_t at = 0; at < bytes; at += page_bytes)
    if (pwrite(file, zeros.data(), page_bytes, static_cast<off_t>(at)) != static_cast<ssize_t>(page_bytes)) return false;
  return fsync(file) == 0;
}

}  // namespace

made<in_place_file_store> in_place_file_store::make(const store_plan& plan) {
  const std::uint64_t needed = plan.records * floor_extent(plan.payload_bytes);
  const std::uint64_t bytes = (needed + page_bytes - 1) / page_bytes * page_bytes;
  const int file = ::open((plan.directory / "in_place").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return std::unexpected(call_failed("open"));
  std::unique_ptr<in_place_file_store> store{new in_place_file_store{file, bytes}};
  if (!write_blocks(file, bytes)) return std::unexpected(call_failed("pwrite"));
  return store;
}

in_place_file_store::~in_place_file_store() { ::close(file_); }

bool in_place_file_store::append(std::string_view payload) {
  const std::uint64_t extent = floor_extent(payload.size());
  const std::uint64_t at = next_.fetch_add(extent, std::memory_order_relaxed);
  if (at + extent > bytes_) return false;
  thread_local std::vector<char> frame;
  frame.assign(extent, '\0');
  std::memcpy(frame.data() + sizeof(floor_header), payload.data(), payload.size());
  return pwrite(file_, frame.data(), extent, static_cast<off_t>(at)) == static_cast<ssize_t>(extent) &&
         fdatasync(file_) == 0;
}

std::string in_place_file_store::check(std::uint64_t records, const payloads& appended) {
  std::vector<char> frame(floor_extent(appended.bytes()));
  for (std::uint64_t i = 0; i < records; ++i) {
    if (pread(file_, frame.data(), frame.size(), static_cast<off_t>(i * frame.size())) != static_cast<ssize_t>(frame.size()))
      return call_failed("pread");
    if (!appended.has({frame.data() + sizeof(floor_header), appended.bytes()})) return "a record has other bytes";
  }
  return {};
}

}  // namespace bench
