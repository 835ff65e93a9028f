// SPDX-License-Identifier: MIT
//
// frame_test.cpp - a frame is valid if and only if the rules of docs/format.md say so.
//
// Rooms are vectors of just their size, so that the sanitizers see a byte read beyond them, or end at a page that no build
// can read.
#include "format/frame.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <unordered_set>

#include "support/catch.hpp"
#include "unit/format/frame_builder.hpp"

namespace {

using namespace varve::format;
using varve::checksum;
using varve::testing::all_checksums;
using varve::testing::build;
using varve::testing::byte_vector;
using varve::testing::frame_parts;
using varve::testing::get;
using varve::testing::parse;
using varve::testing::put;
using varve::testing::refresh_checksum;
using varve::testing::text_of;

std::string text_of_fault(frame_fault fault) {
  switch (fault) {
    case frame_fault::none: return "none";
    case frame_fault::kind: return "kind";
    case frame_fault::flags: return "flags";
    case frame_fault::extent: return "extent";
    case frame_fault::padding: return "padding";
    case frame_fault::checksum: return "checksum";
  }
  return "?";
}

std::string verdict(const std::expected<frame, frame_fault>& parsed) {
  return parsed ? "valid" : text_of_fault(parsed.error());
}

std::string payload_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('!' + i % 90);
  return text;
}

/// One frame of each shape.
std::vector<frame_parts> shapes(checksum kind) {
  static const std::string long_text = payload_of(301);
  return {
      {.sum = kind, .payload = ""},
      {.sum = kind, .payload = "x"},
      {.sum = kind, .type = 7, .payload = "eight by"},
      {.sum = kind, .kind = 2, .payload = "a chunk of an entry"},
      {.sum = kind, .flags = 3, .type = 0xffff, .extension = {1, ~std::uint64_t{0}}, .payload = "in a batch"},
      {.sum = kind, .payload = long_text},
      {.sum = kind, .payload = "short", .extent = 64},
      {.sum = kind, .extension = {5}, .payload = "", .extent = 40},
      {.sum = kind, .kind = 3, .extent = 24},
      {.sum = kind, .kind = 4, .extent = 56},
  };
}

/// Address space without memory: for lengths that no test should allocate.
class huge_room {
 public:
  explicit huge_room(std::size_t size) : size_{size} {
    address_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(address_ != MAP_FAILED);
  }
  huge_room(const huge_room&) = delete;
  huge_room& operator=(const huge_room&) = delete;
  ~huge_room() { ::munmap(address_, size_); }
  [[nodiscard]] std::span<std::byte> bytes() const { return {static_cast<std::byte*>(address_), size_}; }

 private:
  void* address_ = nullptr;
  std::size_t size_;
};

/// Memory that ends where the machine refuses to read on.
class guarded_page {
 public:
  guarded_page() {
    void* const address = ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(address != MAP_FAILED);
    bytes_ = static_cast<std::byte*>(address);
    REQUIRE(::mprotect(bytes_ + page, page, PROT_NONE) == 0);
  }
  guarded_page(const guarded_page&) = delete;
  guarded_page& operator=(const guarded_page&) = delete;
  ~guarded_page() { ::munmap(bytes_, 2 * page); }

  /// A copy whose last byte is the last that can be read.
  [[nodiscard]] std::span<const std::byte> place(std::span<const std::byte> room) const {
    std::ranges::copy(room, bytes_ + page - room.size());
    return {bytes_ + page - room.size(), room.size()};
  }

 private:
  static constexpr std::size_t page = 65'536;  // the largest in use
  std::byte* bytes_ = nullptr;
};

}  // namespace

// ---- What is valid.

TEST_CASE("a record comes back as it was written, whatever its length and checksum", "[format]") {
  for (const checksum kind : all_checksums) {
    for (std::size_t size = 0; size <= 300; ++size) {
      const auto text = payload_of(size);
      const frame_parts parts{.sum = kind, .type = 0xabcd, .payload = text};
      const auto bytes = build(parts);
      const auto parsed = parse(bytes, parts);
      INFO("checksum " << static_cast<int>(kind) << ", " << size << " bytes: " << verdict(parsed));
      REQUIRE(parsed);
      REQUIRE(parsed->extent == bytes.size());
      REQUIRE(parsed->extent == frame_bytes(size));
      REQUIRE(parsed->kind == frame_kind::record);
      REQUIRE(parsed->type == 0xabcd);
      REQUIRE(parsed->flags == 0);
      REQUIRE(text_of(parsed->payload) == text);
    }
  }
}

