// SPDX-License-Identifier: MIT
//
// memory_segment.hpp - a segment over memory without a file, with a page behind it that must not be touched.
#pragma once

#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "segment/claim.hpp"
#include "segment/segment.hpp"
#include "segment/walker.hpp"
#include "support/catch.hpp"

namespace varve::testing {

constexpr std::uint64_t test_salt = 0x9c3f5a7e12d4b680;

/// `capacity` bytes that end just before a page without access: whoever reads behind the end dies of it.
inline std::shared_ptr<core::segment> memory_segment(std::uint64_t capacity = format::segment_bytes_min,
                                                     std::uint64_t base = 1, std::vector<core::hole> holes = {}) {
  constexpr std::uint64_t page = 4096;
  void* const all = ::mmap(nullptr, capacity + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(all != MAP_FAILED);
  REQUIRE(::mprotect(static_cast<std::byte*>(all) + capacity, page, PROT_NONE) == 0);
  const core::segment_facts facts{
      .number = 7, .base = base, .salt = test_salt, .epoch = 1, .capacity = capacity, .first_frame = base};
  // The page behind it stays behind when the segment goes: a few pages for the length of a test.
  return std::make_shared<core::segment>(facts, os::file{}, os::mapping{{static_cast<std::byte*>(all), capacity}},
                                         core::segment_index{}, std::move(holes));
}

/// Writes a record and stamps it. Returns its extent.
inline std::uint64_t put_record(core::segment& s, std::uint64_t offset, std::uint64_t sequence, std::string_view text,
                                std::uint8_t flags = 0) {
  const auto piece = std::as_bytes(std::span{text});
  const core::frame_space at{.offset = offset, .extent = format::frame_bytes(piece.size()), .sequence = sequence};
  core::fill(s, at, piece, {.batch_flags = flags});
  core::publish(s, at);
  return at.extent;
}

inline std::string_view text_of(const core::observation& seen) {
  return {reinterpret_cast<const char*>(seen.frame.payload.data()), seen.frame.payload.size()};
}

}  // namespace varve::testing
