// SPDX-License-Identifier: MIT
//
// full_segment.hpp - a closed log of one segment of 64 KiB, full of all kinds of frames, on the machine in memory; the same
// each time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {

struct placed_frame {
  std::uint64_t offset = 0, extent = 0, read_bytes = 0;  // what a reader looks at: header and body
  bool is_record = false;
  std::string text{};
};

struct full_segment {
  static constexpr const char* directory = "log";
  static constexpr const char* path = "log/00000000000000000001.seg";

  memory_os::image image;
  std::vector<std::byte> bytes;
  std::uint64_t salt = 0, used = 0;
  std::vector<placed_frame> frames;  // that of sequence s at s - 1

  full_segment() {
    memory_os::reset();
    {
      auto l = log::open(directory, {.segment_bytes = format::segment_bytes_min, .prepared_segments = 1});
      REQUIRE(l);
      for (std::uint64_t round = 0; l->stats().bytes_used + 1500 < format::segment_bytes_min; ++round)
        append_round(*l, round);
      REQUIRE(l->close().has_value());
    }
    image = memory_os::snapshot();
    bytes = memory_os::contents(path);
    find_frames();
  }
  ~full_segment() { memory_os::reset(); }
  full_segment(const full_segment&) = delete;
  full_segment& operator=(const full_segment&) = delete;

 private:
  static void append_round(log& l, std::uint64_t round) {
    REQUIRE(l.append(std::string(round * 37 % 400, static_cast<char>('a' + round % 26))).has_value());
    const std::string_view batch[] = {"head", "", "tail of the batch"};
    REQUIRE(l.append_batch(batch, {.type = 7}).has_value());
    auto less = l.claim(64);
    REQUIRE(less->publish(round % 60).has_value());
    auto given_up = l.claim(24);
    given_up->abandon();
  }

  void find_frames() {
    salt =
        std::bit_cast<format::activation>(*reinterpret_cast<const format::sector*>(bytes.data() + format::activation_offset))
            .salt;
    for (used = format::segment_header_bytes;;) {
      const auto room = std::span<const std::byte>{bytes}.subspan(used);
      const std::uint64_t stamp = format::stamp_of(frames.size() + 1, salt);
      std::uint64_t there = 0;
      if (room.size() < format::frame_header_bytes) return;
      std::memcpy(&there, room.data(), sizeof there);
      if (there != stamp) return;
      const auto f = format::parse_frame(room, used, stamp, checksum::xxh3, format::depth::everything);
      REQUIRE(f.has_value());
      const bool is_short = (f->flags & format::frame_flags::is_short) != 0;
      const std::uint64_t end = f->is_record() ? format::frame_bytes(f->payload.size()) + (is_short ? 8 : 0) : 24;
      frames.push_back({.offset = used,
                        .extent = f->extent,
                        .read_bytes = end,
                        .is_record = f->is_record(),
                        .text = {reinterpret_cast<const char*>(f->payload.data()), f->payload.size()}});
      used += f->extent;
    }
  }
};

}  // namespace varve::testing
