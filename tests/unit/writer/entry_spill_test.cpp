// SPDX-License-Identifier: MIT
//
// Entries of more than a segment of the log holds: they are written to a file while they are made.
#include <malloc.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "unit/writer/spilled_entry.hpp"

namespace varve::testing {
namespace {

std::uint64_t memory_in_use() {
  const auto m = ::mallinfo2();
  return m.uordblks + m.hblkhd;
}

}  // namespace

TEST_CASE("an entry of many segments is read back chunk by chunk, and takes memory for one of them at most",
          "[entry][append][G1][G4]") {
  const bool times = GENERATE(false, true);
  open_log o{{.segment_bytes = unit, .record_times = times}};
  REQUIRE(o.l.append("before").has_value());
  auto e = *o.l.begin_entry({.type = 7});
  const std::uint64_t memory_before = memory_in_use();
  std::uint64_t chunks = 0, bytes = 0;
  for (; bytes < (40U << 20); ++chunks) {
    write(e, chunks, chunks + 1);
    bytes += size_of(chunks);
  }
  CHECK(memory_in_use() < memory_before + 2 * unit);
  CHECK(e.chunks() == chunks);
  CHECK(e.bytes() == bytes);
  CHECK(o.l.append("passes it")->value == 2);
  CHECK(verify(o.dir.path())->findings.empty());
  const auto view = log_view::open(o.dir.path());
  CHECK(view->published_sequence() == sequence{2});
  CHECK((*e.publish() == sequence_range{{3}, {3 + chunks}}));
  CHECK(code_of(e.publish()) == errc::closed);
  REQUIRE(o.l.append("behind").has_value());
  const auto check = [&](const auto& l) {
    CHECK(l.published_sequence().value == chunks + 3);
    check_entry(l, 3, chunks);
    CHECK(l.read({3})->type() == 7);
    CHECK(l.read({chunks + 3})->text() == "behind");
  };
  check(o.l);
  check(*view);
  CHECK(place_of(o.dir.path(), 3).segment == place_of(o.dir.path(), chunks + 2).segment);
  if (times) CHECK(o.l.read({3})->time() == o.l.read({chunks + 2})->time());
  CHECK(verify(o.dir.path())->findings.empty());
  REQUIRE(o.l.sync().has_value());
  REQUIRE(o.l.close().has_value());
  o.l = *log::open(o.dir.path(), {.recovery = recovery_mode::strict});
  check(o.l);
}

TEST_CASE("a chunk of several segments goes to the file at once, also alone", "[entry]") {
  open_log o;
  const std::string large = text_of(20 * unit + 3, 1);
  auto e = *o.l.begin_entry();
  const std::uint64_t memory_before = memory_in_use();
  REQUIRE(e.write_chunk(large).has_value());
  CHECK(memory_in_use() < memory_before + 2 * unit);
  REQUIRE(e.publish().has_value());
  CHECK((o.l.read({1})->text() == large));
  CHECK_FALSE(o.l.read({1})->batch_goes_on());
  CHECK(verify(o.dir.path())->findings.empty());
}

TEST_CASE("an entry may be of very many chunks without a byte", "[entry]") {
  open_log o;
  constexpr std::uint64_t chunks = 100'000;
  auto e = *o.l.begin_entry();
  const std::uint64_t memory_before = memory_in_use();
  for (std::uint64_t i = 0; i < chunks; ++i) REQUIRE(e.write_chunk(std::string_view{}).has_value());
  CHECK(memory_in_use() < memory_before + 2 * unit);
  CHECK((*e.publish() == sequence_range{{1}, {chunks + 1}}));
  std::uint64_t seen = 0;
  for (const auto& r : o.l.records()) seen += r && r->is_chunk() && r->batch_goes_on() == (r->sequence().value < chunks);
  CHECK(seen == chunks);
  CHECK(verify(o.dir.path())->findings.empty());
}

TEST_CASE("a spilled entry that is given up or dropped leaves no file, and its room is given back", "[entry][G7]") {
  open_log o;
  REQUIRE(o.l.append("a").has_value());
  while (o.l.stats().prepared < 2) std::this_thread::yield();
  const auto files = segment_numbers(o.dir.path());
  const auto bytes = o.l.stats().bytes_allocated;
  {
    auto e = *o.l.begin_entry();
    write(e, 0, some);
    CHECK(large_files(o.dir.path()) == 1);
    CHECK(o.l.stats().bytes_allocated == disk_bytes(o.dir.path()));
    CHECK(log_view::open(o.dir.path())->describe()->bytes_allocated == disk_bytes(o.dir.path()));
    SECTION("given up") { e.roll_back(); }
    SECTION("assigned to") { e = *o.l.begin_entry(); }
    SECTION("dropped") {}
  }
  CHECK(segment_numbers(o.dir.path()) == files);
  CHECK(o.l.stats().bytes_allocated == bytes);
  CHECK(o.l.append("b")->value == 2);
}

TEST_CASE("an entry that no longer fits the most that a log may take is refused, and is as it was",
          "[entry][retention][G7]") {
  constexpr std::uint64_t cap = 16 * unit;
  const auto full = GENERATE(when_full::refuse, when_full::drop_oldest, when_full::wait);
  open_log o{{.segment_bytes = unit, .max_disk_bytes = cap, .when_full = full}};
  REQUIRE(o.l.append("a").has_value());
  auto e = *o.l.begin_entry();
  const std::string text = text_of(30'000, 3);
  result<void> done{};
  while ((done = e.write_chunk(text))) CHECK(disk_bytes(o.dir.path()) <= cap);
  CHECK(code_of(done) == errc::no_space);
  const std::uint64_t chunks = e.chunks();
  CHECK(chunks > 16);
  CHECK(e.bytes() == chunks * text.size());
  CHECK(code_of(e.write_chunk(text_of(2 * unit, 0))) == errc::no_space);
  CHECK(e.chunks() == chunks);
  REQUIRE(o.l.append("b").has_value());
  SECTION("it is published") {
    REQUIRE(e.publish().has_value());
    for (std::uint64_t i = 0; i < chunks; ++i) CHECK((o.l.read({3 + i})->text() == text));
    CHECK(o.l.published_sequence().value == 2 + chunks);
    CHECK(disk_bytes(o.dir.path()) <= cap);
    CHECK(verify(o.dir.path())->findings.empty());
  }
  SECTION("it is given up, and another takes its room") {
    e.roll_back();
    auto other = *o.l.begin_entry();
    for (std::uint64_t i = 0; i < chunks; ++i) REQUIRE(other.write_chunk(text).has_value());
    REQUIRE(other.publish().has_value());
  }
}

TEST_CASE("an entry makes the oldest records go if the log is to drop them, as it grows", "[entry][retention]") {
  constexpr std::uint64_t cap = 20 * unit;
  open_log o{{.segment_bytes = unit, .max_disk_bytes = cap, .when_full = when_full::drop_oldest}};
  for (int i = 0; i < 40; ++i) REQUIRE(o.l.append(text_of(30'000, 1)).has_value());
  REQUIRE(o.l.sync().has_value());
  auto e = *o.l.begin_entry();
  for (int i = 0; i < 24; ++i) {
    REQUIRE(e.write_chunk(text_of(30'000, 2)).has_value());
    CHECK(disk_bytes(o.dir.path()) <= cap);
  }
  CHECK(o.l.first_sequence() > sequence{10});
  REQUIRE(e.publish().has_value());
  CHECK((o.l.read({64})->text() == text_of(30'000, 2)));
  CHECK(verify(o.dir.path())->findings.empty());
}

TEST_CASE("what kept a spilled entry from being published can be over, and it be gone on with", "[entry][claim]") {
  open_log o;
  auto e = *o.l.begin_entry({.durability = immediate()});
  write(e, 0, 20);
  {
    const auto held = o.l.claim(1);
    CHECK(code_of(e.publish()) == errc::would_block_itself);
  }
  CHECK(e.chunks() == 20);
  SECTION("with more chunks") {
    write(e, 20, some);
    CHECK(e.publish()->first == sequence{2});
    CHECK(o.l.durable_sequence().value == some + 1);
    check_entry(o.l, 2, some);
  }
  SECTION("as it is, when others have been begun meanwhile") {
    for (std::uint64_t i = 2; i <= 12; ++i) REQUIRE(o.l.append(text_of(40'000, 0))->value == i);
    CHECK(e.publish()->first == sequence{13});
    check_entry(o.l, 13, 20);
    check_numbers(o.dir.path());
  }
  SECTION("or it is given up") { e.roll_back(); }
  CHECK(large_files(o.dir.path()) <= 1);
  CHECK(verify(o.dir.path())->findings.empty());
}

TEST_CASE("whatever somebody writes over the lengths in the file, the entry stays within its claim",
          "[entry][hostile][G7]") {
  open_log o;
  auto e = *o.l.begin_entry();
  for (int i = 0; i < 400; ++i) REQUIRE(e.write_chunk(text_of(1'000, 0)).has_value());
  const auto numbers = segment_numbers(o.dir.path());
  const auto file = segment_path(o.dir.path(), *std::ranges::find_if(numbers, [&](std::uint64_t n) {
                                   return fs::file_size(segment_path(o.dir.path(), n)) > unit;
                                 }));
  const std::uint32_t length = GENERATE(0U, 1U, 1'009U, 0x7fff'ffffU, 0xffff'ffffU);
  const auto nth = GENERATE(std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{100});
  patch(file, format::segment_header_bytes + nth * format::frame_bytes(1'000) + 16, std::as_bytes(std::span{&length, 1}));
  CHECK(e.publish()->size() == 400);
  REQUIRE(o.l.append("behind")->value == 401);
  std::uint64_t seen = 0;
  for (const auto& r : o.l.records()) seen += r.has_value();
  CHECK(seen == 401);
  CHECK(o.l.read({401})->text() == "behind");
  CHECK(verify(o.dir.path())->findings.empty());
}

}  // namespace varve::testing
