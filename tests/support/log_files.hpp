// SPDX-License-Identifier: MIT
//
// log_files.hpp - the files of a log as a test sees and spoils them: where a frame stands, one bit flipped, a directory
// compared before and after, a writer that dies. Finds its way by docs/format.md, not by the code that reads a log.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <varve/log.hpp>
#include <varve/log_view.hpp>

#include "format/sector.hpp"

namespace varve::testing {

using byte_vector = std::vector<std::byte>;

/// Where the state and the meta stand, by docs/format.md: slot 0, slot 1, and both once more.
inline constexpr std::uint64_t state_copies[] = {0, 4096, 8192, 12288};
inline constexpr std::uint64_t meta_copies[] = {0, 8192};

// ---- Any file.
[[nodiscard]] byte_vector read_file(const std::filesystem::path& file);
[[nodiscard]] byte_vector read_part(const std::filesystem::path& file, std::uint64_t offset, std::uint64_t bytes);
/// In place: inode, size and all other bytes stay.
void patch(const std::filesystem::path& file, std::uint64_t offset, std::span<const std::byte> bytes);
void flip_bit(const std::filesystem::path& file, std::uint64_t offset, unsigned bit = 0);
void write_new_file(const std::filesystem::path& file, std::string_view text);

template <class S>
[[nodiscard]] S read_sector(const std::filesystem::path& file, std::uint64_t offset) {
  const auto bytes = read_part(file, offset, format::sector_bytes);
  return std::bit_cast<S>(*reinterpret_cast<const format::sector*>(bytes.data()));
}
/// With a checksum that matches.
template <class S>
void write_sector(const std::filesystem::path& file, std::uint64_t offset, const S& fields) {
  patch(file, offset, format::encode(fields));
}

// ---- A directory.
/// Everything that is to stay as it is: names, bytes, times of last change, permissions, inodes.
struct file_image {
  byte_vector bytes{};
  std::int64_t changed_ns = 0;
  std::uint32_t mode = 0;
  std::uint64_t inode = 0;
  std::string link{};  // where it leads, if it is a symbolic link
  bool operator==(const file_image&) const = default;
};
using directory_image = std::map<std::string, file_image>;
[[nodiscard]] directory_image image_of(const std::filesystem::path& directory);
/// Puts every byte back in place, so that inodes stay; new files go, lost ones are made again.
void restore(const std::filesystem::path& directory, const directory_image& image);

// ---- A log.
/// In the order of the numbers; prepared ones too.
[[nodiscard]] std::vector<std::uint64_t> segment_numbers(const std::filesystem::path& log);
[[nodiscard]] std::filesystem::path segment_path(const std::filesystem::path& log, std::uint64_t number);

struct frame_place {
  std::uint64_t segment = 0, offset = 0, extent = 0;
  std::uint64_t payload = 0, payload_bytes = 0;  // payload: its offset in the file
};
/// Where the frame of a sequence stands; goes from frame to frame by their lengths, whatever else is wrong with them.
[[nodiscard]] frame_place place_of(const std::filesystem::path& log, std::uint64_t sequence);
/// The first byte of a payload that is not empty.
void flip_payload_bit(const std::filesystem::path& log, std::uint64_t sequence);
/// As if the frame's writer had died before its last store.
void clear_stamp(const std::filesystem::path& log, std::uint64_t sequence);
/// As if the machine had been started anew since: what stands above the durable mark may be anything.
void make_power_loss(const std::filesystem::path& log);

// ---- A writer that dies.
/// Runs `life` in a process of its own with the log open, and ends that process as kill -9 would: nothing is closed. Fails
/// the test if the log does not open, or `life` says that something went wrong (see must()).
void die_with(const std::filesystem::path& log, const log_options& options, const std::function<void(varve::log&)>& life);
/// Opens the log in a process of its own, which dies at the `nth` time that a named point is reached, or once it is open.
void die_opening(const std::filesystem::path& log, const char* point, int nth = 1);
/// In that process: ends it as a failure.
void must(bool held) noexcept;
/// In that process: dies at the `nth` time a named point is reached.
void die_at(const char* point, int nth = 1) noexcept;
/// In any process: whoever reaches this point sleeps for ever.
void sleep_at(const char* point) noexcept;

/// While it lives, the thread that reaches the point for the `nth` time stays there until release(), or its end.
class held_point {
 public:
  explicit held_point(const char* name, int nth = 1) noexcept;
  ~held_point() { release(); }
  held_point(const held_point&) = delete;
  held_point& operator=(const held_point&) = delete;
  void wait_until_reached() const noexcept;
  void release() noexcept;
};

/// Appends each letter as a record.
void append_all(varve::log& log, std::string_view letters);
/// In a process that then dies: appends `letters`, with a sync behind the first `synced` of them.
void die_after(const std::filesystem::path& log, std::string_view letters, std::size_t synced = 0,
               const log_options& options = {.segment_bytes = 64 * 1024});

// ---- What a log, or a view, says.
/// The letters of the rows that were found.
[[nodiscard]] std::string rows_of(const recovery_report& report);
/// All that a report says.
[[nodiscard]] std::string text_of(const recovery_report& report);
/// What verify() answers, which must be the same whatever the number of threads; it fails the test if it is not.
[[nodiscard]] result<recovery_report> verify_on_threads(const std::filesystem::path& log);

/// What read() says of each published sequence: a text, "-" where it is abandoned, otherwise the name of the error.
template <class Log>
[[nodiscard]] std::string texts_of(const Log& log) {
  std::string all;
  for (std::uint64_t s = 1; s <= log.published_sequence().value; ++s) {
    const auto r = log.read({s});
    if (r) {
      all += r->text();
    } else {
      all += r.error().code() == errc::abandoned ? "-" : name_of(r.error().code());
    }
    all += ' ';
  }
  return all;
}

}  // namespace varve::testing
