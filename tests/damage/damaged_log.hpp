// SPDX-License-Identifier: MIT
//
// damaged_log.hpp - a log of three segments that was closed, for tests that spoil it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {

/// Records 1 to 9, "1" to "9" and then many of the same letter, three to a segment.
struct closed_log {
  temp_dir place;
  const std::filesystem::path dir = place.path() / "log";

  closed_log() {
    auto l = log::open(dir, {.segment_bytes = format::segment_bytes_min});
    REQUIRE(l);
    for (std::uint64_t s = 1; s <= 9; ++s) REQUIRE(l->append(text(s)).has_value());
    REQUIRE(l->close().has_value());
    REQUIRE(segment_numbers(dir).size() == 3);
  }
  [[nodiscard]] static std::string text(std::uint64_t s) { return std::to_string(s) + std::string(19'000, 'x'); }
  [[nodiscard]] std::filesystem::path segment(std::size_t index) const {
    return segment_path(dir, segment_numbers(dir).at(index));
  }

  /// The log is refused with this code, by log::open, and nothing in its directory changes.
  error refused(errc code, const log_options& options = {}) const {
    const auto before = image_of(dir);
    const auto l = log::open(dir, options);
    REQUIRE_FALSE(l);
    auto many = options;
    many.recovery_threads = 4;
    CHECK(log::open(dir, many).error().message() == l.error().message());
    INFO(l.error().message());
    CHECK(l.error().code() == code);
    CHECK((image_of(dir) == before));
    return l.error();
  }

  /// What verify() finds, while nothing in the directory changes.
  recovery_report verified() const {
    const auto before = image_of(dir);
    auto report = verify_on_threads(dir);
    CHECK((image_of(dir) == before));
    if (!report) FAIL("verify: " << report.error().message());
    return *report;
  }

  /// Reads each record through a view: it is right, or an error; "." where it is right, otherwise the error's name.
  std::string seen() const {
    const auto v = log_view::open(dir);
    if (!v) return std::string{name_of(v.error().code())};
    std::string all;
    for (std::uint64_t s = 1; s <= 9; ++s) {
      const auto r = v->read({s});
      if (r) CHECK(r->text() == text(s));
      all += r ? "." : std::string{name_of(r.error().code())} + ' ';
    }
    return all;
  }
};

}  // namespace varve::testing
