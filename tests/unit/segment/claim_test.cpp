// SPDX-License-Identifier: MIT
//
// Claims on one segment: by one thread at every edge, and by many at once.
#include "segment/claim.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "unit/segment/memory_segment.hpp"

namespace varve::testing {
namespace {

using namespace core;

constexpr std::uint64_t header = format::segment_header_bytes;

struct block_of {
  explicit block_of(std::uint64_t capacity = format::segment_bytes_min, std::uint64_t base = 1)
      : block(memory_segment(capacity, base)), room(capacity - header) {
    block.base = base;
    block.claims.store(claim_word::of(header, 0), std::memory_order_relaxed, "test:A");
  }
  claim_outcome claim(std::uint64_t bytes, std::uint64_t frames = 1) { return try_claim(block, bytes, frames, space); }
  /// What the roller does next.
  void leave_open() { block.roll.store(roll_word(roll_state::rolling), std::memory_order_release, "test:A"); }

  control_block block;
  const std::uint64_t room;
  claimed_space space;
};

}  // namespace

TEST_CASE("one claim gives offset and sequence together", "[segment][G3]") {
  block_of b{format::segment_bytes_min, 100};
  CHECK(b.claim(24) == claim_outcome::here);
  CHECK((b.space.offset == header && b.space.sequence == 100));
  CHECK(b.claim(48, 2) == claim_outcome::here);
  CHECK((b.space.offset == header + 24 && b.space.sequence == 101));
  CHECK(b.claim(1000) == claim_outcome::here);
  CHECK((b.space.offset == header + 72 && b.space.sequence == 103));
  CHECK(frames_claimed(b.block) == 4);
  CHECK(bytes_claimed(b.block) == header + 1072);
}

TEST_CASE("a claim that fits to the last byte is served, the next one crosses", "[segment]") {
  const std::uint64_t capacity =
      GENERATE(as<std::uint64_t>{}, format::segment_bytes_min, std::uint64_t{1} << 20);  // by add, and by exchange
  block_of b{capacity};
  CHECK(b.claim(b.room) == claim_outcome::here);
  CHECK(bytes_claimed(b.block) == capacity);
  CHECK(b.claim(24) == claim_outcome::crossed);
  CHECK(claim_word::offset(b.block.crossing) == capacity);
  CHECK(claim_word::frames(b.block.crossing) == 1);
  CHECK(b.claim(24) == claim_outcome::beyond);
}

TEST_CASE("a claim of one unit too much crosses, and leaves the segment as it was", "[segment]") {
  const std::uint64_t capacity = GENERATE(as<std::uint64_t>{}, format::segment_bytes_min, std::uint64_t{1} << 20);
  block_of b{capacity};
  REQUIRE(b.claim(1000) == claim_outcome::here);
  CHECK(b.claim(b.room - 1000 + 8) == claim_outcome::crossed);
  CHECK(claim_word::offset(b.block.crossing) == header + 1000);
  CHECK(claim_word::frames(b.block.crossing) == 1);
  b.leave_open();
  CHECK(bytes_claimed(b.block) == header + 1000);
  CHECK(frames_claimed(b.block) == 1);
  CHECK(b.claim(24) == claim_outcome::beyond);
  CHECK(b.claim(b.room) == claim_outcome::beyond);
}

TEST_CASE("claims behind the crossing are counted neither as frames nor as bytes", "[segment]") {
  block_of b;
  REQUIRE(b.claim(40'000) == claim_outcome::here);
  REQUIRE(b.claim(40'000) == claim_outcome::crossed);
  b.leave_open();
  for (int i = 0; i < 1000; ++i) CHECK(b.claim(60'000, 5) == claim_outcome::beyond);
  CHECK(frames_claimed(b.block) == 1);
  CHECK(bytes_claimed(b.block) == header + 40'000);
}

TEST_CASE("stop_claims ends a block where it stands, once", "[segment]") {
  block_of b;
  REQUIRE(b.claim(1000, 3) == claim_outcome::here);
  CHECK(stop_claims(b.block));
  b.leave_open();
  CHECK(frames_claimed(b.block) == 3);
  CHECK(bytes_claimed(b.block) == header + 1000);
  CHECK(b.claim(24) == claim_outcome::beyond);
  CHECK_FALSE(stop_claims(b.block));
}

TEST_CASE("stop_claims says no to a block that has been crossed", "[segment]") {
  block_of b;
  REQUIRE(b.claim(b.room) == claim_outcome::here);
  REQUIRE(b.claim(24) == claim_outcome::crossed);
  CHECK_FALSE(stop_claims(b.block));
}

TEST_CASE("many threads: claims are disjoint, dense, in one order, and one of them crosses", "[segment][G3]") {
  const std::uint64_t largest = GENERATE(std::uint64_t{200}, std::uint64_t{100'000});  // adds only, and with exchanges
  CAPTURE(largest);
  for (int round = 0; round < 20; ++round) {
    block_of b{std::uint64_t{1} << 20};
    struct piece {
      std::uint64_t offset, bytes, sequence, frames;
    };
    std::vector<std::vector<piece>> got(4);
    std::atomic<int> crossings{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < got.size(); ++t)
      threads.emplace_back([&, t] {
        for (std::uint64_t i = t;; i += 4) {
          const std::uint64_t bytes = 24 + i * 7919 * 8 % largest / 8 * 8, frames = 1 + i % 3;
          claimed_space space;
          const auto outcome = try_claim(b.block, bytes, frames, space);
          if (outcome == claim_outcome::crossed) ++crossings;
          if (outcome != claim_outcome::here) return;  // never twice to a block that is full
          got[t].push_back({space.offset, bytes, space.sequence, frames});
        }
      });
    for (auto& t : threads) t.join();
    b.leave_open();
    std::vector<piece> all;
    for (const auto& g : got) all.insert(all.end(), g.begin(), g.end());
    std::ranges::sort(all, {}, &piece::offset);
    std::uint64_t offset = header, sequence = 1;
    for (const auto& p : all) {
      REQUIRE((p.offset == offset && p.sequence == sequence));
      offset += p.bytes;
      sequence += p.frames;
    }
    CHECK(crossings == 1);
    CHECK(bytes_claimed(b.block) == offset);
    CHECK(frames_claimed(b.block) == sequence - 1);
    CHECK(offset <= b.block.segment->facts().capacity);
  }
}

TEST_CASE("what is filled and published is a valid frame; before the stamp it is nothing", "[segment][G1]") {
  const auto s = memory_segment();
  for (const std::uint64_t bytes : {0U, 1U, 7U, 8U, 9U, 1000U}) {
    const std::string text(bytes, 'x');
    const auto piece = std::as_bytes(std::span{text});
    std::memset(s->writable_bytes().data() + header, 0xee, 2000);  // leftovers of an earlier use
    const frame_space at{.offset = header, .extent = format::frame_bytes(bytes), .sequence = 1};
    fill(*s, at, piece, {.type = 9, .batch_flags = format::frame_flags::goes_on});
    CHECK(look(*s, header, 1, format::depth::everything).what == sight::nothing);
    publish(*s, at);
    const auto seen = look(*s, header, 1, format::depth::everything);
    CHECK(seen.what == sight::frame);
    CHECK(text_of(seen) == text);
    CHECK(seen.frame.type == 9);
    CHECK(seen.frame.goes_on());
    CHECK(seen.frame.extent == at.extent);
  }
}

}  // namespace varve::testing
