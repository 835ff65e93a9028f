// SPDX-License-Identifier: MIT
//
// The sparse index: what it says, and what becomes of a log whose index says something else, or nothing.
#include "index/segment_index.hpp"

#include <algorithm>
#include <filesystem>

#include <varve/varve.hpp>

#include "format/file_name.hpp"
#include "format/index.hpp"
#include "support/catch.hpp"
#include "support/dice.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"
#include "unit/segment/memory_segment.hpp"

namespace varve::testing {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t salt = format::salt_top_bit | 0x2a;
constexpr std::uint32_t stride = 512;

const log_options small{.segment_bytes = 64 * 1024, .index_stride_bytes = stride};

/// A log of some segments, whose records have all sizes, among them some longer than many strides.
struct indexed_log {
  temp_dir place;
  const fs::path dir = place.path() / "log";
  static constexpr std::uint64_t records = 2'000;

  indexed_log() { grow(records); }
  void grow(std::uint64_t count) const {
    auto l = log::open(dir, small);
    REQUIRE(l);
    const std::uint64_t first = l->published_sequence().value + 1;
    for (std::uint64_t s = first; s < first + count; ++s) REQUIRE(l->append(text(s))->value == s);
    REQUIRE(l->close().has_value());
  }
  static std::string text(std::uint64_t s) {
    const std::uint64_t bytes = s % 97 == 0 ? 9'000 : s * 7 % 120;
    return std::to_string(s) + std::string(bytes, static_cast<char>('a' + s % 26));
  }
  [[nodiscard]] fs::path index(std::uint64_t number) const {
    return dir / format::name_of(format::file_kind::index, number).c_str();
  }
  [[nodiscard]] fs::path index() const { return index(segment_numbers(dir).at(1)); }

  /// By number, in an order in which the index matters; through the log and through a view.
  template <class Log>
  static void check_all(const Log& l, std::uint64_t last = records) {
    std::uint64_t s = 1;
    for (std::uint64_t i = 0; i < last; ++i) {
      s = (s + 7 * last / 10 + 1) % last;
      const auto r = l.read({s + 1});
      REQUIRE(r.has_value());
      REQUIRE(r->text() == text(s + 1));
    }
  }
  void check_everywhere() const {
    const auto before = image_of(dir);
    {
      const auto v = log_view::open(dir);
      REQUIRE(v);
      check_all(*v);
    }
    CHECK((image_of(dir) == before));
    auto l = log::open(dir, {.recovery = recovery_mode::strict});
    REQUIRE(l);
    check_all(*l);
    REQUIRE(l->close().has_value());
  }
};

byte_vector random_bytes(std::size_t count) {
  dice d{count};
  byte_vector bytes(count);
  for (auto& b : bytes) b = static_cast<std::byte>(d.next());
  return bytes;
}

}  // namespace

