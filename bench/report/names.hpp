// SPDX-License-Identifier: MIT
//
// names.hpp - what was measured, in the order in which it is shown.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace report {

inline constexpr std::array<std::string_view, 4> peers{"rocksdb", "leveldb", "lmdb", "sqlite"};
inline constexpr std::array<unsigned, 4> payload_sizes{16, 128, 1024, 4096};
inline constexpr std::array<unsigned, 3> append_threads{1, 2, 4};
inline constexpr std::array<unsigned, 4> strides{512, 1024, 2048, 4096};
inline constexpr unsigned stride_default = 2048;

[[nodiscard]] inline std::string threads_text(unsigned threads) {
  return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s");
}

/// The benchmark of `what` ("append", "sync_quiet" ...) in a store.
[[nodiscard]] inline std::string lap_of(std::string_view what, std::string_view store, unsigned bytes, unsigned threads) {
  return fmt::format("{}/{}/{}_B/{}_thread{}", what, store, bytes, threads, threads == 1 ? "" : "s");
}

}  // namespace report