TEST_CASE("a record comes back with any number of extension words, and without them in its payload", "[format]") {
  for (std::size_t words = 0; words <= 15; ++words) {
    const frame_parts parts{.extension = std::vector<std::uint64_t>(words, 0x1122334455667788), .payload = "payload"};
    const auto bytes = build(parts);
    const auto parsed = parse(bytes, parts);
    INFO(words << " words: " << verdict(parsed));
    REQUIRE(parsed);
    CHECK(parsed->extent == 24 + 8 * words + 8);
    CHECK(text_of(parsed->payload) == "payload");
    CHECK(parsed->payload.data() == bytes.data() + 24 + 8 * words);
  }
}

TEST_CASE("a frame of every shape is valid with every checksum", "[format]") {
  for (const checksum kind : all_checksums) {
    for (const auto& parts : shapes(kind)) {
      const auto bytes = build(parts);
      const auto parsed = parse(bytes, parts);
      INFO("checksum " << static_cast<int>(kind) << ", kind " << parts.kind << ", '" << parts.payload << "'");
      REQUIRE(verdict(parsed) == "valid");
      CHECK(parsed->extent == bytes.size());
      CHECK(static_cast<unsigned>(parsed->kind) == parts.kind);
      CHECK(parsed->type == parts.type);
      CHECK(parsed->goes_on() == ((parts.flags & 1) != 0));
      CHECK(parsed->begins_inside() == ((parts.flags & 2) != 0));
      CHECK(parsed->is_record() == (parts.kind <= 2));
      CHECK(text_of(parsed->payload) == parts.payload);
    }
  }
}

TEST_CASE("what lies behind the extent word of a short frame is ignored", "[format]") {
  for (const std::uint64_t extent : {40U, 48U, 56U, 4096U}) {
    const frame_parts parts{.payload = "short", .extent = extent};
    auto bytes = build(parts);
    for (std::size_t at = 40; at < bytes.size(); ++at) {
      bytes[at] ^= std::byte{0xff};
      const auto parsed = parse(bytes, parts);
      REQUIRE(verdict(parsed) == "valid");
      REQUIRE(parsed->extent == extent);
      REQUIRE(text_of(parsed->payload) == "short");
    }
  }
}

TEST_CASE("what stands behind the header of a skip or lost frame is ignored", "[format]") {
  for (const unsigned kind : {3U, 4U}) {
    const frame_parts parts{.kind = kind, .extent = 64};
    auto bytes = build(parts);
    std::ranges::fill(std::span{bytes}.subspan(24), std::byte{0xa5});
    const auto parsed = parse(bytes, parts);
    REQUIRE(verdict(parsed) == "valid");
    CHECK(parsed->extent == 64);
    CHECK(parsed->payload.empty());
    CHECK(!parsed->is_record());
  }
}

TEST_CASE("filler() makes what parse_frame() accepts, up to the largest hole", "[format]") {
  constexpr std::uint64_t largest = segment_bytes_max - segment_header_bytes;
  const huge_room room{largest};
  for (const auto kind : {frame_kind::skip, frame_kind::lost}) {
    for (const std::uint64_t extent : {std::uint64_t{24}, std::uint64_t{32}, std::uint64_t{1} << 31, largest - 8, largest}) {
      const auto header = filler(kind, 0x8000000000000123, 4096, extent);
      std::memcpy(room.bytes().data(), &header, sizeof header);
      for (const checksum sum : all_checksums) {
        const auto parsed = parse_frame(room.bytes(), 4096, 0x8000000000000123, sum, depth::everything);
        INFO("extent " << extent << ": " << verdict(parsed));
        REQUIRE(parsed);
        CHECK(parsed->extent == extent);
        CHECK(parsed->kind == kind);
      }
    }
  }
}

