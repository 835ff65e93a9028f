// SPDX-License-Identifier: MIT
//
// What stands behind the last of six frames, where the seventh is to come: what of it belongs to the log after a death, and
// after a power loss. Behind the end of a log that was closed it is nothing, unless it is the next frame: then
// varve.state is an older one.
#include <algorithm>

#include "hostile/spoiled_log.hpp"

namespace varve::testing {
namespace {

constexpr std::uint64_t end_of_six = small_log::offset_of(7), room = format::segment_bytes_min - end_of_six;
constexpr unsigned record = 1, skip = 3, lost = 4, goes_on = 1, begins_inside = 2;
constexpr std::string_view eight = "8 bytes.";  // a frame of 32

struct wanted {
  unsigned kind = record, flags = 0;
  std::string_view payload = eight;
  std::uint64_t extent = 0, salt_change = 0;
};

/// A whole frame so many bytes behind the end.
void put_frame(frame_editor& f, std::uint64_t distance, std::uint64_t sequence, const wanted& w = {}) {
  const auto bytes = build({.sequence = sequence,
                            .salt = f.parts.salt ^ w.salt_change,
                            .offset = f.parts.offset + distance,
                            .kind = w.kind,
                            .flags = w.flags,
                            .payload = w.payload,
                            .extent = w.extent});
  std::ranges::copy(bytes, f.bytes.begin() + static_cast<std::ptrdiff_t>(distance));
}
void put_stamp(frame_editor& f, std::uint64_t distance, std::uint64_t sequence) {
  f.put_in(distance, sequence ^ f.parts.salt, 8);
}
/// A record that fills so many bytes.
void put_long(frame_editor& f, std::uint64_t distance, std::uint64_t sequence, std::uint64_t extent) {
  put_frame(f, distance, sequence, {.payload = std::string(extent - 24, 'l')});
}

struct row {
  const char* name;
  void (*spoil)(frame_editor& f);
  const char* death = "abcdef ";       // what is left after a death, and the rows of the recovery table
  const char* power_loss = "abcdef ";  // likewise
};

const row rows[] = {
    {"nothing", [](frame_editor&) {}},
    {"zeros", [](frame_editor& f) { f.replace(byte_vector(room)); }},
    {"ones", [](frame_editor& f) { f.replace(byte_vector(room, std::byte{0xff})); }},
    {"the next frame", [](frame_editor& f) { put_frame(f, 0, 7); }, "abcdef? ", "abcdef? "},
    {"the next frame, empty", [](frame_editor& f) { put_frame(f, 0, 7, {.payload = ""}); }, "abcdef? ", "abcdef? "},
    {"the next frame, with a payload that is not its own",
     [](frame_editor& f) {
       put_frame(f, 0, 7);
       f.put_in(24, 0, 8);
     },
     "abcdef LQ", "abcdef Q"},
    {"the next frame but one, right here", [](frame_editor& f) { put_frame(f, 0, 8); }},
    {"the next but one, 16 bytes on, where no frame fits before", [](frame_editor& f) { put_frame(f, 16, 8); }},
    {"the next but one, 24 bytes on", [](frame_editor& f) { put_frame(f, 24, 8); }, "abcdef-? M", "abcdef R"},
    {"the next but one, 28 bytes on, at no whole word", [](frame_editor& f) { put_frame(f, 28, 8); }},
    {"the next but two, 40 bytes on, where two do not fit before", [](frame_editor& f) { put_frame(f, 40, 9); }},
    {"the next but two, 48 bytes on", [](frame_editor& f) { put_frame(f, 48, 9); }, "abcdef--? M", "abcdef R"},
    {"the next but one in the last 24 bytes", [](frame_editor& f) { put_frame(f, room - 24, 8, {.payload = ""}); },
     "abcdef-? M", "abcdef R"},
    {"its stamp in the last 16 bytes", [](frame_editor& f) { put_stamp(f, room - 16, 8); }},
    {"its stamp in the last 8 bytes", [](frame_editor& f) { put_stamp(f, room - 8, 8); }},
    {"its stamp in the last 24 bytes", [](frame_editor& f) { put_stamp(f, room - 24, 8); }, "abcdef OR", "abcdef R"},
    {"a sequence too high by one for the last 24 bytes",
     [](frame_editor& f) { put_frame(f, room - 24, 8 + (room - 24) / 24, {.payload = ""}); }},
    {"a sequence near 2^63", [](frame_editor& f) { put_frame(f, 64, format::sequence_max); }},
    {"the stamp of the next, and nothing else", [](frame_editor& f) { put_stamp(f, 0, 7); }, "abcdef LQ", "abcdef Q"},
    {"the stamp of the next but one, and nothing else", [](frame_editor& f) { put_stamp(f, 32, 8); }, "abcdef OR",
     "abcdef R"},
    {"the next but one with a payload that is not its own",
     [](frame_editor& f) {
       put_frame(f, 32, 8);
       f.put_in(56, 0, 8);
     },
     "abcdef OR", "abcdef R"},
    {"the next but one, longer than there is room",
     [](frame_editor& f) {
       put_frame(f, 32, 8);
       f.put_in(48, 0xffffffff, 4);
     },
     "abcdef OR", "abcdef R"},
    {"the same, and a valid one behind it",
     [](frame_editor& f) {
       put_frame(f, 32, 8);
       f.put_in(48, 0xffffffff, 4);
       put_frame(f, 96, 9);
     },
     "abcdef OR", "abcdef R"},
    {"the next, of an earlier use of the file", [](frame_editor& f) { put_frame(f, 0, 7, {.salt_change = 2}); }},
    {"the next but one, likewise", [](frame_editor& f) { put_frame(f, 32, 8, {.salt_change = 2}); }},
    {"the six again, bit for bit",
     [](frame_editor& f) {
       for (std::uint64_t s = 1; s <= 6; ++s) put_frame(f, (s - 1) * 64, s, {.payload = std::string(40, 'a')});
     }},
    {"the sixth again", [](frame_editor& f) { put_frame(f, 0, 6); }},
    {"a skip up to the end of the segment", [](frame_editor& f) { put_frame(f, 0, 7, {.kind = skip, .extent = room}); },
     "abcdef- ", "abcdef- "},
    {"a lost frame, and a record behind it",
     [](frame_editor& f) {
       put_frame(f, 0, 7, {.kind = lost, .extent = 24});
       put_frame(f, 24, 8);
     },
     "abcdef-? ", "abcdef-? "},
    {"a record up to the end of the segment", [](frame_editor& f) { put_long(f, 0, 7, room); }, "abcdef? ", "abcdef? "},
    {"a record that leaves 24 bytes, and a frame in them",
     [](frame_editor& f) {
       put_long(f, 0, 7, room - 24);
       put_frame(f, room - 24, 8, {.payload = ""});
     },
     "abcdef?? ", "abcdef?? "},
    {"a record that leaves 16 bytes, and a stamp in them",
     [](frame_editor& f) {
       put_long(f, 0, 7, room - 16);
       put_stamp(f, room - 16, 8);
     },
     "abcdef? ", "abcdef? "},
    {"a batch of two",
     [](frame_editor& f) {
       put_frame(f, 0, 7, {.flags = goes_on});
       put_frame(f, 32, 8, {.flags = begins_inside});
     },
     "abcdef?? ", "abcdef?? "},
    {"a batch without its rest", [](frame_editor& f) { put_frame(f, 0, 7, {.flags = goes_on}); }, "abcdef LQQ", "abcdef QQ"},
    {"a batch without its last",
     [](frame_editor& f) {
       put_frame(f, 0, 7, {.flags = goes_on});
       put_frame(f, 32, 8, {.flags = goes_on | begins_inside});
     },
     "abcdef LQQ", "abcdef QQ"},
    {"a batch without its head",
     [](frame_editor& f) {
       put_frame(f, 32, 8, {.flags = goes_on | begins_inside});
       put_frame(f, 64, 9, {.flags = begins_inside});
     },
     "abcdef--- MKK", "abcdef R"},
    {"a batch without its head, and a record behind it",
     [](frame_editor& f) {
       put_frame(f, 32, 8, {.flags = begins_inside});
       put_frame(f, 64, 9);
     },
     "abcdef--? MK", "abcdef R"},
    {"a batch without its middle",
     [](frame_editor& f) {
       put_frame(f, 0, 7, {.flags = goes_on});
       put_frame(f, 64, 9, {.flags = begins_inside});
     },
     "abcdef LQQ", "abcdef QQ"},
    {"a batch whose last is not valid",
     [](frame_editor& f) {
       put_frame(f, 0, 7, {.flags = goes_on});
       put_frame(f, 32, 8, {.flags = begins_inside});
       f.put_in(56, 0, 8);
     },
     "abcdef LQQ", "abcdef QQ"},
    {"the rest of a batch, right here", [](frame_editor& f) { put_frame(f, 0, 7, {.flags = begins_inside}); }, "abcdef- K",
     "abcdef Q"},
};

/// What now stands there.
frame_editor spoil(const small_log& l, const row& r) {
  l.restore_all();
  auto f = edit_frame(l.file, 7, end_of_six);
  r.spoil(f);
  patch(l.file, end_of_six, f.bytes);
  return f;
}

/// Records that this test has added are "?".
std::string what_is_left(const small_log& l, const row& r) {
  static_cast<void>(spoil(l, r));
  std::string seen;
  {
    const auto v = log_view::open(l.dir);
    REQUIRE(v);
    seen = letters_of(*v);
  }
  const auto report = verify_on_threads(l.dir);
  REQUIRE(report);
  auto opened = log::open(l.dir);
  REQUIRE(opened);
  CHECK(letters_of(*opened) == seen);
  auto found = rows_of(*report), met = rows_of(opened->recovery());
  CHECK(std::ranges::is_permutation(found, met));  // verify() puts them in order
  CHECK(opened->recovery().kept == report->kept);
  const auto added = opened->append("and more");
  REQUIRE(added);
  CHECK(added->value == seen.size() + 1);
  const auto text = seen + ' ' + rows_of(opened->recovery());
  REQUIRE(opened->close().has_value());
  // Nothing of it comes back.
  const auto again = log::open(l.dir);
  REQUIRE(again);
  CHECK(letters_of(*again) == seen + '?');
  CHECK(again->read(*added)->text() == "and more");
  return text;
}

/// A closed log would go on at its end. A frame that stands there, of the sequence that comes next, is of a writer of which
/// the state knows nothing, and would be overwritten. Whatever else is there is nothing.
bool is_next_frame(const frame_editor& at_end) {
  return get(at_end.bytes, 0, 8) == at_end.parts.stamp() && parse(at_end.bytes, at_end.parts, format::depth::shape);
}

void check_closed(const small_log& l, const row& r) {
  const bool is_refused = is_next_frame(spoil(l, r));
  const auto before = image_of(l.dir);
  const auto report = verify_on_threads(l.dir);
  REQUIRE(report);
  CHECK(rows_of(*report) == (is_refused ? "s" : ""));
  CHECK(letters_of(*log_view::open(l.dir)) == "abcdef");
  const auto opened = log::open(l.dir, {.recovery = recovery_mode::strict});
  CHECK(opened.has_value() != is_refused);
  if (!opened) {
    CHECK(facts_of(opened.error(), l.dir) == "damaged segment 1");
    CHECK(facts_of(log::open(l.dir).error(), l.dir) == "damaged segment 1");
    CHECK((image_of(l.dir) == before));
    return;
  }
  CHECK(opened->recovery().clean);
  CHECK(opened->recovery().kept == 6);
}

}  // namespace

TEST_CASE("what stands behind the last frame", "[hostile][G3][G4][G5][G6]") {
  const small_log closed{left::closed}, dead{left::dead}, lost_power{left::power_lost};
  for (const auto& r : rows) {
    INFO(r.name);
    CHECK(what_is_left(dead, r) == r.death);
    CHECK(what_is_left(lost_power, r) == r.power_loss);
    check_closed(closed, r);
  }
}

}  // namespace varve::testing
