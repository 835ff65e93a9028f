// SPDX-License-Identifier: MIT
//
// What can still be had of damaged logs: every record that is whole, under its own sequence, and a gap for the rest.
#include <string>
#include <vector>

#include <varve/varve.hpp>

#include "damage/damaged_log.hpp"
#include "format/segment_header.hpp"
#include "support/dice.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

struct salvaged {
  std::string seen;  // of nine sequences: its digit, or "-" if it did not come
  std::string gaps;  // row, segment and sequences
  salvage_report report;
};

salvaged salvage_all(const fs::path& dir) {
  const auto before = image_of(dir);
  salvaged all{.seen = std::string(9, '-'), .gaps = {}, .report = {}};
  const auto take = [&](const record& r) {
    CHECK(r.text() == closed_log::text(r.sequence().value));
    CHECK(r.pin().text() == r.text());
    all.seen.at(r.sequence().value - 1) = r.text()[0];
    return true;
  };
  const auto note = [&](const recovery_report::finding& f) {
    all.gaps += std::string{f.row} + std::to_string(f.segment) + ':' + std::to_string(f.sequences.first.value) + '-' +
                std::to_string(f.sequences.end.value - 1) + ' ';
    CHECK(f.kind() == finding_kind::damage);
    return true;
  };
  const auto done = salvage(dir, {.record = take, .gap = note});
  if (!done) FAIL("salvage: " << done.error().message());
  all.report = *done;
  CHECK(all.report.sequences.first.value == 1);
  CHECK(all.report.sequences.end.value == 10);
  CHECK(all.report.records + all.report.missing == 9);
  CHECK((image_of(dir) == before));
  return all;
}

void check(const closed_log& c, const std::string& seen, const std::string& gaps) {
  const auto all = salvage_all(c.dir);
  CHECK(all.seen == seen);
  CHECK(all.gaps == gaps);
}

}  // namespace

TEST_CASE("salvage of a whole log hands out all of it", "[damage][salvage]") { check(closed_log{}, "123456789", ""); }

TEST_CASE("salvage goes on behind damaged records", "[damage][salvage][G5]") {
  const closed_log c;
  flip_payload_bit(c.dir, 2);
  clear_stamp(c.dir, 5);
  flip_payload_bit(c.dir, 9);
  check(c, "1-34-678-", "F1:2-2 F2:5-5 F3:9-9 ");
}

TEST_CASE("salvage goes on behind a segment that is missing, and says which sequences are", "[damage][salvage][G5]") {
  const closed_log c;
  SECTION("the first") {
    fs::remove(c.segment(0));
    check(c, "---456789", "Z2:1-3 ");
  }
  SECTION("the middle one") {
    fs::remove(c.segment(1));
    check(c, "123---789", "Z3:4-6 ");
  }
  SECTION("the last") {
    fs::remove(c.segment(2));
    check(c, "123456---", "G0:7-9 ");
  }
  SECTION("all but the last") {
    fs::remove(c.segment(1));
    fs::remove(c.segment(0));
    check(c, "------789", "Z3:1-6 ");
  }
}

TEST_CASE("salvage reads a segment with a damaged header, by what stands elsewhere", "[damage][salvage][G5]") {
  const closed_log c;
  SECTION("the activation") {
    flip_bit(c.segment(1), format::activation_offset + 20);
    check(c, "123456789", "");
  }
  SECTION("the identity") {
    flip_bit(c.segment(1), format::identity_offset + 40);
    check(c, "123456789", "");
  }
  SECTION("the page of the header, zeroed") {
    patch(c.segment(1), 0, byte_vector(4096));
    check(c, "123456789", "");
  }
  SECTION("end and seal") {
    flip_bit(c.segment(1), format::end_offset + 20);
    flip_bit(c.segment(1), format::seal_offset + 20);
    check(c, "123456789", "");
  }
}

TEST_CASE("salvage takes what is left of a file that was cut short", "[damage][salvage][G5][G7]") {
  const closed_log c;
  const auto place = place_of(c.dir, 5);
  const bool reaches = GENERATE(false, true);  // up to the last byte of its payload; what is left is padding
  fs::resize_file(c.segment(1), place.payload + place.payload_bytes - (reaches ? 0 : 1));
  check(c, reaches ? "12345-789" : "1234--789", reaches ? "F2:6-6 " : "F2:5-6 ");
}

TEST_CASE("salvage ends when it is told to", "[damage][salvage]") {
  const closed_log c;
  flip_payload_bit(c.dir, 2);
  int records = 0;
  const auto two = [&](const record&) { return ++records < 2; };
  CHECK(salvage(c.dir, {.record = two}).error().code() == errc::cancelled);
  CHECK(records == 2);
  CHECK(salvage(c.dir, {.gap = [](const auto&) { return false; }}).error().code() == errc::cancelled);
  CHECK(salvage(c.dir, {})->missing == 1);
  CHECK(salvage(c.dir / "nothing", {}).error().code() == errc::not_found);
}

TEST_CASE("salvage asks nothing of how a log ended: what is valid is handed out, and an unfinished claim is named",
          "[damage][salvage][G3]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdefgh", 1);
  clear_stamp(dir.path(), 3);
  const bool power = GENERATE(false, true);
  if (power) make_power_loss(dir.path());
  std::string seen;
  const auto done = salvage(dir.path(), {.record = [&](const record& r) {
                              seen += r.text();
                              return true;
                            }});
  REQUIRE(done);
  CHECK(seen == "abdefgh");
  REQUIRE(done->gaps.size() == 1);
  CHECK(done->gaps[0].sequences == sequence_range{{3}, {4}});
  CHECK(done->sequences.end.value == 9);
}

TEST_CASE("salvage hands out nothing that was trimmed", "[damage][salvage][trim]") {
  const closed_log c;
  {
    auto l = log::open(c.dir);
    REQUIRE(l->trim_before({5}).has_value());
  }
  std::string seen;
  const auto done = salvage(c.dir, {.record = [&](const record& r) {
                              seen += r.text()[0];
                              return true;
                            }});
  CHECK(seen == "56789");
  CHECK(done->gaps.empty());
}

TEST_CASE("salvage hands out no record that is wrong, and none twice, whatever the damage", "[damage][salvage][G5][G7]") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    const closed_log c;
    dice d{seed};
    for (std::uint64_t harm = 1 + d.below(4); harm > 0; --harm) {
      const auto file = c.segment(d.below(3));
      switch (d.below(3)) {
        case 0: flip_bit(file, d.below(2048)); break;
        case 1: patch(file, 4096 * d.below(16), byte_vector(4096)); break;
        default: flip_bit(file, 4096 + d.below(57'000));
      }
    }
    const auto all = salvage_all(c.dir);
    CHECK(static_cast<std::uint64_t>(9 - std::ranges::count(all.seen, '-')) == all.report.records);
  }
}

}  // namespace varve::testing