TEST_CASE("the writer's header is the frame that the specification describes", "[format]") {
  // build() writes bytes by their offsets; here the library's own structure is filled and must give the same ones.
  const frame_parts parts{.type = 0x0102, .payload = "payload"};
  const auto expected = build(parts);
  frame_header header{
      .stamp = stamp_of(parts.sequence, parts.salt), .length = 7, .kind = frame_kind::record, .type = 0x0102};
  header.checksum = frame_checksum(parts.sum, header, parts.offset, varve::testing::bytes_of("payload"));
  byte_vector bytes(24);
  std::memcpy(bytes.data(), &header, sizeof header);
  CHECK(std::ranges::equal(bytes, std::span{expected}.first(24)));
  CHECK(third_word(header) == get(expected, 16, 8));
}

TEST_CASE("a shape is accepted without a look at padding and checksum", "[format]") {
  const frame_parts parts{.payload = "12345"};
  auto bytes = build(parts);
  bytes[24 + 6] = std::byte{1};
  put(bytes, 8, 0, 8);
  CHECK(verdict(parse(bytes, parts)) == "padding");
  const auto parsed = parse(bytes, parts, depth::shape);
  REQUIRE(parsed);
  CHECK(parsed->extent == 32);
  CHECK(text_of(parsed->payload) == "12345");
}

// ---- What is not: one row per case. Unless the row is about it, the checksum matches what stands in the frame.

