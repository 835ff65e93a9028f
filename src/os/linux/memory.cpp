// SPDX-License-Identifier: MIT
//
// memory.cpp - mapped files of Linux. Layer os.
#include "os/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "os/linux/call.hpp"

namespace varve::os {
namespace {

std::uint64_t page_bytes() noexcept {
  static const auto bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

/// The pages of `m` that hold [offset, offset + bytes), as far as there are any.
std::span<std::byte> pages_of(const mapping& m, std::uint64_t offset, std::uint64_t bytes) noexcept {
  const std::uint64_t size = m.bytes().size();
  if (offset >= size || bytes == 0) return {};
  const std::uint64_t page = page_bytes();
  const std::uint64_t begin = offset / page * page;
  // `size` is below 2^63 and `bytes` is clamped to it first, so nothing here wraps.
  const std::uint64_t end = offset + std::min(bytes, size - offset);
  const std::uint64_t rounded_end = std::min(size, (end + page - 1) / page * page);
  return m.bytes().subspan(begin, rounded_end - begin);
}

result<void> populate(const mapping& m, std::uint64_t offset, std::uint64_t bytes, int how) noexcept {
  const std::span<std::byte> pages = pages_of(m, offset, bytes);
  if (pages.empty()) return {};
  const auto populated = done([&] { return ::madvise(pages.data(), pages.size(), how); });
  // Linux before 5.14 does not know the advice; then the pages come in at their first use.
  if (!populated && populated.error().number == EINVAL) return {};
  return populated;
}

}  // namespace

void unmap(std::span<std::byte> bytes) noexcept { static_cast<void>(::munmap(bytes.data(), bytes.size())); }

result<mapping> map(const file& f, std::uint64_t bytes, access mode, std::uint64_t offset) noexcept {
  const result<file_status> status = status_of(f);
  if (!status) return std::unexpected{status.error()};
  if (bytes == 0 || status->bytes < offset || status->bytes - offset < bytes) return failed_with(EINVAL);
  const int protection = mode == access::read ? PROT_READ : PROT_READ | PROT_WRITE;
  void* const start = ::mmap(nullptr, bytes, protection, MAP_SHARED, f.descriptor(), static_cast<off_t>(offset));
  if (start == MAP_FAILED) return last_failure();
  return mapping{{static_cast<std::byte*>(start), bytes}};
}

result<void> sync_range(const mapping& m, std::uint64_t offset, std::uint64_t bytes) noexcept {
  const std::span<std::byte> pages = pages_of(m, offset, bytes);
  if (pages.empty()) return {};
  return done([&] { return ::msync(pages.data(), pages.size(), MS_SYNC); });
}

result<void> populate_for_reading(const mapping& m, std::uint64_t offset, std::uint64_t bytes) noexcept {
  return populate(m, offset, bytes, MADV_POPULATE_READ);
}

result<void> populate_for_writing(const mapping& m, std::uint64_t offset, std::uint64_t bytes) noexcept {
  return populate(m, offset, bytes, MADV_POPULATE_WRITE);
}

result<mapping> map_private(std::uint64_t bytes) noexcept {
  void* const start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return last_failure();
  return mapping{{static_cast<std::byte*>(start), bytes}};
}

result<mapping> map_wiped_on_fork() noexcept {
  auto page = map_private(page_bytes());
  if (!page) return page;
  const auto bytes = page->bytes();
  if (const auto advised = done([&] { return ::madvise(bytes.data(), bytes.size(), MADV_WIPEONFORK); }); !advised) {
    return std::unexpected{advised.error()};
  }
  return page;
}

}  // namespace varve::os
