// SPDX-License-Identifier: MIT
//
// Going from frame to frame: what is seen, where it stops, and that it never reads behind the segment's end.
#include "segment/walker.hpp"

#include "unit/segment/memory_segment.hpp"

namespace varve::testing {
namespace {

using namespace core;

constexpr std::uint64_t start = format::segment_header_bytes;
constexpr auto everything = format::depth::everything;
constexpr auto shape = format::depth::shape;

/// Frames "a", "b", ... of 32 bytes each.
std::shared_ptr<segment> with_frames(std::string_view letters, std::vector<hole> holes = {}) {
  auto s = memory_segment(format::segment_bytes_min, 1, std::move(holes));
  for (std::size_t i = 0; i < letters.size(); ++i) put_record(*s, start + 32 * i, 1 + i, letters.substr(i, 1));
  return s;
}

}  // namespace

TEST_CASE("a walker goes from frame to frame, and stays where nothing stands", "[segment]") {
  const auto s = with_frames("abc");
  walker w{s};
  CHECK((w.offset() == start && w.sequence() == 1));
  for (const char* expected : {"a", "b", "c"}) {
    const auto seen = w.step(everything);
    CHECK(seen.what == sight::frame);
    CHECK(text_of(seen) == expected);
  }
  for (int i = 0; i < 3; ++i) {
    CHECK(w.step(everything).what == sight::nothing);
    CHECK((w.offset() == start + 96 && w.sequence() == 4));
  }
  put_record(*s, w.offset(), 4, "d");
  CHECK(text_of(w.step(everything)) == "d");
}

TEST_CASE("a frame counts only where its sequence is expected, and only with the segment's salt", "[segment][G6]") {
  const auto s = with_frames("abc");
  CHECK(look(*s, start, 1, everything).what == sight::frame);
  CHECK(look(*s, start, 2, everything).what == sight::nothing);
  CHECK(look(*s, start + 32, 1, everything).what == sight::nothing);
  CHECK(look(*s, start + 8, 1, everything).what == sight::nothing);
  // The same bytes at another place: the stamp fits, the checksum does not.
  std::memcpy(s->writable_bytes().data() + start + 320, s->bytes().data() + start, 32);
  CHECK(look(*s, start + 320, 1, everything).what == sight::broken);
  std::memcpy(s->writable_bytes().data() + start, s->bytes().data() + start + 64, 32);
  CHECK(look(*s, start, 1, everything).what == sight::nothing);
}

TEST_CASE("a flipped payload bit is broken to a look at everything, and not to one at the shape", "[segment][G5]") {
  const auto s = with_frames("abc");
  s->writable_bytes()[start + 32 + 24] ^= std::byte{1};
  walker deep{s}, shallow{s};
  CHECK(deep.step(everything).what == sight::frame);
  CHECK(deep.step(everything).what == sight::broken);
  CHECK((deep.offset() == start + 32 && deep.sequence() == 2));
  for (int i = 0; i < 3; ++i) CHECK(shallow.step(shape).what == sight::frame);
}

TEST_CASE("at the segment's end the next sequence stands elsewhere", "[segment]") {
  const auto s = with_frames("abc");
  walker w{s};
  static_cast<void>(w.step(shape));
  s->set_end(start + 64, 3);
  CHECK(w.step(shape).what == sight::frame);
  CHECK(w.step(shape).what == sight::end);  // though a valid frame stands there
  CHECK(look(*s, start + 64, 3, everything).what == sight::end);
  CHECK(look(*s, start, 100, everything).what == sight::end);
}

TEST_CASE("a frame that reaches behind the segment's end is broken", "[segment][G6]") {
  const auto s = with_frames("ab");
  s->set_end(start + 32 + 24, 100);
  walker w{s};
  CHECK(w.step(everything).what == sight::frame);
  CHECK(w.step(everything).what == sight::broken);
}

TEST_CASE("holes are stepped over: at the start, in the middle, side by side, at the end", "[segment][G3]") {
  // Sequences 1, 3, 4 and 6 have no frame.
  const auto s = with_frames("-b--e-", {{.offset = start, .resume = start + 32, .first = 1, .end = 2},
                                        {.offset = start + 64, .resume = start + 96, .first = 3, .end = 4},
                                        {.offset = start + 96, .resume = start + 128, .first = 4, .end = 5},
                                        {.offset = start + 160, .resume = start + 192, .first = 6, .end = 7}});
  s->set_end(start + 192, 7);
  walker w{s};
  CHECK(text_of(w.step(everything)) == "b");
  CHECK(w.sequence() == 3);
  CHECK(text_of(w.step(everything)) == "e");
  CHECK(w.sequence() == 6);
  CHECK(w.step(everything).what == sight::end);
  CHECK((w.sequence() == 7 && w.offset() == start + 192));
}

TEST_CASE("who looks for the frame behind a hole finds it: the hole alone can be stepped over", "[segment][G3]") {
  const auto s = with_frames("a-c", {{.offset = start + 32, .resume = start + 64, .first = 2, .end = 3}});
  walker w{s};
  w.step_over_holes();
  CHECK(w.sequence() == 1);
  static_cast<void>(w.step(shape));
  CHECK(w.sequence() == 2);
  w.step_over_holes();
  CHECK((w.sequence() == 3 && w.offset() == start + 64));
  w.step_over_holes();
  CHECK(w.sequence() == 3);
  CHECK(text_of(w.step(everything)) == "c");
}

TEST_CASE("nothing is read behind the segment's end, whatever a frame says of its length", "[segment][G7]") {
  // Behind the segment there is a page without access: reading it would end this test, and all the others.
  const auto s = memory_segment();
  const std::uint64_t capacity = s->facts().capacity;
  for (std::uint64_t left = 0; left <= 64; left += 8) {
    const std::uint64_t at = capacity - left;
    CHECK(look(*s, at, 1, everything).what == sight::nothing);
    if (left < format::frame_header_bytes) continue;
    const std::uint64_t stamp = format::stamp_of(1, test_salt);
    for (const std::uint32_t length : {0U, 1U, 8U, 40U, 41U, 4096U, 0x7fffffffU, 0xfffffff8U, 0xffffffffU})
      for (unsigned kind = 0; kind < 6; ++kind)
        for (const unsigned flags : {0U, 4U, 0x10U, 0xf0U, 0xf4U, 0xffU}) {
          const std::uint64_t third = length | std::uint64_t{kind} << 32 | std::uint64_t{flags} << 40;
          std::memcpy(s->writable_bytes().data() + at, &stamp, 8);
          std::memcpy(s->writable_bytes().data() + at + 16, &third, 8);
          CHECK(look(*s, at, 1, everything).what == sight::broken);
          const auto seen = look(*s, at, 1, shape);
          if (seen.what == sight::frame) CHECK(seen.frame.extent <= left);
        }
    std::memset(s->writable_bytes().data() + at, 0, left);
  }
  CHECK(look(*s, capacity + 8, 1, everything).what == sight::nothing);
  CHECK(look(*s, ~std::uint64_t{7}, 1, everything).what == sight::nothing);
}

TEST_CASE("the last frame may end with the segment", "[segment]") {
  const auto s = memory_segment();
  const std::uint64_t at = s->facts().capacity - 32;
  put_record(*s, at, 1, "last");
  CHECK(text_of(look(*s, at, 1, everything)) == "last");
  put_record(*s, s->facts().capacity - 24, 1, "");
  CHECK(look(*s, s->facts().capacity - 24, 1, everything).what == sight::frame);
}

}  // namespace varve::testing