namespace {

struct row {
  const char* what_is_wrong;
  frame_parts parts;
  std::function<void(byte_vector&)> spoil;  // the checksum is refreshed afterwards
  const char* expected;
};

const row rows[] = {
    {"nothing", {.payload = "payload"}, [](byte_vector&) {}, "valid"},
    {"kind 0", {.payload = "payload"}, [](byte_vector& b) { put(b, 20, 0, 1); }, "kind"},
    {"kind 6", {.payload = "payload"}, [](byte_vector& b) { put(b, 20, 6, 1); }, "kind"},
    {"kind 255", {.payload = "payload"}, [](byte_vector& b) { put(b, 20, 255, 1); }, "kind"},
    {"flag bit 3", {.payload = "payload"}, [](byte_vector& b) { put(b, 21, 8, 1); }, "flags"},
    {"flag bit 3 of a chunk in a batch", {.kind = 2, .payload = "x"}, [](byte_vector& b) { put(b, 21, 11, 1); }, "flags"},
    {"flag bit 3 of a skip", {.kind = 3, .extent = 32}, [](byte_vector& b) { put(b, 21, 8, 1); }, "flags"},
    {"a skip that goes on", {.kind = 3, .extent = 32}, [](byte_vector& b) { put(b, 21, 1, 1); }, "flags"},
    {"a lost frame that begins inside", {.kind = 4, .extent = 32}, [](byte_vector& b) { put(b, 21, 2, 1); }, "flags"},
    {"a short skip", {.kind = 3, .extent = 32}, [](byte_vector& b) { put(b, 21, 4, 1); }, "flags"},
    {"a lost frame with an extension word", {.kind = 4, .extent = 32}, [](byte_vector& b) { put(b, 21, 16, 1); }, "flags"},
    {"length 0 where there were 7 bytes", {.payload = "payload"}, [](byte_vector& b) { put(b, 16, 0, 4); }, "valid"},
    {"length 8 where there were 7 bytes", {.payload = "payload"}, [](byte_vector& b) { put(b, 16, 8, 4); }, "valid"},
    {"length beyond the room by one", {.payload = "payload"}, [](byte_vector& b) { put(b, 16, 9, 4); }, "extent"},
    {"length 2^31", {.payload = "payload"}, [](byte_vector& b) { put(b, 16, 0x80000000, 4); }, "extent"},
    {"length 2^32 - 1", {.payload = "payload"}, [](byte_vector& b) { put(b, 16, 0xffffffff, 4); }, "extent"},
    {"a length that would wrap 32 bits to 8",
     {.payload = "payload"},
     [](byte_vector& b) { put(b, 16, 0xfffffff0, 4); },
     "extent"},
    {"15 words and a length that would wrap 32 bits",
     {.extension = std::vector<std::uint64_t>(15), .payload = "payload"},
     [](byte_vector& b) { put(b, 16, 0xffffff90, 4); },
     "extent"},
    {"short, and a length that would wrap 32 bits",
     {.payload = "payload", .extent = 64},
     [](byte_vector& b) { put(b, 16, 0xffffffe8, 4); },
     "extent"},
    {"more extension words than there is room for",
     {.payload = "payload"},
     [](byte_vector& b) { put(b, 21, 0x20, 1); },
     "extent"},
    {"one extension word more, with room for it",
     {.payload = "eight by"},
     [](byte_vector& b) { put(b, 16, 0, 4), put(b, 21, 0x10, 1); },
     "valid"},
    {"a skip with a length that is not aligned",
     {.kind = 3, .extent = 32},
     [](byte_vector& b) { put(b, 16, 7, 4); },
     "extent"},
    {"a skip longer than the room", {.kind = 3, .extent = 32}, [](byte_vector& b) { put(b, 16, 16, 4); }, "extent"},
    {"a skip of 2^32 - 8", {.kind = 3, .extent = 32}, [](byte_vector& b) { put(b, 16, 0xfffffff8, 4); }, "extent"},
    {"a lost frame of 2^31", {.kind = 4, .extent = 32}, [](byte_vector& b) { put(b, 16, 0x80000000, 4); }, "extent"},
    {"a skip that ends before the room does", {.kind = 3, .extent = 32}, [](byte_vector& b) { put(b, 16, 0, 4); }, "valid"},
    {"extent word 0", {.payload = "short", .extent = 64}, [](byte_vector& b) { put(b, 32, 0, 8); }, "extent"},
    {"extent word one unit too small",
     {.payload = "short", .extent = 64},
     [](byte_vector& b) { put(b, 32, 32, 8); },
     "extent"},
    {"extent word at its smallest", {.payload = "short", .extent = 64}, [](byte_vector& b) { put(b, 32, 40, 8); }, "valid"},
    {"extent word unaligned", {.payload = "short", .extent = 64}, [](byte_vector& b) { put(b, 32, 41, 8); }, "extent"},
    {"extent word unaligned by 4", {.payload = "short", .extent = 64}, [](byte_vector& b) { put(b, 32, 60, 8); }, "extent"},
    {"extent word at the edge", {.payload = "short", .extent = 64}, [](byte_vector& b) { put(b, 32, 64, 8); }, "valid"},
    {"extent word one unit beyond the edge",
     {.payload = "short", .extent = 64},
     [](byte_vector& b) { put(b, 32, 72, 8); },
     "extent"},
    {"extent word 2^63",
     {.payload = "short", .extent = 64},
     [](byte_vector& b) { put(b, 32, std::uint64_t{1} << 63, 8); },
     "extent"},
    {"extent word 2^64 - 8",
     {.payload = "short", .extent = 64},
     [](byte_vector& b) { put(b, 32, ~std::uint64_t{7}, 8); },
     "extent"},
    {"short, without room for the extent word", {.payload = "payload"}, [](byte_vector& b) { put(b, 21, 4, 1); }, "extent"},
    {"first byte of the padding", {.payload = "12345"}, [](byte_vector& b) { put(b, 29, 1, 1); }, "padding"},
    {"last byte of the padding", {.payload = "12345"}, [](byte_vector& b) { put(b, 31, 128, 1); }, "padding"},
    {"padding of a payload of one byte", {.payload = "1"}, [](byte_vector& b) { put(b, 25, 1, 1); }, "padding"},
    {"padding behind extension words",
     {.extension = {1, 2}, .payload = "1"},
     [](byte_vector& b) { put(b, 47, 1, 1); },
     "padding"},
    {"padding of a short frame", {.payload = "short", .extent = 64}, [](byte_vector& b) { put(b, 31, 1, 1); }, "padding"},
    {"padding of an unprotected payload",
     {.sum = checksum::none, .payload = "12345"},
     [](byte_vector& b) { put(b, 29, 1, 1); },
     "padding"},
};

}  // namespace

TEST_CASE("each thing that can be wrong with a frame has its exact fault", "[format][G5]") {
  for (const auto& [what_is_wrong, parts, spoil, expected] : rows) {
    auto bytes = build(parts);
    spoil(bytes);
    refresh_checksum(bytes, parts);
    INFO(what_is_wrong);
    CHECK(verdict(parse(bytes, parts)) == expected);
    if (expected != std::string{"padding"}) CHECK(verdict(parse(bytes, parts, depth::shape)) == expected);
  }
}

