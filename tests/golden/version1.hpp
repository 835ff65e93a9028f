// SPDX-License-Identifier: MIT
//
// version1.hpp - logs as varve 0.1 made them, in version 1 of the format, from the texts in golden/version1. A text names
// each file with its size, and then gives lines of bytes that are not all zero: the offset, and up to 32 bytes, in
// hexadecimal.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/checksum.hpp"
#include "format/state.hpp"
#include "os/process.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"

namespace varve::testing {

/// As read_sector() gives it, and as version 1 had it.
template <class S>
void write_sector_of_version_1(const std::filesystem::path& file, std::uint64_t offset, const S& fields) {
  auto bytes = format::encode(fields);
  const std::uint32_t version = 1;
  std::memcpy(bytes.data() + 8, &version, sizeof version);
  const std::uint64_t sum = core::sum_of_structure(std::span{bytes}.first(format::sector_bytes - sizeof(std::uint64_t)));
  std::memcpy(bytes.data() + format::sector_bytes - sizeof sum, &sum, sizeof sum);
  patch(file, offset, bytes);
}

/// Makes the log NAME: closed, killed or trimmed. Its state names another file and another boot, as that of any copy.
inline void make_log_of_version_1(const std::filesystem::path& log, const std::string& name) {
  std::ifstream text{std::filesystem::path{VARVE_SOURCE_DIR} / "tests/golden/version1" / (name + ".txt")};
  REQUIRE(text.is_open());
  std::filesystem::create_directory(log);
  std::filesystem::path file;
  for (std::string line; std::getline(text, line);) {
    std::istringstream words{line};
    std::string first, second;
    words >> first >> second;
    if (first.empty() || first.front() == '#') continue;
    if (first == "file") {
      std::uint64_t bytes = 0;
      words >> bytes;
      file = log / second;
      write_new_file(file, {});
      std::filesystem::resize_file(file, bytes);
      continue;
    }
    byte_vector bytes;
    for (std::size_t i = 0; i + 1 < second.size(); i += 2)
      bytes.push_back(static_cast<std::byte>(std::stoul(second.substr(i, 2), nullptr, 16)));
    patch(file, std::stoull(first, nullptr, 16), bytes);
  }
}

/// As if its writer had left it just here, and since this machine was started.
inline void make_it_the_original(const std::filesystem::path& log) {
  const auto file = log / "varve.state";
  struct ::statx status{};
  REQUIRE(::statx(AT_FDCWD, file.c_str(), 0, STATX_INO | STATX_BTIME, &status) == 0);
  const auto boot = os::this_boot();
  REQUIRE(boot.has_value());
  for (const std::uint64_t slot : {0U, 4096U}) {
    auto state = read_sector<format::state>(file, slot);
    state.inode = status.stx_ino;
    state.birth_ns = (status.stx_mask & STATX_BTIME) == 0
                         ? 0
                         : static_cast<std::uint64_t>(status.stx_btime.tv_sec) * 1'000'000'000 + status.stx_btime.tv_nsec;
    state.boot = *boot;
    write_sector_of_version_1(file, slot, state);
  }
}

}  // namespace varve::testing
