// SPDX-License-Identifier: MIT
//
// mapped_file.hpp - a file of fixed size in memory, prepared for writing as a segment of varve is.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <span>
#include <string>

namespace bench {

class mapped_file {
 public:
  /// Makes the file: blocks allocated, its size and entry durable, mapped, every page brought in for writing.
  [[nodiscard]] static std::expected<mapped_file, std::string> create(const std::filesystem::path& path,
                                                                      std::uint64_t bytes);
  /// Maps a file that is there, for reading.
  [[nodiscard]] static std::expected<mapped_file, std::string> open(const std::filesystem::path& path);

  /// No file: no bytes.
  [[nodiscard]] static mapped_file none() noexcept { return mapped_file{{}}; }

  mapped_file(mapped_file&& other) noexcept;
  mapped_file& operator=(mapped_file&& other) noexcept;
  ~mapped_file();

  [[nodiscard]] std::span<char> bytes() const noexcept { return bytes_; }
  /// Waits until the device has it.
  [[nodiscard]] bool sync() const noexcept;

 private:
  explicit mapped_file(std::span<char> bytes) noexcept : bytes_{bytes} {}
  std::span<char> bytes_;
};

/// "open: No such file or directory"
[[nodiscard]] std::string call_failed(const char* call);

}  // namespace bench