TEST_CASE("each kind but the five known ones is refused", "[format][G5]") {
  for (unsigned kind = 0; kind <= 255; ++kind) {
    const frame_parts parts{.payload = "eight by"};
    auto bytes = build(parts);
    put(bytes, 20, kind, 1);
    refresh_checksum(bytes, parts);
    INFO("kind " << kind);
    CHECK(verdict(parse(bytes, parts)) == (kind >= 1 && kind <= 5 ? "valid" : "kind"));
  }
}

TEST_CASE("each part of a frame that is changed makes the checksum fail", "[format][G5]") {
  const frame_parts parts{.type = 7, .extension = {1}, .payload = "eight by"};
  struct change {
    const char* what;
    std::size_t at;
  };
  for (const auto& [what, at] : {change{"checksum", 8}, {"type", 22}, {"extension", 24}, {"payload", 32}, {"payload", 39}}) {
    auto bytes = build(parts);
    bytes[at] ^= std::byte{1};
    INFO(what);
    CHECK(verdict(parse(bytes, parts)) == "checksum");
    CHECK(verdict(parse(bytes, parts, depth::shape)) == "valid");
  }
}

TEST_CASE("a header needs room for all of it", "[format][G5]") {
  for (std::size_t size = 0; size < frame_header_bytes; ++size) {
    for (const unsigned kind : {1U, 3U}) {
      const frame_parts parts{.kind = kind, .extent = kind == 3 ? 24U : 0U};
      auto bytes = build(parts);
      bytes.resize(size);
      bytes.shrink_to_fit();
      CHECK(verdict(parse(bytes, parts)) == "extent");
      CHECK(verdict(parse(bytes, parts, depth::shape)) == "extent");
    }
  }
}

TEST_CASE("a frame of any shape is refused in every room that is smaller than it", "[format][G5]") {
  const guarded_page page;
  for (const checksum kind : all_checksums) {
    for (const auto& parts : shapes(kind)) {
      const auto whole = build(parts);
      for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto room = page.place(std::span{whole}.first(size));
        if (const auto parsed = parse(room, parts); verdict(parsed) != "extent")
          FAIL("'" << parts.payload << "' in " << size << " bytes: " << verdict(parsed));
      }
      auto more = whole;
      more.resize(whole.size() + 8, std::byte{0xff});
      const auto parsed = parse(more, parts);
      REQUIRE(verdict(parsed) == "valid");
      CHECK(parsed->extent == whole.size());
    }
  }
}

TEST_CASE("lengths of gigabytes are measured without wrapping, where there is room for them and where there is not",
          "[format][G5]") {
  constexpr std::uint64_t all = segment_bytes_max - segment_header_bytes;
  const huge_room memory{all};
  struct length_row {
    std::uint64_t length, room;
    unsigned words;
    const char* expected;
  };
  constexpr std::uint64_t half = std::uint64_t{1} << 31;
  for (const auto& [length, room, words, expected] : {
           length_row{half, half + 24, 0, "valid"},
           length_row{half, half + 23, 0, "extent"},
           length_row{half - 1, half + 24, 0, "valid"},
           length_row{half + 1, half + 24, 0, "extent"},
           length_row{half, half + 24 + 120, 15, "valid"},
           length_row{half, half + 24 + 112, 15, "extent"},
           length_row{all - 24, all, 0, "valid"},
           length_row{all - 24, all, 1, "extent"},
           length_row{all - 23, all, 0, "extent"},
           length_row{0xffffffff, all, 0, "extent"},
           length_row{0xffffffff, all, 15, "extent"},
       }) {
    const auto bytes = memory.bytes();
    put(bytes, 16, length, 4);
    put(bytes, 20, 1, 1);
    put(bytes, 21, words << 4, 1);
    const auto parsed = parse_frame(bytes.first(room), 4096, 1, checksum::xxh3, depth::shape);
    INFO(length << " bytes and " << words << " words in " << room << ": " << verdict(parsed));
    CHECK(verdict(parsed) == expected);
    if (parsed) CHECK(parsed->payload.size() == length);
  }
}

