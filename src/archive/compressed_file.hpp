// SPDX-License-Identifier: MIT
//
// compressed_file.hpp - a file that is one frame of zstd: written and read from its start to its end. Layer archive.
//
// The frame says how much it holds and carries a checksum of that, so what was cut short or spoiled is found out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "os/file.hpp"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace varve::core {

class compressor {
 public:
  /// Of just `bytes` bytes, into the empty file `to`. ENOMEM.
  [[nodiscard]] static os::result<compressor> begin(const os::file& to, int level, std::uint64_t bytes);

  [[nodiscard]] os::result<void> write(std::span<const std::byte> bytes);
  /// All are written.
  [[nodiscard]] os::result<void> finish();
  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return offset_; }

 private:
  struct deleter {
    void operator()(ZSTD_CCtx_s* context) const noexcept;
  };
  explicit compressor(const os::file& to) : to_(&to) {}
  [[nodiscard]] os::result<void> run(std::span<const std::byte> bytes, bool is_last);

  const os::file* to_;
  std::unique_ptr<ZSTD_CCtx_s, deleter> context_;
  std::vector<std::byte> out_;
  std::uint64_t offset_ = 0;
};

class decompressor {
 public:
  [[nodiscard]] static os::result<decompressor> begin(const os::file& from);

  /// How many bytes were read: fewer than asked for only at the end. EBADMSG: the file is not what was written.
  [[nodiscard]] os::result<std::size_t> read(std::span<std::byte> bytes);

 private:
  struct deleter {
    void operator()(ZSTD_DCtx_s* context) const noexcept;
  };
  explicit decompressor(const os::file& from) : from_(&from) {}
  [[nodiscard]] os::result<bool> fill();

  const os::file* from_;
  std::unique_ptr<ZSTD_DCtx_s, deleter> context_;
  std::vector<std::byte> in_;
  std::size_t filled_ = 0, taken_ = 0;  // of in_
  std::uint64_t offset_ = 0;
  bool ended_ = false;
};

}  // namespace varve::core
