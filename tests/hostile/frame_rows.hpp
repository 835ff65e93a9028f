// SPDX-License-Identifier: MIT
//
// frame_rows.hpp - what may be wrong with a frame, and what then becomes of the log.
#pragma once

#include <optional>
#include <string>

#include "hostile/spoiled_log.hpp"

namespace varve::testing {

/// The second frame of small_log is spoiled.
struct frame_row {
  const char* name;
  void (*spoil)(frame_editor& f);
  std::optional<format::frame_fault>
      met;                 // the rule of docs/format.md section 8 that is reached; none: rule 1, another stamp
  const char* closed;      // what a log that was closed shows of its six records
  const char* death;       // what is left after a death, and by which rows of the recovery table
  const char* power_loss;  // likewise
  std::uint64_t sequence = 2, offset = small_log::offset_of(2);  // where it is damage if it was durable; 0: nowhere
};

constexpr std::uint64_t room_of_second = format::segment_bytes_min - small_log::offset_of(2);

/// With its own payload, for what is built anew.
[[nodiscard]] inline frame_parts parts_of(const frame_editor& f, std::string_view payload) {
  auto parts = f.parts;
  parts.payload = payload;
  return parts;
}

/// A short frame of `used` bytes whose extent word says `extent`.
inline void make_short(frame_editor& f, std::uint64_t used, std::uint64_t extent) {
  f.length(used);
  f.flags(format::frame_flags::is_short);
  const std::uint64_t end = 24 + used, padded_end = (end + 7) / 8 * 8;
  f.put_in(end, 0, padded_end - end);
  f.put_in(padded_end, extent, 8);
  f.repair();
}

inline void set_length(frame_editor& f, std::uint64_t length) {
  f.length(length);
  f.repair();
}

/// A skip or a lost frame of this length.
inline void make_filler(frame_editor& f, unsigned kind, std::uint64_t length, unsigned flags = 0) {
  f.kind(kind);
  f.flags(flags);
  set_length(f, length);
}

inline void set_flags(frame_editor& f, unsigned flags) {
  f.flags(flags);
  f.repair();
}

inline void set_kind(frame_editor& f, unsigned kind) {
  f.kind(kind);
  f.repair();
}

/// As it would be elsewhere: all that its checksum binds but one thing.
inline void replace_with(frame_editor& f, std::uint64_t sequence, std::uint64_t salt, std::uint64_t offset,
                         checksum sum = checksum::xxh3) {
  auto parts = parts_of(f, "forty bytes, as all the others are: 2222");
  parts.sequence = sequence;
  parts.salt = salt;
  parts.offset = offset;
  parts.sum = sum;
  f.replace(build(parts));
}

using fault = format::frame_fault;
using frame = frame_editor;

inline const frame_row length_rows[] = {
    {"length 0, the payload still there", [](frame& f) { set_length(f, 0); }, fault::none, "a?!def", "a?-def M", "a? R", 3,
     4184},
    {"length 1", [](frame& f) { set_length(f, 1); }, fault::padding, "a!cdef", "a LQ", "a Q"},
    {"length 39", [](frame& f) { set_length(f, 39); }, fault::padding, "a!cdef", "a LQ", "a Q"},
    {"length 41: the padding is the next frame's stamp", [](frame& f) { set_length(f, 41); }, fault::padding, "a!cdef",
     "a LQ", "a Q"},
    {"length 48: the next frame's stamp is payload", [](frame& f) { set_length(f, 48); }, fault::none, "a?!def", "a?-def M",
     "a? R", 3, 4232},
    {"length 104: the whole next frame is payload", [](frame& f) { set_length(f, 104); }, fault::none, "a?!!ef", "a?--ef M",
     "a? R", 3, 4288},
    {"length up to the end of the segment", [](frame& f) { set_length(f, room_of_second - 24); }, fault::none, "a!cdef",
     "a? ", "a? ", 3, format::segment_bytes_min},
    {"length one more than the segment has", [](frame& f) { set_length(f, room_of_second - 23); }, fault::extent, "a!cdef",
     "a LQ", "a Q"},
    {"length of the segment", [](frame& f) { set_length(f, format::segment_bytes_min); }, fault::extent, "a!cdef", "a LQ",
     "a Q"},
    {"length 2^31 - 1", [](frame& f) { set_length(f, 0x7fffffff); }, fault::extent, "a!cdef", "a LQ", "a Q"},
    {"length 2^31", [](frame& f) { set_length(f, 0x80000000); }, fault::extent, "a!cdef", "a LQ", "a Q"},
    {"length 2^32 - 24: with the header 0 in 32 bits", [](frame& f) { set_length(f, 0xffffffe8); }, fault::extent, "a!cdef",
     "a LQ", "a Q"},
    {"length 2^32 - 7: rounded up 0 in 32 bits", [](frame& f) { set_length(f, 0xfffffff9); }, fault::extent, "a!cdef",
     "a LQ", "a Q"},
    {"length 2^32 - 1", [](frame& f) { set_length(f, 0xffffffff); }, fault::extent, "a!cdef", "a LQ", "a Q"},
    {"length 2^32 - 1 and fifteen extension words",
     [](frame& f) {
       f.flags(0xf0);
       set_length(f, 0xffffffff);
     },
     fault::extent, "a!cdef", "a LQ", "a Q"},
    {"two extension words that are frames",
     [](frame& f) {
       f.flags(0x20);
       set_length(f, 24);
     },
     fault::none, "a?cdef", "a?cdef ", "a?cdef ", 0},
    {"one extension word too many", [](frame& f) { set_flags(f, 0x10); }, fault::none, "a?!def", "a?-def M", "a? R", 3,
     4232},
    {"padding: its first byte",
     [](frame& f) {
       f.put_in(24 + 35, 1, 1);
       f.put_in(24 + 36, 0, 4);
       set_length(f, 35);
     },
     fault::padding, "a!cdef", "a LQ", "a Q"},
    {"padding: its last byte",
     [](frame& f) {
       f.put_in(24 + 35, 0, 4);
       f.put_in(24 + 39, 0x80, 1);
       set_length(f, 35);
     },
     fault::padding, "a!cdef", "a LQ", "a Q"},
};

inline const frame_row kind_rows[] = {
    {"kind 0", [](frame& f) { set_kind(f, 0); }, fault::kind, "a!cdef", "a LQ", "a Q"},
    {"kind 6", [](frame& f) { set_kind(f, 6); }, fault::kind, "a!cdef", "a LQ", "a Q"},
    {"kind 255", [](frame& f) { set_kind(f, 255); }, fault::kind, "a!cdef", "a LQ", "a Q"},
    {"flag bit 3", [](frame& f) { set_flags(f, 8); }, fault::flags, "a!cdef", "a LQ", "a Q"},
    {"all flags", [](frame& f) { set_flags(f, 255); }, fault::flags, "a!cdef", "a LQ", "a Q"},
    {"begins inside a batch that has no head", [](frame& f) { set_flags(f, 2); }, fault::none, "abcdef", "a-cdef K", "a Q"},
    {"goes on, and the next does not begin inside", [](frame& f) { set_flags(f, 1); }, fault::none, "abcdef", "abcdef ",
     "abcdef ", 0},
    {"a skip", [](frame& f) { make_filler(f, 3, 40); }, fault::none, "a-cdef", "a-cdef ", "a-cdef ", 0},
    {"a lost frame", [](frame& f) { make_filler(f, 4, 40); }, fault::none, "a-cdef", "a-cdef ", "a-cdef ", 0},
    {"a frame that was given up", [](frame& f) { make_filler(f, 5, 40); }, fault::none, "a!cdef", "a!cdef ", "a!cdef ", 0},
    {"a skip of length 0", [](frame& f) { make_filler(f, 3, 0); }, fault::none, "a-!def", "a--def M", "a- R", 3, 4184},
    {"a skip that goes on", [](frame& f) { make_filler(f, 3, 40, 1); }, fault::flags, "a!cdef", "a LQ", "a Q"},
    {"a lost frame that begins inside", [](frame& f) { make_filler(f, 4, 40, 2); }, fault::flags, "a!cdef", "a LQ", "a Q"},
    {"a short skip", [](frame& f) { make_filler(f, 3, 40, 4); }, fault::flags, "a!cdef", "a LQ", "a Q"},
    {"a lost frame with extension words", [](frame& f) { make_filler(f, 4, 40, 0x10); }, fault::flags, "a!cdef", "a LQ",
     "a Q"},
    {"a skip of length 41", [](frame& f) { make_filler(f, 3, 41); }, fault::extent, "a!cdef", "a LQ", "a Q"},
    {"a lost frame of length 36", [](frame& f) { make_filler(f, 4, 36); }, fault::extent, "a!cdef", "a LQ", "a Q"},
    {"a skip of one word more than there is", [](frame& f) { make_filler(f, 3, room_of_second - 16); }, fault::extent,
     "a!cdef", "a LQ", "a Q"},
    {"a lost frame of length 2^32 - 8", [](frame& f) { make_filler(f, 4, 0xfffffff8); }, fault::extent, "a!cdef", "a LQ",
     "a Q"},
    {"a skip whose checksum has a payload in it",
     [](frame& f) {
       f.repair();
       const auto sum = get(f.bytes, 8, 8);
       make_filler(f, 3, 40);
       f.sum(sum);
     },
     fault::checksum, "a!cdef", "a LQ", "a Q"},
};

inline const frame_row short_rows[] = {
    {"short, in just its space", [](frame& f) { make_short(f, 20, 64); }, fault::none, "a?cdef", "a?cdef ", "a?cdef ", 0},
    {"short, its extent the end of its word", [](frame& f) { make_short(f, 20, 56); }, fault::none, "a?!def", "a?-def M",
     "a? R", 3, 4216},
    {"short, extent 0", [](frame& f) { make_short(f, 20, 0); }, fault::extent, "a!cdef", "a LQ", "a Q"},
    {"short, extent of the header alone", [](frame& f) { make_short(f, 20, 24); }, fault::extent, "a!cdef", "a LQ", "a Q"},
    {"short, extent before the end of its word", [](frame& f) { make_short(f, 20, 48); }, fault::extent, "a!cdef", "a LQ",
     "a Q"},
    {"short, extent 60", [](frame& f) { make_short(f, 20, 60); }, fault::extent, "a!cdef", "a LQ", "a Q"},
    {"short, extent up to the end of the segment", [](frame& f) { make_short(f, 20, room_of_second); }, fault::none,
     "a!cdef", "a? ", "a? ", 3, format::segment_bytes_min},
    {"short, extent a word more than that", [](frame& f) { make_short(f, 20, room_of_second + 8); }, fault::extent, "a!cdef",
     "a LQ", "a Q"},
    {"short, extent 2^32 + 64", [](frame& f) { make_short(f, 20, 0x100000040); }, fault::extent, "a!cdef", "a LQ", "a Q"},
    {"short, extent 2^63", [](frame& f) { make_short(f, 20, std::uint64_t{1} << 63); }, fault::extent, "a!cdef", "a LQ",
     "a Q"},
    {"short, extent 2^64 - 8", [](frame& f) { make_short(f, 20, ~std::uint64_t{7}); }, fault::extent, "a!cdef", "a LQ",
     "a Q"},
    {"short, its extent word behind the end",
     [](frame& f) {
       f.flags(4);
       set_length(f, room_of_second - 24);
     },
     fault::extent, "a!cdef", "a LQ", "a Q"},
    {"short, length 2^32 - 1",
     [](frame& f) {
       f.flags(4);
       set_length(f, 0xffffffff);
     },
     fault::extent, "a!cdef", "a LQ", "a Q"},
    {"short, padding not zero",
     [](frame& f) {
       make_short(f, 20, 64);
       f.put_in(44, 1, 1);
       f.repair();
     },
     fault::padding, "a!cdef", "a LQ", "a Q"},
    {"short, the extent word not summed",
     [](frame& f) {
       make_short(f, 20, 56);
       f.put_in(48, 64, 8);
     },
     fault::checksum, "a!cdef", "a LQ", "a Q"},
};

inline const frame_row place_rows[] = {
    {"checksum 0", [](frame& f) { f.sum(0); }, fault::checksum, "a!cdef", "a LQ", "a Q"},
    {"checksum all ones", [](frame& f) { f.sum(~std::uint64_t{0}); }, fault::checksum, "a!cdef", "a LQ", "a Q"},
    {"another type, its checksum not repaired", [](frame& f) { f.put_in(22, 7, 2); }, fault::checksum, "a!cdef", "a LQ",
     "a Q"},
    {"the checksum of another kind", [](frame& f) { replace_with(f, 2, f.parts.salt, f.parts.offset, checksum::crc32c); },
     fault::checksum, "a!cdef", "a LQ", "a Q"},
    {"as it would be at the next offset", [](frame& f) { replace_with(f, 2, f.parts.salt, f.parts.offset + 64); },
     fault::checksum, "a!cdef", "a LQ", "a Q"},
    {"as it would be 2^32 bytes behind",
     [](frame& f) { replace_with(f, 2, f.parts.salt, f.parts.offset + (std::uint64_t{1} << 32)); }, fault::checksum,
     "a!cdef", "a LQ", "a Q"},
    {"the checksum of another salt",
     [](frame& f) {
       replace_with(f, 2, f.parts.salt ^ 2, f.parts.offset);
       f.stamp(f.parts.stamp());
     },
     fault::checksum, "a!cdef", "a LQ", "a Q"},
    {"of another use of the file",
     [](frame& f) { replace_with(f, 2, f.parts.salt ^ 0x1000, f.parts.offset); },
     {},
     "a!cdef",
     "a-cdef M",
     "a R"},
    {"sequence 1 again",
     [](frame& f) { replace_with(f, 1, f.parts.salt, f.parts.offset); },
     {},
     "a!cdef",
     "a-cdef M",
     "a R"},
    {"sequence 3 in its place",
     [](frame& f) { replace_with(f, 3, f.parts.salt, f.parts.offset); },
     {},
     "a!cdef",
     "a-cdef M",
     "a R"},
    {"sequence 7, which was never claimed",
     [](frame& f) { replace_with(f, 7, f.parts.salt, f.parts.offset); },
     {},
     "a!cdef",
     "a-cdef M",
     "a R"},
    {"sequence 2^63 + 2",
     [](frame& f) { replace_with(f, 2 + (std::uint64_t{1} << 63), f.parts.salt, f.parts.offset); },
     {},
     "a!cdef",
     "a-cdef M",
     "a R"},
    {"stamp 0", [](frame& f) { f.stamp(0); }, {}, "a!cdef", "a-cdef M", "a R"},
    {"stamp all ones", [](frame& f) { f.stamp(~std::uint64_t{0}); }, {}, "a!cdef", "a-cdef M", "a R"},
    {"the bare sequence as a stamp", [](frame& f) { f.stamp(2); }, {}, "a!cdef", "a-cdef M", "a R"},
    {"the bare salt as a stamp", [](frame& f) { f.stamp(f.parts.salt); }, {}, "a!cdef", "a-cdef M", "a R"},
    {"zeros", [](frame& f) { f.replace(byte_vector(64)); }, {}, "a!cdef", "a-cdef M", "a R"},
    {"zeros up to the end of the segment",
     [](frame& f) { f.replace(byte_vector(room_of_second)); },
     {},
     "a!!!!!",
     "a ",
     "a "},
    {"ones up to the end of the segment",
     [](frame& f) { f.replace(byte_vector(room_of_second, std::byte{0xff})); },
     {},
     "a!!!!!",
     "a ",
     "a "},
    {"the next frame moved here, bit for bit",
     [](frame& f) { std::copy_n(f.bytes.begin() + 64, 64, f.bytes.begin()); },
     {},
     "a!cdef",
     "a-cdef M",
     "a R"},
};

}  // namespace varve::testing
