// SPDX-License-Identifier: MIT
//
// One litmus test for each pair of labelled accesses: what the one side has done before its store, the other side must find
// after its load. On x86 most of them cannot fail; ThreadSanitizer and other processors look closer.
#include <atomic>
#include <barrier>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "concurrency/workload.hpp"
#include "os/file.hpp"
#include "os/memory.hpp"
#include "segment/claim.hpp"
#include "segment/walker.hpp"
#include "support/authorship.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve;
using namespace varve::testing;

constexpr std::uint64_t capacity = std::uint64_t{1} << 20;

/// A mapped segment of its own, without a log.
class lone_segment {
 public:
  explicit lone_segment(std::uint64_t salt) {
    const auto directory = os::open_directory(dir_.path().string());
    REQUIRE(directory.has_value());
    auto file = os::create_file(*directory, "segment", 0600);
    REQUIRE(file.has_value());
    REQUIRE(os::allocate(*file, capacity).has_value());
    auto map = os::map(*file, capacity, os::access::read_write);
    REQUIRE(map.has_value());
    segment_ = std::make_shared<core::segment>(
        core::segment_facts{
            .number = 1, .base = 1, .salt = salt | format::salt_top_bit, .capacity = capacity, .first_frame = 1},
        std::move(*file), std::move(*map), core::segment_index{});
  }
  [[nodiscard]] const std::shared_ptr<core::segment>& get() const noexcept { return segment_; }

 private:
  temp_dir dir_;
  std::shared_ptr<core::segment> segment_;
};

std::unique_ptr<core::control_block> fresh_block(const std::shared_ptr<core::segment>& in) {
  auto block = std::make_unique<core::control_block>(in);
  block->base = 1;
  block->claims.store(core::claim_word::of(format::segment_header_bytes, 0), std::memory_order_relaxed, "claim:first");
  return block;
}

/// Appends to one block until it is full; who crosses its end says so, as an appender does.
void fill_up(core::control_block& block, std::uint32_t writer) {
  std::vector<std::byte> payload;
  for (std::uint64_t counter = 0;; ++counter) {
    payload.resize(8 + counter % 120);
    write_payload({.writer = writer, .counter = counter}, payload);
    const core::bytes_view piece = payload;
    core::claimed_space space;
    if (core::state_of(block.roll.load(std::memory_order_acquire, "roll:A")) != core::roll_state::open) return;
    switch (core::try_claim(block, format::frame_bytes(payload.size()), 1, space)) {
      case core::claim_outcome::here: break;
      case core::claim_outcome::crossed:
        block.roll.store(core::roll_word(core::roll_state::rolling), std::memory_order_release, "roll:B");
        return;
      case core::claim_outcome::beyond: return;
    }
    const core::frame_space at{
        .offset = space.offset, .extent = format::frame_bytes(payload.size()), .sequence = space.sequence};
    core::fill(*block.segment, at, piece, {.type = static_cast<std::uint16_t>(writer)});
    core::publish(*block.segment, at);
  }
}

}  // namespace

// Allowed: the stamp is not there. The stamp is there, and with it the frame as it was written.
// Forbidden: the stamp is there, and anything else of the frame is not.
TEST_CASE("publish:A / scan:A - who sees the stamp sees the payload", "[litmus][G1][G3]") {
  const stress_clock clock{1.5};
  complaints wrong;
  for (std::uint64_t round = 1; round < 4 || !clock.is_over(); ++round) {
    const lone_segment alone{mixed(round)};
    const auto block = fresh_block(alone.get());
    std::vector<std::thread> threads;
    for (std::uint32_t w = 0; w < 2; ++w) threads.emplace_back([&, w] { fill_up(*block, w); });
    for (int r = 0; r < 2; ++r)
      threads.emplace_back([&] {
        core::walker at{alone.get()};
        std::uint64_t next[2] = {};
        // Until the block has ended and everything that was claimed of it is read.
        for (;;) {
          const bool ended = core::state_of(block->roll.load(std::memory_order_acquire, "roll:A")) != core::roll_state::open;
          const auto seen = at.step(format::depth::everything);
          if (seen.what == core::sight::nothing) {
            if (ended && at.offset() == core::bytes_claimed(*block)) return;
            continue;
          }
          if (seen.what != core::sight::frame) return wrong.add("a stamp without its frame");
          const std::uint32_t w = seen.frame.type;
          if (w > 1 || !is_payload_of({.writer = w, .counter = next[w]}, seen.frame.payload))
            return wrong.add("a stamp without its payload, or out of its writer's order");
          ++next[w];
        }
      });
    for (auto& t : threads) t.join();
  }
  CHECK(wrong.text() == "");
}

