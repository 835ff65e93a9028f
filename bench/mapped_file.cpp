// SPDX-License-Identifier: MIT
#include "mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace bench {
namespace {

std::expected<std::span<char>, std::string> map(int file, std::uint64_t bytes, int protection) {
  void* const at = mmap(nullptr, bytes, protection, MAP_SHARED, file, 0);
  if (at == MAP_FAILED) return std::unexpected(call_failed("mmap"));
  return std::span{static_cast<char*>(at), bytes};
}

std::expected<std::span<char>, std::string> prepare(int file, const std::filesystem::path& path, std::uint64_t bytes) {
  if (posix_fallocate(file, 0, static_cast<off_t>(bytes)) != 0) return std::unexpected("posix_fallocate failed");
  if (fsync(file) != 0) return std::unexpected(call_failed("fsync"));
  const int directory = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return std::unexpected(call_failed("open"));
  const bool synced = fsync(directory) == 0;
  ::close(directory);
  if (!synced) return std::unexpected(call_failed("fsync"));
  const auto mapped = map(file, bytes, PROT_READ | PROT_WRITE);
  if (mapped && madvise(mapped->data(), bytes, MADV_POPULATE_WRITE) != 0) return std::unexpected(call_failed("madvise"));
  return mapped;
}

}  // namespace

std::string call_failed(const char* call) { return std::string{call} + ": " + std::strerror(errno); }

std::expected<mapped_file, std::string> mapped_file::create(const std::filesystem::path& path, std::uint64_t bytes) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return std::unexpected(call_failed("open"));
  const auto mapped = prepare(file, path, bytes);
  ::close(file);
  if (!mapped) return std::unexpected(mapped.error());
  return mapped_file{*mapped};
}

std::expected<mapped_file, std::string> mapped_file::open(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::unexpected(call_failed("open"));
  struct stat found{};
  const bool known = fstat(file, &found) == 0;
  const auto mapped =
      known ? map(file, static_cast<std::uint64_t>(found.st_size), PROT_READ) : std::unexpected(call_failed("fstat"));
  ::close(file);
  if (!mapped) return std::unexpected(mapped.error());
  return mapped_file{*mapped};
}

mapped_file::mapped_file(mapped_file&& other) noexcept : bytes_{std::exchange(other.bytes_, {})} {}

mapped_file& mapped_file::operator=(mapped_file&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

mapped_file::~mapped_file() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

bool mapped_file::sync() const noexcept { return msync(bytes_.data(), bytes_.size(), MS_SYNC) == 0; }

}  // namespace bench