TEST_CASE("a frame that crosses boundaries stores the last one's slot, and a search finds it", "[index][G9]") {
  const temp_dir dir;
  const auto place = os::open_directory(dir.path());
  REQUIRE(place);
  const core::index_identity id{.number = 1, .capacity = 64 * 1024, .stride_bytes = stride};
  const auto index = core::segment_index::create(*place, id, 0600);
  CHECK_FALSE(index.find(1'000, salt));
  index.note(4096, 4200, 1, salt);  // crosses nothing
  CHECK_FALSE(index.find(1'000, salt));
  index.note(4200, 4704, 2, salt);
  index.note(4704, 9000, 3, salt);            // crosses many
  index.note(9000, 64 * 1024 - 16, 4, salt);  // behind it no frame can follow
  CHECK(index.find(1'000, salt)->place.offset == 9000);
  CHECK(index.find(3, salt)->place.sequence_less_base == 3);
  CHECK(index.find(2, salt)->place.offset == 4704);
  CHECK_FALSE(index.find(1, salt));
  CHECK_FALSE(index.find(1'000, salt ^ 1));
  const auto last = index.find(1'000, salt);
  CHECK(index.before(*last, 1'000, salt)->place.offset == 4704);
  CHECK_FALSE(index.before(*index.before(*last, 1'000, salt), 1'000, salt));

  // What the file says is the same.
  const auto copy = core::segment_index::load(*place, id);
  CHECK(copy.find(1'000, salt)->place.offset == 9000);
  CHECK(core::has_index(*place, id));
  for (const auto& other :
       {core::index_identity{.number = 1, .capacity = 128 * 1024, .stride_bytes = stride},
        core::index_identity{.number = 1, .capacity = 64 * 1024, .stride_bytes = 2 * stride},
        core::index_identity{.log = {std::byte{1}}, .number = 1, .capacity = 64 * 1024, .stride_bytes = stride}}) {
    CHECK_FALSE(core::has_index(*place, other));
    CHECK_FALSE(core::segment_index::load(*place, other).find(1'000, salt));
  }
}

TEST_CASE("every record is found by number, whatever the stride", "[index][G9]") {
  const temp_dir place;
  const std::uint32_t bytes = GENERATE(512U, 4096U, 65'536U, 1U << 20);
  auto l = log::open(place.path() / "log", {.segment_bytes = 64 * 1024, .index_stride_bytes = bytes});
  REQUIRE(l);
  for (std::uint64_t s = 1; s <= indexed_log::records; ++s) REQUIRE(l->append(indexed_log::text(s)).has_value());
  indexed_log::check_all(*l);
  indexed_log::check_all(*log_view::open(place.path() / "log"));
}

TEST_CASE("whatever an index says, what is read is right, and the log opens", "[index][G5][G9]") {
  const indexed_log l;
  const auto index = l.index();
  const std::uint64_t bytes = fs::file_size(index);
  bool is_rebuilt = true;
  SECTION("it is as it was written") { is_rebuilt = false; }
  SECTION("it is missing") { fs::remove(index); }
  SECTION("it is empty") { fs::resize_file(index, 0); }
  SECTION("it was cut short") { fs::resize_file(index, bytes - 8); }
  SECTION("it is random from its first byte") { patch(index, 0, random_bytes(bytes)); }
  SECTION("its slots are random") {
    patch(index, format::index_header_bytes, random_bytes(bytes - format::index_header_bytes));
    is_rebuilt = false;
  }
  SECTION("its slots are zero") {
    patch(index, format::index_header_bytes, byte_vector(bytes - format::index_header_bytes));
    is_rebuilt = false;
  }
  SECTION("its slots stand in each other's places") {
    auto slots = read_part(index, format::index_header_bytes, bytes - format::index_header_bytes);
    for (std::size_t i = 0; i + 16 <= slots.size(); i += 16) std::swap_ranges(&slots[i], &slots[i + 8], &slots[i + 8]);
    patch(index, format::index_header_bytes, slots);
    is_rebuilt = false;
  }
  SECTION("it is that of another segment") {
    fs::remove(index);
    fs::copy_file(l.index(segment_numbers(l.dir).at(2)), index);
  }
  SECTION("it has another segment's slots") {
    patch(index, format::index_header_bytes,
          read_part(l.index(segment_numbers(l.dir).at(2)), format::index_header_bytes, bytes - format::index_header_bytes));
    is_rebuilt = false;
  }
  SECTION("it is that of another log") {
    const indexed_log other;
    fs::remove(index);
    fs::copy_file(other.index(segment_numbers(l.dir).at(1)), index);
  }
  SECTION("it is a directory") {
    fs::remove(index);
    fs::create_directory(index);
    is_rebuilt = false;  // it is not ours to remove
  }
  SECTION("it is a link to somebody else's file") {
    fs::remove(index);
    write_new_file(l.place.path() / "mine", "mine");
    fs::create_symlink(l.place.path() / "mine", index);
  }
  const auto v = log_view::open(l.dir);
  REQUIRE(v);
  l.check_all(*v);
  auto opened = log::open(l.dir, {.recovery = recovery_mode::strict});
  REQUIRE(opened);
  CHECK(opened->recovery().indexes_rebuilt == (is_rebuilt ? 1 : 0));
  l.check_all(*opened);
  REQUIRE(opened->close().has_value());
  if (fs::exists(l.place.path() / "mine")) CHECK(fs::file_size(l.place.path() / "mine") == 4);
  l.grow(500);
  l.check_all(*log_view::open(l.dir), l.records + 500);
}

TEST_CASE("all indices gone are made anew at the next open, and those of segments that are gone go", "[index][G9]") {
  const indexed_log l;
  const auto numbers = segment_numbers(l.dir);
  for (const auto number : numbers) fs::remove(l.index(number));
  write_new_file(l.index(77), "of a segment that is not there");
  l.check_everywhere();
  for (const auto number : numbers) CHECK(fs::exists(l.index(number)));
  CHECK_FALSE(fs::exists(l.index(77)));
}

TEST_CASE("an index of an older life does not mislead after a cut", "[index][G6][G9]") {
  const temp_dir place;
  const auto dir = place.path() / "log";
  die_with(dir, small, [](log& l) {
    for (std::uint64_t s = 1; s <= 100; ++s) must(l.append(indexed_log::text(s)).has_value());
    must(l.sync().has_value());
    for (std::uint64_t s = 101; s <= 300; ++s) must(l.append(std::string("old")).has_value());
  });
  clear_stamp(dir, 150);
  make_power_loss(dir);
  auto l = log::open(dir);
  REQUIRE(l);
  REQUIRE(l->published_sequence().value == 149);
  CHECK(l->recovery().indexes_rebuilt == 1);
  for (std::uint64_t s = 150; s <= 300; ++s) REQUIRE(l->append(indexed_log::text(s)).has_value());
  for (std::uint64_t s = 1; s <= 300; ++s)
    CHECK(l->read({s})->text() == (s > 100 && s < 150 ? "old" : indexed_log::text(s)));
}

TEST_CASE("records behind a damaged one are found by number", "[index][G5][G9]") {
  const indexed_log l;
  const std::uint64_t victim = place_of(l.dir, 300).segment == place_of(l.dir, 400).segment ? 300 : 400;
  clear_stamp(l.dir, victim);
  const auto v = log_view::open(l.dir);
  REQUIRE(v);
  CHECK(v->read({victim}).error().code() == errc::damaged);
  CHECK(v->read({victim - 1})->text() == l.text(victim - 1));
  CHECK(v->read({victim + 60})->text() == l.text(victim + 60));
}

TEST_CASE("a hint that leads to a frame's copy inside a payload is not believed", "[index][G9]") {
  const auto s = memory_segment();
  // A record that holds, byte by byte, what frame 2 would be.
  const std::uint64_t header = format::segment_header_bytes;
  std::uint64_t at = header + put_record(*s, header, 1, "one");
  const std::uint64_t second = at;
  at += put_record(*s, at, 2, "two");
  const std::string frame_of_two{reinterpret_cast<const char*>(s->bytes().data() + second), at - second};
  const std::uint64_t third = at;
  at += put_record(*s, at, 3, frame_of_two);
  CHECK(core::look(*s, second, 2, format::depth::everything).what == core::sight::frame);
  CHECK(core::look(*s, third + format::frame_header_bytes, 2, format::depth::everything).what == core::sight::broken);
}

}  // namespace varve::testing