TEST_CASE("random headers never lead outside of their room", "[format][G5]") {
  std::mt19937_64 random{7};
  std::size_t shapes_accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    byte_vector room(random() % 160);
    for (auto& b : room) b = static_cast<std::byte>(random() % 256);
    if (room.size() >= 24) {  // mostly plausible, or nothing would ever get beyond the first checks
      put(room, 16, random() % 4 == 0 ? random() : random() % 160, 4);
      put(room, 20, random() % 6, 1);
      put(room, 21, random() % 2 == 0 ? 0 : random() & 0x35, 1);
      if (random() % 2 == 0)
        for (std::size_t at = 24; at + 8 <= room.size(); at += 8)
          if (random() % 3 == 0) put(room, at, random() % 22 * 8, 8);
    }
    const std::span<const std::byte> bytes{room};
    const auto parsed = parse_frame(bytes, 4096, random(), checksum::xxh3, depth::shape);
    if (!parsed) continue;
    ++shapes_accepted;
    REQUIRE(parsed->extent >= frame_header_bytes);
    REQUIRE(parsed->extent <= room.size());
    REQUIRE(parsed->extent % frame_alignment == 0);
    if (parsed->is_record()) {
      REQUIRE(parsed->payload.data() >= room.data() + frame_header_bytes);
      REQUIRE(parsed->payload.data() + parsed->payload.size() <= room.data() + parsed->extent);
    }
    REQUIRE(!parse_frame(bytes, 4096, random(), checksum::xxh3, depth::everything));
  }
  CHECK(shapes_accepted > 10'000);
}

// ---- Damage.

TEST_CASE("every single flipped bit of a protected frame is detected", "[format][G5]") {
  for (const checksum kind : {checksum::xxh3, checksum::crc32c, checksum::crc32, checksum::crc64}) {
    for (const auto& parts : shapes(kind)) {
      const auto whole = build(parts);
      // What nothing protects has no meaning: behind the header of a skip or lost frame, behind an extent word.
      std::size_t meaning = whole.size();
      if (parts.kind >= 3)
        meaning = 24;
      else if (parts.extent != 0)
        meaning = (24 + 8 * parts.extension.size() + parts.payload.size() + 7) / 8 * 8 + 8;
      for (std::size_t bit = 0; bit < 8 * meaning; ++bit) {
        auto bytes = whole;
        bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        const bool is_valid = get(bytes, 0, 8) == parts.stamp() && parse(bytes, parts);  // rule 1 is the caller's
        if (is_valid) FAIL("checksum " << static_cast<int>(kind) << ", '" << parts.payload << "', bit " << bit);
      }
    }
  }
}

TEST_CASE("a flipped bit of the stamp fails the checksum too, should it be another sequence's stamp", "[format][G5][G6]") {
  for (const checksum kind : all_checksums) {
    for (const auto& parts : shapes(kind)) {
      const auto bytes = build(parts);
      for (int bit = 0; bit < 64; ++bit) {
        const auto stamp = parts.stamp() ^ std::uint64_t{1} << bit;
        CHECK(verdict(parse_frame(bytes, parts.offset, stamp, kind, depth::everything)) == "checksum");
      }
    }
  }
}

TEST_CASE("without a checksum every flipped bit of header and padding is detected, and none of the payload",
          "[format][G5]") {
  for (const auto& parts : shapes(checksum::none)) {
    const auto whole = build(parts);
    const std::size_t payload_end = 24 + 8 * parts.extension.size() + parts.payload.size();
    const std::size_t padded_end = (payload_end + 7) / 8 * 8;
    for (std::size_t bit = 0; bit < 8 * padded_end; ++bit) {
      if (parts.kind >= 3 && bit >= 8 * 24) break;
      auto bytes = whole;
      bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      const bool is_valid = get(bytes, 0, 8) == parts.stamp() && parse(bytes, parts);
      const bool is_protected = bit < 8 * 24 || bit >= 8 * payload_end;
      if (is_valid == is_protected) FAIL("'" << parts.payload << "', bit " << bit);
    }
  }
}

// ---- Nothing comes back from the dead.

