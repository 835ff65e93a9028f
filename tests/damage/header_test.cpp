// SPDX-License-Identifier: MIT
//
// Damage in the sectors of a segment's header, in varve.meta, varve.state and varve.live of a log that was closed.
#include "damage/damaged_log.hpp"
#include "format/live.hpp"
#include "format/segment_header.hpp"
#include "format/state.hpp"

namespace varve::testing {

TEST_CASE("a flipped bit of an activation: open refuses, and changes no byte", "[damage][G5]") {
  const closed_log c;
  for (std::size_t index = 0; index < 3; ++index) {
    const auto number = segment_numbers(c.dir)[index];
    for (const std::uint64_t at : {0U, 8U, 16U, 24U, 40U, 48U, 200U, 504U, 511U}) {
      CAPTURE(index, at);
      flip_bit(c.segment(index), format::activation_offset + at);
      CHECK(c.refused(errc::damaged).segment() == number);
      const auto report = c.verified();
      CHECK(rows_of(report).find('Y') != std::string::npos);
      CHECK(report.findings.at(0).segment == number);
      flip_bit(c.segment(index), format::activation_offset + at);
    }
  }
  CHECK(rows_of(c.verified()) == "");
}

TEST_CASE("a flipped bit of an identity: open refuses, and changes no byte", "[damage][G5]") {
  const closed_log c;
  for (std::size_t index = 0; index < 3; ++index) {
    const auto number = segment_numbers(c.dir)[index];
    for (const std::uint64_t at : {0U, 16U, 47U, 48U, 64U, 100U, 511U}) {
      CAPTURE(index, at);
      flip_bit(c.segment(index), format::identity_offset + at);
      CHECK(c.refused(errc::damaged).segment() == number);
      CHECK(rows_of(c.verified()).find('Y') != std::string::npos);
      flip_bit(c.segment(index), format::identity_offset + at);
    }
  }
}

TEST_CASE("a flipped bit of an end or a seal takes nothing away: it counts as absent", "[damage][G5]") {
  const closed_log c;
  const auto image = image_of(c.dir);
  for (std::size_t index = 0; index < 3; ++index) {
    for (const std::uint64_t sector : {format::end_offset, format::seal_offset}) {
      for (const std::uint64_t at : {0U, 24U, 32U}) {
        CAPTURE(index, sector, at);
        flip_bit(c.segment(index), sector + at);
        CHECK(c.seen() == ".........");
        CHECK(rows_of(c.verified()) == "");
        {
          auto l = log::open(c.dir);
          REQUIRE(l);
          for (std::uint64_t s = 1; s <= 9; ++s) CHECK(l->read({s})->text() == c.text(s));
          CHECK(l->append("ten")->value == 10);
        }
        restore(c.dir, image);
      }
    }
  }
}

TEST_CASE("end and seal of every segment lost: the chain still says where each one ends", "[damage][G5]") {
  const closed_log c;
  for (std::size_t i = 0; i < 3; ++i) {
    patch(c.segment(i), format::end_offset, byte_vector(format::sector_bytes));
    patch(c.segment(i), format::seal_offset, byte_vector(format::sector_bytes));
  }
  CHECK(c.seen() == ".........");
  CHECK(rows_of(c.verified()) == "");
  {
    auto l = log::open(c.dir);
    REQUIRE(l);
    for (std::uint64_t s = 1; s <= 9; ++s) CHECK(l->read({s})->text() == c.text(s));
    REQUIRE(l->append("ten").has_value());
    REQUIRE(l->close().has_value());
  }
  die_after(c.dir, "e");
  auto l = log::open(c.dir);
  REQUIRE(l);
  CHECK(l->read({1})->text() == c.text(1));
  CHECK(l->read({11})->text() == "e");
}

TEST_CASE("a flipped bit in both copies of varve.meta: the log is refused, and no byte changes", "[damage][G5][G7]") {
  const closed_log c;
  const auto flip = [&c](std::uint64_t at) {
    for (const std::uint64_t copy : meta_copies) flip_bit(c.dir / format::meta_name, copy + at);
  };
  for (const std::uint64_t at : {0U, 7U, 8U, 12U, 16U, 44U, 48U, 64U, 300U, 504U, 511U}) {
    CAPTURE(at);
    flip(at);
    c.refused(errc::damaged);
    CHECK(c.seen() == name_of(errc::damaged));
    flip(at);
  }
}

TEST_CASE("one copy of varve.meta lost: nothing is missed, and the next writer makes it whole", "[damage][G5]") {
  const closed_log c;
  const auto file = c.dir / format::meta_name;
  const auto whole = read_file(file);
  const std::uint64_t copy = GENERATE(as<std::uint64_t>{}, 0, 8192);
  CAPTURE(copy);
  SECTION("flipped") { flip_bit(file, copy + 20); }
  SECTION("its block is zero") { patch(file, copy, byte_vector(format::sector_bytes)); }
  CHECK(c.seen() == ".........");
  REQUIRE(log::open(c.dir)->close().has_value());
  CHECK(read_file(file) == whole);
}

TEST_CASE("both slots of varve.state lost: the log is refused, and no byte changes", "[damage][G5]") {
  const closed_log c;
  for (const std::uint64_t slot : state_copies) flip_bit(c.dir / format::state_name, slot + 80);
  c.refused(errc::damaged);
  CHECK(c.seen() == "damaged");
}

TEST_CASE("one block of varve.state lost: nothing of the log is, and its close is believed", "[damage][G5]") {
  const closed_log c;
  const std::uint64_t copy = GENERATE(as<std::uint64_t>{}, 0, 4096, 8192, 12288);
  CAPTURE(copy);
  SECTION("flipped") { flip_bit(c.dir / format::state_name, copy + 28); }
  SECTION("zeroed") { patch(c.dir / format::state_name, copy, byte_vector(format::block_bytes)); }
  CHECK(c.seen() == ".........");
  auto l = log::open(c.dir, {.recovery = recovery_mode::strict});
  REQUIRE(l);
  CHECK(l->recovery().clean);
  CHECK(l->recovery().kept == 9);
  REQUIRE(l->close().has_value());
}

TEST_CASE("both copies of one slot of varve.state lost: nothing of the log is", "[damage][G5]") {
  const closed_log c;
  const std::size_t slot = GENERATE(0U, 1U);
  CAPTURE(slot);
  for (const std::uint64_t copy : format::state_copy_offset[slot]) flip_bit(c.dir / format::state_name, copy + 28);
  CHECK(c.seen() == ".........");
  auto l = log::open(c.dir, {.recovery = recovery_mode::strict});
  REQUIRE(l);
  CHECK_FALSE(l->recovery().clean);
  CHECK(l->recovery().kept == 9);
  for (std::uint64_t s = 1; s <= 9; ++s) CHECK(l->read({s})->text() == c.text(s));
  CHECK(l->append("ten")->value == 10);
}

TEST_CASE("varve.live may be lost, cut short or garbage: nothing is missed", "[damage][G5]") {
  const closed_log c;
  const auto live = c.dir / format::live_name;
  SECTION("lost") { std::filesystem::remove(live); }
  SECTION("empty") { std::filesystem::resize_file(live, 0); }
  SECTION("half") { std::filesystem::resize_file(live, 1000); }
  SECTION("garbage") { patch(live, 0, byte_vector(4096, std::byte{0xa5})); }
  CHECK(c.seen() == ".........");
  CHECK(rows_of(c.verified()) == "");
  auto l = log::open(c.dir);
  REQUIRE(l);
  CHECK(l->recovery().clean);
  CHECK(l->append("ten")->value == 10);
  REQUIRE(l->sync().has_value());
}

TEST_CASE("a mark of another epoch or with a wrong checksum is not believed", "[damage][G5]") {
  // The records above a mark may be cut after a power loss. Were this mark believed, that would be damage.
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 2);
  flip_payload_bit(dir.path(), 5);
  make_power_loss(dir.path());
  const auto live = dir.path() / format::live_name;
  for (const std::uint64_t offset : format::mark_slot_offset) {
    const auto bytes = read_part(live, offset, format::sector_bytes);
    if (bytes[0] == std::byte{0}) continue;
    auto m = read_sector<format::mark>(live, offset);
    m.sequence = 6;
    SECTION("an earlier epoch, slot " + std::to_string(offset)) {
      m.epoch -= 1;
      write_sector(live, offset, m);
    }
    SECTION("wrong checksum, slot " + std::to_string(offset)) {
      write_sector(live, offset, m);
      flip_bit(live, offset + 504);
    }
  }
  auto l = log::open(dir.path());
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c d ");
}

}  // namespace varve::testing
