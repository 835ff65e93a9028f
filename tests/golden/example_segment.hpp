// SPDX-License-Identifier: MIT
//
// example_segment.hpp - the worked example of docs/format.md: a whole segment of 64 KiB with five frames, and its dump with
// a note on every line. Made here, so that the document cannot drift from the code.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/segment_header.hpp"
#include "unit/format/frame_builder.hpp"

namespace varve::testing {

/// One line for each word of 8 bytes that is not zero or has a note: its offset, its bytes as they stand, the note. Lines
/// that would hold nothing are left out, as `*` if `with_stars`.
inline std::string dump(std::span<const std::byte> bytes, const std::map<std::size_t, std::string>& notes = {},
                        bool with_stars = false) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  bool is_left_out = false;
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    const auto word = bytes.subspan(at, 8);
    const auto note = notes.find(at);
    if (note == notes.end() && std::ranges::all_of(word, [](std::byte b) { return b == std::byte{0}; })) {
      if (with_stars && !is_left_out) text += "*\n";
      is_left_out = true;
      continue;
    }
    is_left_out = false;
    for (int shift = 16; shift >= 0; shift -= 4) text += digits[at >> shift & 15];
    text += ' ';
    for (const std::byte b : word) {
      text += ' ';
      text += digits[std::to_integer<unsigned>(b) >> 4];
      text += digits[std::to_integer<unsigned>(b) & 15];
    }
    if (note != notes.end()) text += "  " + note->second;
    text += '\n';
  }
  if (with_stars) {  // where it ends, since the last lines may be left out
    for (int shift = 16; shift >= 0; shift -= 4) text += digits[bytes.size() >> shift & 15];
    text += '\n';
  }
  return text;
}

/// The example: the frames as they were appended, the bytes, and the notes.
struct example_segment {
  static constexpr std::uint64_t number = 7, predecessor = 6, successor = 8;
  static constexpr std::uint64_t base = 1000, salt = 0x9c3f5a7e12d4b680, predecessor_salt = 0xd1b54a32d192ed03;
  static constexpr std::uint64_t time_ns = 1'700'000'000'000'000'000;
  static constexpr std::uint64_t file_bytes = format::segment_bytes_min;

  std::vector<frame_parts> frames{
      {.type = 1, .payload = "first"},
      {.flags = format::frame_flags::goes_on, .type = 2, .payload = "two"},
      {.flags = format::frame_flags::begins_inside, .type = 2, .payload = "three"},
      {.kind = 3, .extent = 32},
      {.extension = {time_ns}, .payload = "short", .extent = 56},
  };
  byte_vector bytes = byte_vector(file_bytes);
  std::map<std::size_t, std::string> notes{};
  std::uint64_t end_of_frames = format::segment_header_bytes;

  example_segment() {
    add_frames();
    add_header();
  }

  [[nodiscard]] std::string text() const { return dump(bytes, notes, true); }

 private:
  void add_frames() {
    static constexpr const char* kinds[] = {"", "record", "chunk", "skip", "lost"};
    std::uint64_t sequence = base;
    for (auto& parts : frames) {
      parts.sequence = sequence++;
      parts.salt = salt;
      parts.offset = end_of_frames;
      const auto frame = build(parts);
      std::ranges::copy(frame, bytes.begin() + static_cast<std::ptrdiff_t>(end_of_frames));
      const std::size_t at = end_of_frames, payload = at + 24 + 8 * parts.extension.size();
      end_of_frames += frame.size();

      notes[at] = "stamp: sequence " + std::to_string(parts.sequence) + " XOR salt";
      notes[at + 8] = "checksum";
      notes[at + 16] = "length " + std::to_string(get(frame, 16, 4)) + ", " + kinds[parts.kind] +
                       (frame.size() > payload - at + 8 && parts.kind == 1 ? ", short with 1 extension word" : "") +
                       ((parts.flags & 1) != 0 ? ", goes on" : "") + ((parts.flags & 2) != 0 ? ", begins inside" : "") +
                       ", type " + std::to_string(parts.type);
      if (!parts.extension.empty()) notes[at + 24] = "extension word 1: time";
      if (parts.kind == 1) notes[payload] = "\"" + std::string{parts.payload} + "\", padding";
      if (parts.kind == 3) notes[at + 24] = "nothing: the claim was abandoned before a byte was stored";
      if (!parts.extension.empty()) {
        notes[payload + 8] = "extent " + std::to_string(frame.size());
        notes[payload + 16] = "ignored: claimed, not published";
      }
    }
  }

  void add_header() {
    format::uuid log{};
    for (unsigned i = 0; i < log.size(); ++i) log[i] = static_cast<std::byte>(0xa0 + i);
    format::identity identity{.log = log,
                              .checksum_kind = 1,
                              .frame_alignment_log2 = 3,
                              .version_info_bytes = 7,
                              .number = number,
                              .file_bytes = file_bytes,
                              .capacity = file_bytes,
                              .created_ns = time_ns,
                              .index_stride_bytes = 4096};
    std::ranges::copy(std::string_view{"example"}, identity.version_info.begin());
    place(format::identity_offset, format::encode(identity));
    place(format::activation_offset, format::encode(format::activation{.base = base,
                                                                       .salt = salt,
                                                                       .epoch = 3,
                                                                       .predecessor = predecessor,
                                                                       .predecessor_salt = predecessor_salt,
                                                                       .time_ns = time_ns}));
    place(format::end_offset, format::encode(format::end{.salt = salt,
                                                         .offset = end_of_frames,
                                                         .last = base + frames.size() - 1,
                                                         .successor = successor,
                                                         .cause = format::end_cause::roll}));
    note_words(format::identity_offset,
               {"magic \"VARVSEGM\"", "version 2", "UUID of the log", "", "features: compatible, read-only compatible",
                "incompatible; checksum 1, alignment 2^3, 7 bytes of version information", "number 7", "file of 65536 bytes",
                "capacity 65536", "time", "index stride 4096", "\"example\""});
    note_words(format::activation_offset, {"magic \"VARVACTV\"", "version 2", "base 1000", "salt", "epoch 3",
                                           "predecessor: segment 6", "its salt", "time"});
    note_words(format::end_offset, {"magic \"VARVSEND\"", "version 2", "salt: this use of the file",
                                    "the frames end at " + std::to_string(end_of_frames), "last sequence 1004",
                                    "successor: segment 8", "cause: roll"});
    for (const auto sector : {format::identity_offset, format::activation_offset, format::end_offset})
      notes[sector + 504] = "checksum of the sector";
  }

  void place(std::uint64_t offset, const format::sector& sector) {
    std::ranges::copy(sector, bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  void note_words(std::uint64_t offset, const std::vector<std::string>& texts) {
    for (const auto& text : texts) {
      if (!text.empty()) notes[offset] = text;
      offset += 8;
    }
  }
};

}  // namespace varve::testing