TEST_CASE("a frame that was moved inside its segment is not valid there", "[format][G6]") {
  for (const checksum kind : all_checksums) {
    for (const auto& parts : shapes(kind)) {
      const auto bytes = build(parts);
      for (std::uint64_t offset = 0; offset < 1 << 16; offset += 8) {
        if (offset == parts.offset) continue;
        const auto parsed = parse_frame(bytes, offset, parts.stamp(), kind, depth::everything);
        if (verdict(parsed) != "checksum") FAIL("'" << parts.payload << "' at " << offset << ": " << verdict(parsed));
      }
      for (int bit = 3; bit < 32; ++bit)
        CHECK(!parse_frame(bytes, parts.offset ^ std::uint64_t{1} << bit, parts.stamp(), kind, depth::everything));
    }
  }
}

TEST_CASE("a frame of an earlier use of the file is not valid, although offset and sequence are the same", "[format][G6]") {
  std::mt19937_64 random{11};
  for (const checksum kind : all_checksums) {
    for (const auto& parts : shapes(kind)) {
      const auto bytes = build(parts);
      for (int round = 0; round < 1000; ++round) {
        auto now = parts;
        now.salt = random() | salt_top_bit;
        if (now.salt == parts.salt) continue;
        REQUIRE(get(bytes, 0, 8) != now.stamp());           // rule 1 refuses it,
        REQUIRE(verdict(parse(bytes, now)) == "checksum");  // and so does the checksum, were the stamp overwritten
      }
    }
  }
}

TEST_CASE("a frame does not stand in for another sequence at its offset", "[format][G6]") {
  const frame_parts parts{.payload = "payload"};
  const auto bytes = build(parts);
  for (std::uint64_t sequence = 1; sequence <= 2000; ++sequence) {
    if (sequence == parts.sequence) continue;
    auto other = parts;
    other.sequence = sequence;
    REQUIRE(get(bytes, 0, 8) != other.stamp());
    REQUIRE(verdict(parse(bytes, other)) == "checksum");
  }
}

TEST_CASE("a header whose payload belongs to an earlier use of the file is not valid", "[format][G6]") {
  // The page with the header reached the disk, the page with the payload did not: there the old one still stands.
  for (const checksum kind : {checksum::xxh3, checksum::crc32c, checksum::crc32, checksum::crc64}) {
    const auto text = payload_of(4096), old_text = "old" + payload_of(4093);
    const frame_parts parts{.sum = kind, .payload = text};
    auto old_parts = parts;
    old_parts.payload = old_text;
    auto bytes = build(parts);
    const auto old_bytes = build(old_parts);
    std::ranges::copy(std::span{old_bytes}.subspan(24), bytes.begin() + 24);
    CHECK(verdict(parse(bytes, parts)) == "checksum");
  }
}