// Allowed: the block is still open. It has left `open`, and `crossing` says where the segment ends.
// Forbidden: it has left `open`, and `crossing` is not yet written.
TEST_CASE("roll:A / roll:B - who sees that a block is crossed sees where", "[litmus][G1][G3]") {
  const stress_clock clock{1};
  const lone_segment alone{5};
  std::atomic<std::uint64_t> wrong = 0, rounds = 0;
  std::unique_ptr<core::control_block> block;
  std::atomic<bool> goes_on = true;
  std::barrier together{3, [&]() noexcept {
                          goes_on = rounds < 100 || !clock.is_over();
                          ++rounds;
                          block = fresh_block(alone.get());
                        }};
  // Half a segment each, so that the second claim fits and the third crosses.
  constexpr std::uint64_t half = (capacity - format::segment_header_bytes) / 2;
  const auto race = [&](std::uint64_t bytes) {
    for (;;) {
      together.arrive_and_wait();
      if (!goes_on) return;
      for (bool mine = true; mine;) {
        core::claimed_space space;
        const auto outcome = core::try_claim(*block, bytes, 1, space);
        if (outcome == core::claim_outcome::crossed)
          block->roll.store(core::roll_word(core::roll_state::rolling), std::memory_order_release, "roll:B");
        mine = outcome == core::claim_outcome::here;
      }
      // These wait until the block has left `open`.
      if (core::bytes_claimed(*block) != format::segment_header_bytes + 2 * half || core::frames_claimed(*block) != 2)
        ++wrong;
    }
  };
  std::thread one{race, half}, other{race, half}, closing{[&] {
    for (;;) {
      together.arrive_and_wait();
      if (!goes_on) return;
      const auto bytes = core::bytes_claimed(*block);
      if (bytes > format::segment_header_bytes + 2 * half) ++wrong;
    }
  }};
  one.join();
  other.join();
  closing.join();
  CHECK(wrong == 0);
}

// Allowed: an appender finds the old block, and waits or is told to. It finds the new block, with its segment and base.
// Forbidden: it finds the new block, and any of what it needs of it is not there.
TEST_CASE("active:A / active:B - who finds the next block finds its segment and its base", "[litmus][G1][G3]") {
  const temp_dir dir;
  // Every second append begins a segment.
  auto log = varve::log::open(dir.path(), {.segment_bytes = std::uint64_t{64} << 10, .prepared_segments = 32});
  REQUIRE(log.has_value());
  const stress_clock clock{1.5};
  complaints wrong;
  std::vector<std::thread> threads;
  for (std::uint32_t w = 0; w < 4; ++w)
    threads.emplace_back([&, w] {
      std::vector<std::byte> payload(30'000);
      varve::sequence before;
      for (std::uint64_t counter = 0; !clock.is_over(); ++counter) {
        write_payload({.writer = w, .counter = counter}, payload);
        const auto s = log->append(payload, {.type = static_cast<std::uint16_t>(w)});
        if (!s) return wrong.add("append: " + s.error().message());
        if (*s <= before) return wrong.add("a sequence of an older block");
        before = *s;
        // Whatever was finished before it is published, then it can be read: in the segment of the block that it was put in.
        if (log->published_sequence() < *s) continue;
        const auto r = log->read(*s);
        if (!r || !is_payload_of({.writer = w, .counter = counter}, r->payload()))
          return wrong.add("it is not where it was put");
      }
    });
  for (auto& t : threads) t.join();
  CHECK(wrong.text() == "");
  CHECK(log->stats().rolls > 0);
}

// Allowed: the record at `published` can be read. Forbidden: not_yet, or damage.
TEST_CASE("frontier:A / frontier:B - who reads `published` can read every record up to it", "[litmus][G1][G3]") {
  const temp_dir dir;
  auto log = varve::log::open(dir.path(), {.segment_bytes = std::uint64_t{64} << 10, .prepared_segments = 8});
  REQUIRE(log.has_value());
  const stress_clock clock{1.5};
  std::atomic<bool> done = false;
  complaints wrong;
  std::vector<std::thread> appending, reading;
  for (std::uint32_t w = 0; w < 2; ++w)
    appending.emplace_back([&, w] {
      writer_of writer{{.size_usual = 300}, w};
      while (!clock.is_over())
        if (const auto s = writer.append_next(*log); !s) return wrong.add("append: " + s.error().message());
    });
  for (int r = 0; r < 2; ++r)
    reading.emplace_back([&] {
      varve::sequence before;
      while (!done) {
        const auto published = log->published_sequence();
        if (published < before) return wrong.add("published went back");
        before = published;
        if (published.value == 0) continue;
        const auto last = log->read(published);
        if (!last) return wrong.add("read: " + last.error().message());
        if (last->sequence() != published) return wrong.add("another sequence");
      }
    });
  for (auto& t : appending) t.join();
  done = true;
  for (auto& t : reading) t.join();
  CHECK(wrong.text() == "");
}
