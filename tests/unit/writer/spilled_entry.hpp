// SPDX-License-Identifier: MIT
//
// spilled_entry.hpp - entries that are larger than a segment of the log, and what is to be there of them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>

#include <varve/varve.hpp>

#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace fs = std::filesystem;

inline constexpr std::uint64_t unit = format::segment_bytes_unit;
inline const log_options small{.segment_bytes = unit};

struct open_log {
  temp_dir dir;
  log l;
  explicit open_log(const log_options& options = small) : l(*log::open(dir.path(), options)) {}
};

inline errc code_of(const auto& result) { return result ? errc{} : result.error().code(); }

/// Of `bytes`, and different for each.
inline std::string text_of(std::uint64_t bytes, std::uint64_t seed) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>((i * 31 + i / 251 + i / 65'536 + bytes + seed * 7) % 95 + 32);
  return text;
}

/// Sizes of chunks: small ones, none at all, around what is written at once, and one of several segments.
inline std::uint64_t size_of(std::uint64_t i) {
  constexpr std::uint64_t sizes[] = {0, 1,      7,      8, 9, 100, 5'000, unit - 24, unit - 23, unit, 3 * unit + 5,
                                     0, 40'000, 200'000};
  return sizes[i % std::size(sizes)];
}

inline void write(entry& e, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t i = from; i < to; ++i) {
    const auto done = e.write_chunk(text_of(size_of(i), i));
    INFO((done ? std::string{} : done.error().message()));
    REQUIRE(done);
  }
}

/// The log holds `chunks` of write() from `first` on, as one entry.
template <class Log>
void check_entry(const Log& l, std::uint64_t first, std::uint64_t chunks) {
  for (std::uint64_t i = 0; i < chunks; ++i) {
    const auto r = l.read({first + i});
    INFO("chunk " << i << ' ' << (r ? std::string{} : r.error().message()));
    REQUIRE(r);
    CHECK((r->text() == text_of(size_of(i), i)));
    CHECK(r->is_chunk());
    CHECK(r->batch_goes_on() == (i + 1 < chunks));
  }
}

inline std::uint64_t disk_bytes(const fs::path& log) {
  std::uint64_t sum = 0;
  for (const std::uint64_t number : segment_numbers(log)) {
    std::error_code gone;  // used again meanwhile
    const auto bytes = fs::file_size(segment_path(log, number), gone);
    if (!gone) sum += bytes;
  }
  return sum;
}

/// Files of more than a segment of the log.
inline std::uint64_t large_files(const fs::path& log) {
  const auto numbers = segment_numbers(log);
  return static_cast<std::uint64_t>(
      std::ranges::count_if(numbers, [&](std::uint64_t n) { return fs::file_size(segment_path(log, n)) > unit; }));
}

/// They grow along the chain.
inline void check_numbers(const fs::path& log) {
  const auto segments = log_view::open(log)->segments();
  std::uint64_t last = 0;
  for (const auto& s : *segments) {
    if (s.state == segment_description::state::prepared) continue;
    CHECK(s.number > last);
    last = s.number;
  }
}

inline constexpr std::uint64_t some = 40;  // about 3.5 MB

}  // namespace varve::testing