TEST_CASE("zeroed bytes are no frame, whatever is expected", "[format][G6]") {
  // No stamp is 0: a salt has the top bit, a sequence has not.
  std::mt19937_64 random{13};
  for (int round = 0; round < 10'000; ++round)
    REQUIRE((stamp_of(random() & sequence_max, random() | salt_top_bit) & salt_top_bit) != 0);
  CHECK(stamp_of(sequence_max, ~std::uint64_t{0}) == salt_top_bit);
  CHECK(stamp_of(0, salt_top_bit) == salt_top_bit);
  // And kind 0 is no kind, whatever stamp and checksum say.
  for (const std::size_t size : {24U, 32U, 4096U}) {
    byte_vector bytes(size);
    for (const checksum kind : all_checksums) {
      CHECK(verdict(parse_frame(bytes, 4096, 0, kind, depth::everything)) == "kind");
      CHECK(verdict(parse_frame(bytes, 4096, 0, kind, depth::shape)) == "kind");
      put(bytes, 8, mix(0, 4096, 0) ^ varve::core::sum(kind, {}), 8);
      CHECK(verdict(parse_frame(bytes, 4096, 0, kind, depth::everything)) == "kind");
    }
  }
}

TEST_CASE("bytes of an erased block are no frame", "[format][G6]") {
  const byte_vector bytes(4096, std::byte{0xff});
  CHECK(verdict(parse_frame(bytes, 4096, ~std::uint64_t{0}, checksum::none, depth::everything)) == "kind");
}

TEST_CASE("frames of a log that is stored in a log are not valid there", "[format][G6]") {
  // The worst case: the very segment is appended to itself, so that even salt and sequences are right.
  frame_parts inner{.payload = "inner"};
  const auto inner_bytes = build(inner);
  const frame_parts outer{.sequence = 1001, .offset = 4096 + 32, .payload = text_of(inner_bytes)};
  const auto bytes = build(outer);
  REQUIRE(verdict(parse(bytes, outer)) == "valid");
  const auto room = std::span{bytes}.subspan(24);
  REQUIRE(get(room, 0, 8) == inner.stamp());
  inner.offset = outer.offset + 24;
  CHECK(verdict(parse(room, inner)) == "checksum");
}

// ---- mix.

TEST_CASE("mix is a bijection of each of its words", "[format][G5]") {
  // All values of each run of 16 bits, the rest fixed: no two give the same result. (Each step is a bijection of its own, so
  // this is a guard against slips, not a proof.)
  std::mt19937_64 random{17};
  for (int word = 0; word < 3; ++word) {
    for (int shift = 0; shift < 64; shift += 16) {
      std::uint64_t words[3] = {random(), random(), random()};
      const auto fixed = words[word] & ~(std::uint64_t{0xffff} << shift);
      std::unordered_set<std::uint64_t> seen;
      for (std::uint64_t value = 0; value < 1 << 16; ++value) {
        words[word] = fixed | value << shift;
        seen.insert(mix(words[0], words[1], words[2]));
      }
      INFO("word " << word << ", bits from " << shift);
      CHECK(seen.size() == 1 << 16);
    }
  }
}

TEST_CASE("every bit that goes into mix reaches every bit that comes out", "[format][G5]") {
  // A flipped bit should flip each bit of the result in one half of the cases. Of the offset only the bits that an offset
  // can have count.
  constexpr int rounds = 4000;
  struct range {
    int word, first, end;
  };
  for (const auto& [word, first, end] : {range{0, 0, 64}, range{1, 3, 32}, range{2, 0, 64}}) {
    for (int bit = first; bit < end; ++bit) {
      std::mt19937_64 random{static_cast<std::uint64_t>(100 * word + bit)};
      int flips[64] = {};
      for (int round = 0; round < rounds; ++round) {
        std::uint64_t words[3] = {random(), random() & 0xfffffff8, random()};
        const auto before = mix(words[0], words[1], words[2]);
        words[word] ^= std::uint64_t{1} << bit;
        const auto changed = before ^ mix(words[0], words[1], words[2]);
        for (int out = 0; out < 64; ++out) flips[out] += static_cast<int>(changed >> out & 1);
      }
      for (int out = 0; out < 64; ++out)
        if (flips[out] < 0.45 * rounds || flips[out] > 0.55 * rounds)
          FAIL("bit " << bit << " of word " << word << " flips bit " << out << " in " << flips[out] << " of " << rounds);
    }
  }
}

TEST_CASE("neighbouring frames that hold the same have nothing in common in their checksums", "[format][G6]") {
  std::unordered_set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const frame_header header{.stamp = stamp_of(1 + i, 0x9c3f5a7e12d4b680), .length = 8};
    seen.insert(frame_checksum(checksum::none, header, 4096 + 32 * i, {}) >>
                32);  // already the upper half is as good as random
  }
  CHECK(seen.size() > 100'000 - 10);  // a birthday among 2^32: about one pair is to be expected
}

// ---- Sizes.

TEST_CASE("a record takes its header and its payload, rounded up to 8", "[format]") {
  CHECK(frame_bytes(0) == 24);
  CHECK(frame_bytes(1) == 32);
  CHECK(frame_bytes(8) == 32);
  CHECK(frame_bytes(9) == 40);
  CHECK(frame_bytes(UINT32_MAX) == 24 + (std::uint64_t{1} << 32));
}

TEST_CASE("the largest payload fills a segment to its last byte, and no more", "[format]") {
  for (const auto capacity : {segment_bytes_min, segment_bytes_default, segment_bytes_max}) {
    const auto most = payload_bytes_max(capacity);
    CHECK(segment_header_bytes + frame_bytes(most) == capacity);
    CHECK(segment_header_bytes + frame_bytes(most + 1) > capacity);
  }
}
