// SPDX-License-Identifier: MIT
//
// packed_log.hpp - the files of a log in one input of a fuzzer, and back; files are full of zeros, so only what is not zero
// is in it. Any bytes are some log.
//
//   flags (1 byte), then for each file: name (1), size (4), number of pieces (2), and for each piece its offset in words of
//   8 bytes (2), its length (2) and its bytes
#pragma once

#include <map>
#include <string>

#include "format/sector.hpp"
#include "target.hpp"

namespace varve::fuzz {

/// Names by number: meta, its temporary name, state, live, six segments, their six indexes.
constexpr std::uint8_t meta_file = 0, state_file = 2, live_file = 3, first_segment = 4, first_index = 10, file_names = 16;
[[nodiscard]] std::string file_name(std::uint8_t name);

struct packed_log {
  std::uint8_t flags = 0;
  std::map<std::uint8_t, byte_vector> files;  // none of more than 512 KiB
};

[[nodiscard]] packed_log unpack(std::span<const std::byte> input);
[[nodiscard]] byte_vector pack(const packed_log& log);

/// Makes a directory of it on the machine in memory, always with the same inodes.
void put_files(const packed_log& log, const std::string& directory);
/// What stands in a directory of that machine. What names the inode of varve.state is changed to what it will be for
/// put_files().
[[nodiscard]] packed_log take_files(const std::string& directory);

/// As repair() in target.hpp.
void repair_log(packed_log& log, std::uint64_t seed);

/// Makes the checksum of a sector match, if it has this structure's magic.
template <format::sector_structure S>
void refresh(std::span<std::byte> file, std::size_t at) {
  if (file.size() < at + format::sector_bytes || load<std::uint64_t>(file, at) != S::magic) return;
  const auto sector = file.subspan(at, format::sector_bytes);
  store(sector, offsetof(S, checksum), core::sum_of_structure(sector.first(offsetof(S, checksum))));
}

}  // namespace varve::fuzz
