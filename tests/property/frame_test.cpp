// SPDX-License-Identifier: MIT
//
// Any frame that can be built is read as what it is, and none of its bits can be another.
#include "format/frame.hpp"

#include "support/property.hpp"
#include "unit/format/frame_builder.hpp"

namespace varve::testing {
namespace {

struct any_frame {
  std::string payload = *rc::gen::arbitrary<std::string>();
  frame_parts parts{.sequence = *rc::gen::inRange<std::uint64_t>(1, format::sequence_max),
                    .salt = *rc::gen::arbitrary<std::uint64_t>() | format::salt_top_bit,
                    .offset = 8 * *rc::gen::inRange<std::uint64_t>(512, 1U << 29),
                    .sum = static_cast<checksum>(*rc::gen::inRange(1, 6)),
                    .flags = *rc::gen::inRange(0U, 4U),
                    .type = *rc::gen::arbitrary<std::uint16_t>(),
                    .extension = *rc::gen::resize(15, rc::gen::arbitrary<std::vector<std::uint64_t>>())};

  any_frame() {
    if (parts.extension.size() > 15) parts.extension.resize(15);
    parts.payload = payload;
    const std::uint64_t needs = 24 + 8 * parts.extension.size() + (payload.size() + 7) / 8 * 8 + 8;
    if (*rc::gen::arbitrary<bool>()) parts.extent = needs + 8 * *rc::gen::inRange(0U, 20U);
  }
};

}  // namespace

TEST_CASE("any frame is read as it was built", "[property][format]") {
  check_property(2000, [] {
    const any_frame made;
    auto room = build(made.parts);
    const std::size_t extent = room.size();
    room.resize(extent + 8 * *rc::gen::inRange(0U, 9U), std::byte{0x5a});
    const auto read = parse(room, made.parts);
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->extent == extent);
    RC_ASSERT(text_of(read->payload) == made.payload);
    RC_ASSERT(read->type == made.parts.type);
    RC_ASSERT(read->goes_on() == ((made.parts.flags & 1) != 0) && read->begins_inside() == ((made.parts.flags & 2) != 0));
    RC_ASSERT(!parse(std::span{room}.first(extent - 8), made.parts).has_value());
  });
}

TEST_CASE("no frame is valid with one bit flipped, or at another place", "[property][format][G5][G6]") {
  check_property(2000, [] {
    any_frame made;
    if (made.parts.sum == checksum::none) made.parts.sum = checksum::crc32c;
    auto room = build(made.parts);
    // Behind the word that holds a short frame's extent nothing is looked at; the stamp is the caller's to compare.
    const std::size_t used =
        made.parts.extent == 0 ? room.size() : 24 + 8 * made.parts.extension.size() + (made.payload.size() + 7) / 8 * 8 + 8;
    const auto bit = *rc::gen::inRange<std::size_t>(64, 8 * used);
    room[bit / 8] ^= std::byte{1} << bit % 8;
    RC_ASSERT(!parse(room, made.parts).has_value());
    room[bit / 8] ^= std::byte{1} << bit % 8;
    made.parts.offset += 8;
    RC_ASSERT(!parse(room, made.parts).has_value());
  });
}

}  // namespace varve::testing
