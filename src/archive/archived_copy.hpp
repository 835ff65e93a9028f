// SPDX-License-Identifier: MIT
//
// archived_copy.hpp - the copy of one segment in an archive: NUMBER.seg, or NUMBER.seg.zst if it is compressed. Layer
// archive.
//
// Both hold the segment's bytes from its first to its end; a plain one has the segment's size and nothing behind the end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "archive/compressed_file.hpp"
#include "os/file.hpp"
#include "store/log_place.hpp"
#include "store/segment_copy.hpp"

namespace varve::core {

/// How the copy of a segment is stored.
enum class packing : std::uint8_t { plain, compressed };

[[nodiscard]] std::string copy_name(std::uint64_t number, packing how);
/// Under which a copy is written. No name of a log's.
[[nodiscard]] std::string temporary_copy_name(std::uint64_t number, packing how);
struct copy_name_parts {
  std::uint64_t number;
  packing how;
};
[[nodiscard]] std::optional<copy_name_parts> parse_copy_name(std::string_view name) noexcept;

/// Reads a copy from its start, unpacked.
class copy_reader {
 public:
  [[nodiscard]] static os::result<copy_reader> open(const os::file& directory, const std::string& name, packing how);
  copy_reader(copy_reader&&) noexcept = default;

  /// Fewer than asked for only at the end; of a plain copy that is the end of the file. EBADMSG: it is not what was written.
  [[nodiscard]] os::result<std::size_t> read(std::span<std::byte> bytes);
  [[nodiscard]] const os::file& file() const noexcept { return *file_; }

 private:
  copy_reader() = default;
  std::unique_ptr<os::file> file_;  // stays where it is: the decompressor reads it
  std::optional<decompressor> unpacker_;
  std::uint64_t offset_ = 0;
};

/// Does the copy hold just what a copy of `source` is to hold?
[[nodiscard]] os::result<bool> is_copy_of(const os::file& directory, const std::string& name, packing how,
                                          const copy_source& source);

/// Writes the copy of a sealed segment under `name`, which is new, and makes the file durable.
///
/// level  of compression.
[[nodiscard]] result<void> write_copy(const log_place& from, const copy_source& source, const log_place& archive,
                                      const std::string& name, packing how, int level, std::uint32_t permissions);

}  // namespace varve::core
