// SPDX-License-Identifier: MIT
//
// spoiled_log.hpp - logs whose bytes somebody has changed who knows the format: checksums are repaired, so that the rule
// behind each of them is what is met.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <varve/varve.hpp>

#include "format/segment_header.hpp"
#include "hostile/spoiled_directory.hpp"
#include "support/catch.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"
#include "unit/format/frame_builder.hpp"

namespace varve::testing {

/// How a log was left by its last writer, and where the durable mark then stood.
enum class left { closed, dead_all_durable, dead, power_lost };

/// Records of 40 bytes, all of one letter, "a" and so on, in one segment of 64 KiB; frames of 64 bytes from 4096 on. Of one
/// that was not closed the first record alone is durable, or all are.
class small_log {
 public:
  static constexpr std::uint64_t records = 6, extent = 64;

  explicit small_log(left how) {
    die_with(dir, {.segment_bytes = format::segment_bytes_min}, [how](log& l) {
      for (std::uint64_t s = 1; s <= records; ++s) {
        must(l.append(text(s)).has_value());
        if (s == 1 || how == left::dead_all_durable) must(l.sync().has_value());
      }
      if (how == left::closed) must(l.close().has_value());
    });
    if (how == left::power_lost) make_power_loss(dir);
    number = place_of(dir, 1).segment;
    file = segment_path(dir, number);
    image = image_of(dir);
  }
  void restore_all() const { restore(dir, image); }
  [[nodiscard]] static std::string text(std::uint64_t s) { return std::string(40, static_cast<char>('a' + s - 1)); }
  [[nodiscard]] static constexpr std::uint64_t offset_of(std::uint64_t s) { return 4096 + (s - 1) * extent; }

 private:
  fast_dir place_;

 public:
  const fs::path dir = place_.path();
  fs::path file;
  std::uint64_t number = 0;
  directory_image image;
};

/// What read() says of each published sequence, one character each: the letter of a record that is right, "?" of any other;
/// "-" abandoned, "!" damaged, "." not there.
template <class Log>
[[nodiscard]] std::string letters_of(const Log& log, std::uint64_t up_to = 0) {
  std::string all;
  if (up_to == 0) up_to = log.published_sequence().value;
  for (std::uint64_t s = 1; s <= up_to; ++s) {
    const auto r = log.read({s});
    if (r) {
      all += s <= small_log::records && r->text() == small_log::text(s) ? r->text()[0] : '?';
      continue;
    }
    const errc code = r.error().code();
    const bool is_known =
        code == errc::abandoned || code == errc::damaged || code == errc::not_yet || code == errc::past_end;
    if (!is_known) FAIL("record " << s << ": " << r.error().message());
    all += code == errc::abandoned ? '-' : code == errc::damaged ? '!' : '.';
  }
  return all;
}

/// A frame of a segment that is changed byte by byte. `bytes` reaches from its stamp to the end of the segment.
struct frame_editor {
  byte_vector bytes;
  frame_parts parts;  // sequence, salt and offset of the place where it stands

  void put_in(std::size_t at, std::uint64_t value, std::size_t size) { put(bytes, at, value, size); }
  void stamp(std::uint64_t value) { put(bytes, 0, value, 8); }
  void sum(std::uint64_t value) { put(bytes, 8, value, 8); }
  void length(std::uint64_t value) { put(bytes, 16, value, 4); }
  void kind(std::uint64_t value) { put(bytes, 20, value, 1); }
  void flags(std::uint64_t value) { put(bytes, 21, value, 1); }
  void repair() { refresh_checksum(bytes, parts); }
  /// A frame that was built, in place of this one.
  void replace(const byte_vector& frame) { std::ranges::copy(frame, bytes.begin()); }
};

[[nodiscard]] inline frame_editor edit_frame(const fs::path& file, std::uint64_t sequence, std::uint64_t offset) {
  const auto a = read_sector<format::activation>(file, format::activation_offset);
  return {.bytes = read_part(file, offset, format::segment_bytes_min - offset),
          .parts = {.sequence = sequence, .salt = a.salt, .offset = offset, .payload = {}}};
}

}  // namespace varve::testing
