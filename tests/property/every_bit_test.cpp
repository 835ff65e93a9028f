// SPDX-License-Identifier: MIT
//
// Each of the 524288 bits of a full segment of 64 KiB is flipped, one at a time. All of them for what reads one segment, in
// which the bytes are taken apart; a sample of them for what reads a log. tests/damage/every_byte_test.cpp has one bit of
// each byte of a small log, with files, and what each kind of reader says to it.
#include <sys/mman.h>

#include <algorithm>
#include <memory>

#include "property/full_segment.hpp"
#include "recovery/resync.hpp"
#include "segment/walker.hpp"
#include "support/dice.hpp"

namespace varve::testing {
namespace {

/// A segment over a copy of those bytes.
std::shared_ptr<core::segment> copy_of(const full_segment& from) {
  void* const place = ::mmap(nullptr, from.bytes.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(place != MAP_FAILED);
  const std::span bytes{static_cast<std::byte*>(place), from.bytes.size()};
  std::ranges::copy(from.bytes, bytes.begin());
  const core::segment_facts facts{.number = 1, .base = 1, .salt = from.salt, .epoch = 1, .capacity = bytes.size()};
  return std::make_shared<core::segment>(facts, os::file{}, os::mapping{bytes}, core::segment_index{});
}

void flip(core::segment& s, std::uint64_t bit) { s.writable_bytes()[bit / 8] ^= std::byte{1} << bit % 8; }

template <class S>
void expect_no(const core::segment& s, std::uint64_t offset) {
  format::sector bytes;
  std::ranges::copy(s.bytes().subspan(offset, bytes.size()), bytes.begin());
  if (format::decode<S>(bytes)) FAIL("the sector at " << offset << " is still valid");
}

}  // namespace

TEST_CASE("each bit of each frame of a full segment counts, or says nothing; and the next frame is found",
          "[property][G5]") {
  const full_segment golden;
  REQUIRE(golden.frames.size() > 300);
  REQUIRE(golden.bytes.size() - golden.used < 1500);
  const auto s = copy_of(golden);
  const auto whole = format::depth::everything;
  for (std::size_t i = 0; i < golden.frames.size(); ++i) {
    const auto& f = golden.frames[i];
    for (std::uint64_t bit = 8 * f.offset; bit < 8 * (f.offset + f.extent); ++bit) {
      flip(*s, bit);
      const bool is_frame = core::look(*s, f.offset, i + 1, whole).what == core::sight::frame;
      const bool counts = bit < 8 * (f.offset + f.read_bytes);
      if (is_frame == counts) FAIL("bit " << bit << " of the frame of sequence " << i + 1);
      static_cast<void>(core::look(*s, f.offset, i + 1, format::depth::shape));
      // The neighbours: the one before ends where it did, and a search finds the one behind.
      if (i > 0 && core::look(*s, golden.frames[i - 1].offset, i, whole).what != core::sight::frame) FAIL("bit " << bit);
      if (counts && i + 1 < golden.frames.size()) {
        const auto rest = core::look_behind(*s, f.offset, i + 1, whole);
        if (rest.what != core::behind::frame || rest.offset != golden.frames[i + 1].offset || rest.sequence != i + 2)
          FAIL("bit " << bit << ": the frame behind is not found");
      }
      flip(*s, bit);
    }
  }
}

TEST_CASE("each bit of the sectors of a segment's header makes its sector absent", "[property][G5]") {
  const full_segment golden;
  const auto s = copy_of(golden);
  for (std::uint64_t bit = 0; bit < 8 * 4 * format::sector_bytes; ++bit) {
    flip(*s, bit);
    switch (bit / 8 / format::sector_bytes) {
      case 0: expect_no<format::identity>(*s, format::identity_offset); break;
      case 1: expect_no<format::activation>(*s, format::activation_offset); break;
      case 2: expect_no<format::end>(*s, format::end_offset); break;
      default: expect_no<format::seal>(*s, format::seal_offset); break;
    }
    flip(*s, bit);
  }
}

// VARVE_FLIPS=524288 takes all of them, which takes some time.
TEST_CASE("a log with any bit of its segment flipped has right records and errors, and nothing else", "[property][G3][G5]") {
  const full_segment golden;
  const std::uint64_t all = 8 * golden.bytes.size();
  const std::uint64_t count = std::min(all, number_from_environment("VARVE_FLIPS", 1500));
  dice random{number_from_environment("VARVE_SEED", 1)};
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t bit = count == all ? i : random.below(all);
    INFO("bit " << bit << " of byte " << bit / 8);
    memory_os::restore(golden.image);
    const std::byte flipped = golden.bytes[bit / 8] ^ std::byte{1} << bit % 8;
    memory_os::overwrite(golden.path, bit / 8, {&flipped, 1});
    const auto report = verify(golden.directory);
    if (!report) FAIL(report.error().message());
    const auto v = log_view::open(golden.directory);
    if (!v) FAIL(v.error().message());
    std::uint64_t wrong = 0;
    for (std::uint64_t s = 1; s <= golden.frames.size(); ++s) {
      const auto& f = golden.frames[s - 1];
      const auto r = v->read({s});
      if (r ? f.is_record && r->text() == f.text : !f.is_record && r.error().code() == errc::abandoned) continue;
      if (r || (r.error().code() != errc::damaged && r.error().code() != errc::not_yet)) FAIL("sequence " << s);
      ++wrong;
    }
    // verify() says so exactly if something is missing; or if the header is damaged, which reading can do without.
    const bool is_header = bit / 8 < format::segment_header_bytes;
    const bool is_found = !report->findings.empty();
    if (wrong > 0 ? !is_found : is_found && !is_header)
      FAIL(wrong << " are wrong, " << report->findings.size() << " findings");
    const auto l = log::open(golden.directory, {.prepared_segments = 1});
    if (!l && (!is_found || l.error().code() != errc::damaged)) FAIL(l.error().message());
  }
}

}  // namespace varve::testing
