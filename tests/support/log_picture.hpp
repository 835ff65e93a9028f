// SPDX-License-Identifier: MIT
//
// log_picture.hpp - all that a reader can learn of a log, to be compared with what it learns of a copy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include <varve/log_view.hpp>

#include "support/catch.hpp"

namespace varve::testing {

struct pictured_record {
  std::uint64_t sequence = 0;
  std::uint16_t type = 0;
  std::int64_t time_ns = 0;
  bool is_chunk = false, goes_on = false;
  std::string payload{};
  bool operator==(const pictured_record&) const = default;
};

struct log_picture {
  std::uint64_t first = 0, next = 0;
  std::vector<pictured_record> records{};
  std::vector<std::uint64_t> abandoned{}, lost{};
  bool operator==(const log_picture&) const = default;

  /// Of [from, end) only.
  [[nodiscard]] log_picture part(std::uint64_t from, std::uint64_t end) const {
    log_picture p{.first = from, .next = end};
    const auto is_inside = [&](std::uint64_t s) { return s >= from && s < end; };
    std::ranges::copy_if(records, std::back_inserter(p.records), is_inside, &pictured_record::sequence);
    std::ranges::copy_if(abandoned, std::back_inserter(p.abandoned), is_inside);
    std::ranges::copy_if(lost, std::back_inserter(p.lost), is_inside);
    return p;
  }
};

/// Of a log of which nothing is missing but what it says that it has lost.
[[nodiscard]] inline log_picture picture_of(const std::filesystem::path& directory) {
  const auto view = log_view::open(directory);
  INFO(directory << ": " << (view ? std::string{} : view.error().message()));
  REQUIRE(view.has_value());
  log_picture p{.first = view->first_sequence().value, .next = view->published_sequence().value + 1};
  for (std::uint64_t s = p.first; s < p.next; ++s) {
    const auto r = view->read({s});
    if (!r) {
      REQUIRE((r.error().code() == errc::abandoned || r.error().code() == errc::damaged));
      (r.error().code() == errc::damaged ? p.lost : p.abandoned).push_back(s);
      continue;
    }
    p.records.push_back({.sequence = s,
                         .type = r->type(),
                         .time_ns = r->time().time_since_epoch().count(),
                         .is_chunk = r->is_chunk(),
                         .goes_on = r->batch_goes_on(),
                         .payload = std::string{r->text()}});
  }
  return p;
}

/// Where two logs differ first, for people; empty if they do not.
[[nodiscard]] inline std::string difference(const log_picture& is, const log_picture& should) {
  const auto text = [](const pictured_record& r) {
    return std::to_string(r.sequence) + " type " + std::to_string(r.type) + " time " + std::to_string(r.time_ns) +
           (r.is_chunk ? " chunk" : "") + (r.goes_on ? " goes on" : "") + ", " + std::to_string(r.payload.size()) +
           " bytes " + r.payload.substr(0, 20);
  };
  if (is == should) return {};
  if (is.first != should.first || is.next != should.next)
    return "[" + std::to_string(is.first) + ", " + std::to_string(is.next) + ") should be [" + std::to_string(should.first) +
           ", " + std::to_string(should.next) + ")";
  const auto [a, b] = std::ranges::mismatch(is.records, should.records);
  if (a == is.records.end() && b == should.records.end())
    return is.lost != should.lost ? "lost numbers differ" : "abandoned numbers differ";
  return (a == is.records.end() ? "nothing" : text(*a)) + " should be " + (b == should.records.end() ? "nothing" : text(*b));
}

}  // namespace varve::testing
