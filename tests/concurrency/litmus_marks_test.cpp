// SPDX-License-Identifier: MIT
//
// Litmus tests of the pairs that say how far something goes: the ends of a segment, and the durable mark.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "concurrency/workload.hpp"
#include "format/live.hpp"
#include "format/segment_header.hpp"
#include "os/file.hpp"
#include "os/memory.hpp"
#include "segment/segment.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve;
using namespace varve::testing;

constexpr std::uint64_t capacity = std::uint64_t{64} << 10;
constexpr core::segment_facts facts{.number = 1, .base = 1, .salt = format::salt_top_bit | 7, .capacity = capacity};

/// A segment as its writer has it, and as somebody else maps the same file.
struct twice_mapped {
  twice_mapped() {
    const auto directory = os::open_directory(dir.path().string());
    auto file = os::create_file(*directory, "segment", 0600);
    REQUIRE(os::allocate(*file, capacity).has_value());
    auto mine = os::map(*file, capacity, os::access::read_write), theirs = os::map(*file, capacity, os::access::read);
    REQUIRE((mine && theirs));
    writer = std::make_shared<core::segment>(facts, std::move(*file), std::move(*mine), core::segment_index{});
    reader = std::make_shared<core::segment>(facts, os::file{}, std::move(*theirs), core::segment_index{});
  }
  temp_dir dir;
  std::shared_ptr<core::segment> writer, reader;
};

}  // namespace

// Allowed: no end. The end, as it was written. Forbidden: an end of which a part is missing; that would be none, for ever.
TEST_CASE("header:A / header:B - who sees the offset of an end sees all of it", "[litmus][G3]") {
  const stress_clock clock{1};
  std::uint64_t wrong = 0, rounds = 0;
  for (; rounds < 50 || !clock.is_over(); ++rounds) {
    const twice_mapped m;
    const format::end e{
        .salt = facts.salt, .offset = 8192, .last = rounds % 100 + 1, .successor = 2, .cause = format::end_cause::roll};
    std::thread writing{[&] { m.writer->write_end(e); }};
    const std::byte* const place = m.reader->bytes().data() + format::end_offset + offsetof(format::end, offset);
    while (shared::load(shared::place_at<std::uint64_t>(place), std::memory_order_acquire, "header:B") == 0) {
    }
    const auto seen = m.reader->read_end();
    if (!seen || seen->last != rounds % 100 + 1 || seen->successor != 2) ++wrong;
    writing.join();
  }
  CHECK(wrong == 0);
}

// Allowed: no end yet. The next segment's first sequence, and where this one ends. Forbidden: the one without the other.
TEST_CASE("segment:A / segment:B - who sees the sequence at which a segment ends sees where", "[litmus][G3]") {
  const stress_clock clock{1};
  std::uint64_t wrong = 0, rounds = 0;
  const twice_mapped m;
  for (; rounds < 50 || !clock.is_over(); ++rounds) {
    core::segment s{facts, os::file{}, os::mapping{}, core::segment_index{}};
    std::thread ending{[&] { s.set_end(rounds * 8, rounds + 1); }};
    while (s.end_sequence() == core::none_yet) {
    }
    if (s.end_sequence() != rounds + 1 || s.end_offset() != rounds * 8) ++wrong;
    ending.join();
  }
  CHECK(wrong == 0);
}

// Allowed: the header is not dirty yet. It is, and its bytes are there to be synced. Forbidden: dirty, and old bytes.
TEST_CASE("segment:C / segment:D - who finds the header dirty finds what was written to it", "[litmus][G2]") {
  const stress_clock clock{1};
  std::uint64_t wrong = 0, rounds = 0;
  for (; rounds < 50 || !clock.is_over(); ++rounds) {
    const twice_mapped m;
    std::thread beginning{[&] { m.writer->begin({.base = 1, .salt = facts.salt, .epoch = rounds + 1}); }};
    while (!m.writer->take_header_dirty()) {
    }
    const auto bytes = m.writer->bytes().subspan(format::activation_offset, format::sector_bytes);
    format::sector sector{};
    std::copy(bytes.begin(), bytes.end(), sector.begin());
    const auto seen = format::decode<format::activation>(sector);
    if (!seen || seen->epoch != rounds + 1) ++wrong;
    beginning.join();
  }
  CHECK(wrong == 0);
}

// Allowed: the old mark. The new one, with everything before it synced and in varve.live.
// Forbidden: a mark in memory that is ahead of the one that was stored for other processes.
TEST_CASE("durable:A / durable:B - who reads the durable mark finds it stored", "[litmus][G2]") {
  const temp_dir dir;
  auto log = varve::log::open(dir.path(), {.segment_bytes = capacity});
  REQUIRE(log.has_value());
  const auto view = log_view::open(dir.path());
  REQUIRE(view.has_value());
  const stress_clock clock{1.5};
  complaints wrong;
  std::thread syncing{[&] {
    while (!clock.is_over())
      if (const auto s = log->append("x", {.durability = immediate()}); !s) return wrong.add(s.error().message());
  }};
  std::uint64_t before = 0;
  while (!clock.is_over()) {
    const auto durable = log->durable_sequence();
    if (durable.value < before) wrong.add("the mark went back");
    if (log->published_sequence() < durable) wrong.add("durable, and not published");
    if (view->durable_sequence() < durable) wrong.add("durable, and the mark is not stored");
    before = durable.value;
  }
  syncing.join();
  CHECK(wrong.text() == "");
}
