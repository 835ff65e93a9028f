// SPDX-License-Identifier: MIT
//
// A frame is not what it should be, its checksum repaired so that each rule is reached: in a closed log, in one whose writer
// died when the frame was durable, in one where it was not, and after a power loss.
#include <span>

#include "hostile/frame_rows.hpp"

namespace varve::testing {
namespace {

class frame_table {
 public:
  void check(std::span<const frame_row> rows) {
    for (const auto& row : rows) {
      INFO(row.name);
      check_closed(row);
      check_durable(row);
      CHECK(what_is_left(dead_, row) == row.death);
      CHECK(what_is_left(lost_, row) == row.power_loss);
      check_strict(row);
    }
  }

 private:
  /// The frame as it now stands.
  static frame_editor spoil(const small_log& l, const frame_row& row) {
    l.restore_all();
    auto f = edit_frame(l.file, 2, small_log::offset_of(2));
    row.spoil(f);
    patch(l.file, f.parts.offset, f.bytes);
    return f;
  }

  /// A log that was closed opens by its headers, and the damage is met by whoever reads there.
  void check_closed(const frame_row& row) {
    const auto f = spoil(closed_, row);
    const bool same_stamp = get(f.bytes, 0, 8) == f.parts.stamp();
    CHECK(same_stamp == row.met.has_value());
    if (same_stamp) {
      const auto met = parse(f.bytes, f.parts);
      CHECK((met ? fault::none : met.error()) == row.met);
    }
    // Only a frame that was made valid is handed out, in its own place, and never another's bytes.
    const std::string_view closed = row.closed;
    CHECK(closed.find('?', 2) == std::string_view::npos);
    if (closed[1] == '?') CHECK(row.met == fault::none);
    const auto v = log_view::open(closed_.dir);
    REQUIRE(v);
    CHECK(letters_of(*v) == row.closed);
    const auto l = log::open(closed_.dir);
    REQUIRE(l);
    // The log goes on in this segment, so there a frame has room up to the capacity; for a view it ends where the log does.
    const bool fits_only_there = row.offset == format::segment_bytes_min;
    CHECK(letters_of(*l) == (fits_only_there ? "a?!!!!" : row.closed));
    const auto r = l->read({2});
    if (!r && closed[1] == '!') CHECK(facts_of(r.error(), closed_.dir) == place_of_damage(row));
    if (!r && closed[1] == '-') CHECK(facts_of(r.error(), closed_.dir) == "abandoned sequence 2");
  }

  /// Below the durable mark it is damage, which names the place, and nothing is changed.
  void check_durable(const frame_row& row) {
    spoil(durable_, row);
    const auto before = image_of(durable_.dir);
    const auto report = verify_on_threads(durable_.dir);
    REQUIRE(report);
    const auto l = log::open(durable_.dir);
    CHECK(l.has_value() == (row.sequence == 0));
    if (l) {
      CHECK(rows_of(*report) == "");
      return;
    }
    CHECK((image_of(durable_.dir) == before));
    CHECK(facts_of(l.error(), durable_.dir) == place("damaged", row.sequence, row.offset));
    const auto& first = report->findings.at(0);
    CHECK((first.row == 'F' || first.row == 'G'));
    CHECK(first.segment == durable_.number);
    CHECK(first.offset == row.offset);
    CHECK(first.sequences.first.value == row.sequence);
  }

  /// The records that are left, and the rows that decided so.
  static std::string what_is_left(const small_log& l, const frame_row& row) {
    spoil(l, row);
    std::string seen;
    {
      const auto v = log_view::open(l.dir);
      REQUIRE(v);
      seen = letters_of(*v);
    }
    const auto opened = log::open(l.dir);
    REQUIRE(opened);
    CHECK(letters_of(*opened) == seen);  // a view shows what recovery will leave
    return seen + ' ' + rows_of(opened->recovery());
  }

  /// Where prefix recovery cuts, strict recovery refuses, and names the same place.
  void check_strict(const frame_row& row) {
    spoil(lost_, row);
    const auto before = image_of(lost_.dir);
    const auto l = log::open(lost_.dir, {.recovery = recovery_mode::strict});
    const bool cuts = std::string_view{row.power_loss}.back() != ' ';
    CHECK(l.has_value() != cuts);
    if (l) return;
    CHECK(facts_of(l.error(), lost_.dir) == place("would_cut", row.sequence, row.offset));
    CHECK((image_of(lost_.dir) == before));
  }

  /// An error of a reader says how far the damage goes: up to the next record that can be read.
  static std::string place_of_damage(const frame_row& row) {
    const std::size_t last = std::string_view{row.closed}.find_first_not_of('!', 1) - 1;
    const bool is_all = last >= small_log::records;
    const std::uint64_t end = is_all ? small_log::records : last + 1;
    return place("damaged", 2, small_log::offset_of(2)) + (end > 2 ? " to " + std::to_string(end) : "");
  }

  /// All are in the first segment.
  static std::string place(const std::string& code, std::uint64_t sequence, std::uint64_t offset) {
    return code + " segment 1 offset " + std::to_string(offset) + " sequence " + std::to_string(sequence);
  }

  small_log closed_{left::closed}, durable_{left::dead_all_durable}, dead_{left::dead}, lost_{left::power_lost};
};

}  // namespace

TEST_CASE("a frame of another length than it has", "[hostile][G3][G5]") { frame_table{}.check(length_rows); }
TEST_CASE("a frame of another kind, or with flags that it may not have", "[hostile][G3][G5]") {
  frame_table{}.check(kind_rows);
}
TEST_CASE("a short frame, in its space and beyond", "[hostile][G3][G5]") { frame_table{}.check(short_rows); }
TEST_CASE("a frame in a place that is not its own", "[hostile][G3][G5][G6]") { frame_table{}.check(place_rows); }

}  // namespace varve::testing
