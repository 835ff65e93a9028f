// SPDX-License-Identifier: MIT
//
// Segment files that are lost, moved, doubled, cut short, or not ours; and files that have nothing to do with the log.
#include <algorithm>

#include "damage/damaged_log.hpp"
#include "format/file_name.hpp"
#include "format/segment_header.hpp"

namespace varve::testing {

namespace fs = std::filesystem;

TEST_CASE("a lost segment, first, middle or last, is damage and not a shorter log", "[damage][G3][G5]") {
  const closed_log c;
  const std::size_t index = GENERATE(0U, 1U, 2U);
  CAPTURE(index);
  fs::remove(c.segment(index));
  c.refused(errc::incomplete);
  const auto report = c.verified();
  CAPTURE(rows_of(report));
  CHECK(report.findings.size() >= 1);
  CHECK(rows_of(report).find_first_of("GZ") != std::string::npos);
  // What is left is read, or is an error; it is never something else.
  CAPTURE(c.seen());
  CHECK(c.seen().find("not_yet") == std::string::npos);
}

TEST_CASE("what stands before and after a lost segment, or in one whose activation is damaged, is read as ever",
          "[damage][G3][G5]") {
  const closed_log c;
  const std::size_t index = GENERATE(1U, 2U);
  const bool is_lost = GENERATE(true, false);
  CAPTURE(index, is_lost);
  if (is_lost) {
    fs::remove(c.segment(index));
  } else {
    flip_bit(c.segment(index), format::activation_offset + 40);
  }
  const std::string seen = c.seen();
  CAPTURE(seen);
  std::string expected(9, '.');
  if (is_lost) expected.replace(3 * index, 3, "damaged damaged damaged ");
  CHECK(seen == expected);
  const auto report = c.verified();
  const auto first = std::ranges::find(report.findings, 'G', &recovery_report::finding::row);
  REQUIRE(first != report.findings.end());
  CHECK(first->kind() == finding_kind::damage);
  CHECK(first->sequences.first.value == 3 * index + 1);
  CHECK(first->segment == segment_numbers(c.dir)[index - 1]);
  const auto listed = log_view::open(c.dir)->segments();
  REQUIRE(listed);
  using state = enum segment_description::state;
  const auto damaged = std::ranges::count(*listed, state::damaged, &segment_description::state);
  CHECK(damaged == (is_lost ? 0 : 1));
}

TEST_CASE("all segments lost is damage and not an empty log", "[damage][G5]") {
  const closed_log c;
  for (const auto number : segment_numbers(c.dir)) fs::remove(segment_path(c.dir, number));
  c.refused(errc::incomplete);
  CHECK(c.verified().findings.size() >= 1);
}

TEST_CASE("two segments whose names are swapped are refused", "[damage][G5]") {
  const closed_log c;
  const std::size_t other = GENERATE(1U, 2U);
  const auto a = c.segment(0), b = c.segment(other);
  fs::rename(a, c.dir / "between");
  fs::rename(b, a);
  fs::rename(c.dir / "between", b);
  c.refused(errc::damaged);
  const auto rows = rows_of(c.verified());
  CHECK(std::ranges::count(rows, 'X') == 2);
}

TEST_CASE("a segment under another number is refused", "[damage][G5]") {
  const closed_log c;
  const std::size_t index = GENERATE(0U, 1U, 2U);
  fs::rename(c.segment(index), segment_path(c.dir, 77));
  CHECK(c.refused(errc::damaged).segment() == 77);
  CHECK(rows_of(c.verified()).find('X') != std::string::npos);
}

TEST_CASE("a segment that is there twice is refused", "[damage][G5]") {
  const closed_log c;
  const std::size_t index = GENERATE(0U, 1U, 2U);
  fs::copy_file(c.segment(index), segment_path(c.dir, 77));
  CHECK(c.refused(errc::damaged).segment() == 77);
  CHECK(rows_of(c.verified()) == "X");
  CHECK(c.seen() == ".........");
}

TEST_CASE("a segment of another log is refused, in place of one of ours and beside them", "[damage][G5]") {
  const closed_log ours, theirs;
  SECTION("in place") {
    const auto name = ours.segment(1).filename();
    fs::remove(ours.dir / name);
    fs::copy_file(theirs.segment(1), ours.dir / name);
  }
  SECTION("beside") {
    const auto file = segment_path(ours.dir, 77);
    fs::copy_file(theirs.segment(2), file);
    auto id = read_sector<format::identity>(file, format::identity_offset);
    id.number = 77;
    write_sector(file, format::identity_offset, id);
  }
  ours.refused(errc::damaged);
  CHECK(rows_of(ours.verified()).find('X') != std::string::npos);
  CHECK(ours.seen().find("not_yet") == std::string::npos);
}

TEST_CASE("a segment of ours that nothing leads to is refused", "[damage][G5]") {
  const closed_log c;
  const auto file = segment_path(c.dir, 77);
  fs::copy_file(c.segment(2), file);
  auto id = read_sector<format::identity>(file, format::identity_offset);
  id.number = 77;
  write_sector(file, format::identity_offset, id);
  auto a = read_sector<format::activation>(file, format::activation_offset);
  SECTION("from the future") { a.base = 1000; }
  SECTION("from the past") { a.base = 5; }
  a.predecessor = 50;
  write_sector(file, format::activation_offset, a);
  c.refused(errc::incomplete);
  CHECK(rows_of(c.verified()) == "Z");
  CHECK(c.seen() == ".........");
}

TEST_CASE("after a power loss a segment that nothing leads to is dropped, if it was not durable", "[damage][G3][G5]") {
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = format::segment_bytes_min}, [](log& l) {
    sleep_at("sync.before_mark");
    for (int i = 0; i < 9; ++i) must(l.append(std::string(19'000, 'x')).has_value());
  });
  make_power_loss(dir.path());
  const auto lost = place_of(dir.path(), 5).segment, dropped = place_of(dir.path(), 9).segment;
  fs::remove(segment_path(dir.path(), lost));
  SECTION("prefix drops it and says so") {
    auto l = log::open(dir.path());
    REQUIRE(l);
    CHECK(l->published_sequence().value == 3);
    CHECK_FALSE(fs::exists(segment_path(dir.path(), dropped)));
    CHECK(l->append("new")->value == 4);
  }
  SECTION("strict refuses") {
    const auto before = image_of(dir.path());
    const auto l = log::open(dir.path(), {.recovery = recovery_mode::strict});
    REQUIRE_FALSE(l);
    CHECK(l.error().code() == errc::would_cut);
    CHECK((image_of(dir.path()) == before));
  }
}

TEST_CASE("a segment file that was cut short is damage, wherever it was cut", "[damage][G5][G7]") {
  const closed_log c;
  const auto image = image_of(c.dir);
  for (std::size_t index = 0; index < 3; ++index) {
    for (const std::uint64_t bytes :
         {0U, 1U, 511U, 512U, 600U, 1024U, 2048U, 4095U, 4096U, 4097U, 5000U, 24'000U, 40'000U, 65'535U}) {
      CAPTURE(index, bytes);
      fs::resize_file(c.segment(index), bytes);
      c.refused(bytes < 1024 ? errc::incomplete : errc::damaged);  // without its activation it is missing
      const auto report = c.verified();
      CAPTURE(rows_of(report));
      CHECK(report.findings.size() >= 1);
      const auto seen = c.seen();
      CAPTURE(seen);
      CHECK((bytes == 65'535U) == (seen == "........."));  // what no frame had is not missed
      CHECK(seen.find("not_yet") == std::string::npos);
      CHECK(seen.find("io") == std::string::npos);
      restore(c.dir, image);
    }
  }
}

TEST_CASE("a segment that was cut short hides no other: verify goes on behind it", "[damage][G5]") {
  const closed_log c;
  fs::resize_file(c.segment(0), 30'000);
  flip_payload_bit(c.dir, 8);
  const auto report = c.verified();
  CHECK(rows_of(report) == "YF");
  CHECK(report.findings.back().sequences.first.value == 8);
  CHECK(c.seen() == ".damaged damaged ....damaged .");
}

TEST_CASE("a segment file that was cut short under a dead writer is refused, never a fault", "[damage][G5][G7]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 3);
  const bool power = GENERATE(false, true);
  if (power) make_power_loss(dir.path());
  const auto image = image_of(dir.path());
  const auto file = segment_path(dir.path(), place_of(dir.path(), 1).segment);
  for (const std::uint64_t bytes : {0U, 600U, 4096U, 4200U, 8192U}) {
    CAPTURE(bytes);
    fs::resize_file(file, bytes);
    const auto l = log::open(dir.path());
    REQUIRE_FALSE(l);
    CHECK((l.error().code() == errc::damaged || l.error().code() == errc::incomplete));  // without its header: missing
    const auto report = verify(dir.path());
    REQUIRE(report);
    CHECK(report->findings.size() >= 1);
    const auto v = log_view::open(dir.path());
    if (v) CHECK(texts_of(*v).find('a') == 1);
    restore(dir.path(), image);
  }
}

TEST_CASE("garbage behind the end of a segment file harms nothing", "[damage][G5]") {
  const closed_log c;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto size = fs::file_size(c.segment(i));
    fs::resize_file(c.segment(i), size + 10'000);
    patch(c.segment(i), size, byte_vector(10'000, std::byte{0xee}));
  }
  CHECK(c.seen() == ".........");
  CHECK(rows_of(c.verified()) == "");
  auto l = log::open(c.dir);
  REQUIRE(l);
  CHECK(l->append("ten")->value == 10);
}

TEST_CASE("garbage behind the last record of a closed log is not part of it, and nothing is found in it", "[damage][G6]") {
  const closed_log c;
  const auto last = place_of(c.dir, 9);
  patch(segment_path(c.dir, last.segment), last.offset + last.extent, byte_vector(100, std::byte{0xee}));
  CHECK(c.seen() == ".........");
  CHECK(rows_of(c.verified()) == "");
  auto l = log::open(c.dir);
  REQUIRE(l);
  CHECK(l->published_sequence().value == 9);
  CHECK(l->append("ten")->value == 10);
  CHECK(l->read({10})->text() == "ten");
}

TEST_CASE("stray files are left alone, and are no part of the log", "[damage][G7]") {
  const closed_log c;
  const std::string strays[] = {"notes.txt",
                                "1.seg",
                                "00000000000000000001.seg.bak",
                                "0000000000000000001a.seg",
                                ".hidden",
                                "00000000000000000000.seg"};
  for (const auto& name : strays) write_new_file(c.dir / name, "mine");
  fs::create_directory(c.dir / "folder");
  CHECK(c.seen() == ".........");
  CHECK(rows_of(c.verified()) == "");
  {
    auto l = log::open(c.dir);
    REQUIRE(l);
    CHECK(l->append("ten")->value == 10);
  }
  die_after(c.dir, "e");
  {
    REQUIRE(log::open(c.dir).has_value());
  }
  for (const auto& name : strays)
    CHECK((read_file(c.dir / name) == byte_vector{std::byte{'m'}, std::byte{'i'}, std::byte{'n'}, std::byte{'e'}}));
  CHECK(fs::is_directory(c.dir / "folder"));
}

TEST_CASE("a prepared segment that was never begun is no part of the log, and goes at the next open", "[damage][G7]") {
  const closed_log c;
  const auto file = segment_path(c.dir, 77);
  fs::copy_file(c.segment(2), file);
  auto id = read_sector<format::identity>(file, format::identity_offset);
  id.number = 77;
  write_sector(file, format::identity_offset, id);
  SECTION("its activation was never written") { patch(file, format::activation_offset, byte_vector(512)); }
  SECTION("its activation was only begun") { patch(file, format::activation_offset + 256, byte_vector(256)); }
  SECTION("it is empty") { fs::resize_file(file, 0); }
  SECTION("and was renamed") {
    patch(file, format::activation_offset, byte_vector(512));
    id.number = 76;
    write_sector(file, format::identity_offset, id);
  }
  CHECK(rows_of(c.verified()) == "");
  CHECK(c.seen() == ".........");
  auto l = log::open(c.dir);
  REQUIRE(l);
  CHECK_FALSE(fs::exists(file));
  CHECK(l->recovery().clean);
  CHECK(l->append("ten")->value == 10);
}

}  // namespace varve::testing
