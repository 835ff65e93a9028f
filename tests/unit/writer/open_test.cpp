// SPDX-License-Identifier: MIT
//
// Opening: what is made, what is refused and left alone, and how appending goes on.
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "format/meta.hpp"
#include "format/segment_header.hpp"
#include "format/state.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

const log_options small{.segment_bytes = 64 * 1024};

struct place {
  temp_dir above;
  const fs::path dir = above.path() / "log";

  /// Refused with this code, and nothing in the directory is touched.
  error refused(errc code, const log_options& options = {}) const {
    const auto before = image_of(dir);
    const auto l = log::open(dir, options);
    REQUIRE_FALSE(l);
    INFO(l.error().message());
    CHECK(l.error().code() == code);
    CHECK((image_of(dir) == before));
    return l.error();
  }
  /// Records a, b, c.
  void make_closed() const {
    auto l = log::open(dir, small);
    REQUIRE(l);
    append_all(*l, "abc");
  }
  [[nodiscard]] fs::path segment() const { return segment_path(dir, segment_numbers(dir).at(0)); }
};

}  // namespace

TEST_CASE("open makes the directory and an empty log, and says so", "[open]") {
  const place p;
  auto l = log::open(p.dir);
  REQUIRE(l);
  CHECK(l->recovery().clean);
  CHECK(l->recovery().kept == 0);
  CHECK(l->published_sequence().value == 0);
  CHECK(l->first_sequence().value == 1);
  CHECK(fs::file_size(p.segment()) == 64U << 20);
  CHECK(l->append("a")->value == 1);
}

TEST_CASE("without create nothing is made", "[open][G7]") {
  const place p;
  const auto l = log::open(p.dir, {.create = false});
  REQUIRE_FALSE(l);
  CHECK(l.error().code() == errc::not_found);
  CHECK(l.error().path() == p.dir.string());
  CHECK_FALSE(fs::exists(p.dir));
  fs::create_directory(p.dir);
  p.refused(errc::not_found, {.create = false});
}

TEST_CASE("a path whose parent is missing is not_found", "[open][G7]") {
  const place p;
  CHECK(log::open(p.dir / "deeper").error().code() == errc::not_found);
}

TEST_CASE("a directory with something else in it is no log, and is left alone", "[open][G7]") {
  const place p;
  fs::create_directory(p.dir);
  SECTION("a file") { write_new_file(p.dir / "precious", "mine"); }
  SECTION("a directory") { fs::create_directory(p.dir / "precious"); }
  SECTION("a file beside the leftovers of a creation") {
    write_new_file(p.dir / format::state_name, "");
    write_new_file(p.dir / "precious", "mine");
  }
  SECTION("a file of the name of varve.meta") { write_new_file(p.dir / format::meta_name, std::string(4096, 'x')); }
  SECTION("a file with the name of a segment that is none") {
    write_new_file(segment_path(p.dir, 3), "somebody else's numbers");
  }
  SECTION("a file with the name of an index that is none") {
    write_new_file(p.dir / "00000000000000000003.idx", "somebody else's numbers");
  }
  p.refused(errc::not_a_log);
  CHECK(log_view::open(p.dir).error().code() == errc::not_a_log);
}

TEST_CASE("a log is opened by way of a symbolic link, and is the same log", "[open]") {
  const place p;
  p.make_closed();
  const auto link = p.above.path() / "link";
  fs::create_symlink(p.dir.filename(), link);
  const auto l = log::open(link);
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c ");
  CHECK(log::open(p.dir).error().code() == errc::locked);
}

TEST_CASE("a path that is no directory is no log", "[open][G7]") {
  const place p;
  write_new_file(p.dir, "mine");
  const auto l = log::open(p.dir);
  REQUIRE_FALSE(l);
  CHECK(l.error().code() == errc::not_a_log);
}

TEST_CASE("a second writer is told who has the log", "[open][G7]") {
  const place p;
  auto l = log::open(p.dir, small);
  REQUIRE(l);
  append_all(*l, "a");
  const auto second = log::open(p.dir);
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == errc::locked);
  CHECK(second.error().process() == static_cast<std::uint64_t>(::getpid()));
  CHECK(second.error().segment() == 0);
  child_process other{[&] {
    const auto from_outside = log::open(p.dir);
    return from_outside || from_outside.error().code() != errc::locked ? 1 : 0;
  }};
  other.wait();
  CHECK(other.exited_with(0));
  CHECK(l->append("b")->value == 2);
  REQUIRE(l->close().has_value());
  CHECK(log::open(p.dir).has_value());
}

TEST_CASE("files of a newer version are refused and left alone", "[open][G7]") {
  const place p;
  p.make_closed();
  SECTION("varve.meta, version") {
    auto bytes = read_part(p.dir / format::meta_name, 0, format::sector_bytes);
    auto m = std::bit_cast<format::meta>(*reinterpret_cast<format::sector*>(bytes.data()));
    m.head.version = 3;
    m.checksum = core::sum_of_structure(std::as_bytes(std::span{&m, 1}).first(504));
    patch(p.dir / format::meta_name, 0, std::as_bytes(std::span{&m, 1}));
    CHECK(log_view::open(p.dir).error().code() == errc::newer_format);
  }
  SECTION("varve.meta, an incompatible feature") {
    auto m = read_sector<format::meta>(p.dir / format::meta_name, 0);
    m.features.incompatible = 1;
    write_sector(p.dir / format::meta_name, 0, m);
    CHECK(log_view::open(p.dir).error().code() == errc::newer_format);
  }
  SECTION("varve.meta, a read-only compatible feature: it can still be read") {
    auto m = read_sector<format::meta>(p.dir / format::meta_name, 0);
    m.features.read_only_compatible = 1;
    write_sector(p.dir / format::meta_name, 0, m);
    CHECK(texts_of(*log_view::open(p.dir)) == "a b c ");
  }
  SECTION("a segment, an incompatible feature") {
    auto id = read_sector<format::identity>(p.segment(), 0);
    id.features.incompatible = 0x80000000;
    write_sector(p.segment(), 0, id);
    CHECK(log_view::open(p.dir).error().code() == errc::newer_format);
  }
  p.refused(errc::newer_format);
}

TEST_CASE("a compatible feature that is not known changes nothing", "[open]") {
  const place p;
  p.make_closed();
  auto m = read_sector<format::meta>(p.dir / format::meta_name, 0);
  m.features.compatible = 0xffffffff;
  write_sector(p.dir / format::meta_name, 0, m);
  auto l = log::open(p.dir);
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c ");
}

TEST_CASE("what a creation that died has left is begun again", "[open][G7]") {
  const place p;
  SECTION("at any of its points") {
    const char* const point =
        GENERATE("state.before_store", "state.before_sync", "create.before_directory_sync", "prepare.before_sync");
    const int nth = GENERATE(1, 2);
    CAPTURE(point, nth);
    die_opening(p.dir, point, nth);
  }
  SECTION("with a half-written meta") {
    fs::create_directory(p.dir);
    write_new_file(p.dir / format::meta_temporary_name, "half");
    write_new_file(p.dir / format::state_name, "half");
    write_new_file(p.dir / format::live_name, "");
  }
  auto l = log::open(p.dir, {.recovery = recovery_mode::strict});
  REQUIRE(l);
  CHECK(l->published_sequence().value == 0);
  CHECK(l->append("a")->value == 1);
  REQUIRE(l->close().has_value());
  CHECK(texts_of(*log::open(p.dir)) == "a ");
}

TEST_CASE("a stray file with the highest number there can be does not use up the numbers", "[open][G1][G7]") {
  const place p;
  p.make_closed();
  const auto stray = segment_path(p.dir, UINT64_MAX);
  const bool is_directory = GENERATE(false, true);
  if (is_directory) {
    fs::create_directory(stray);
  } else {
    write_new_file(stray, "");
  }
  {
    auto l = log::open(p.dir);
    REQUIRE(l);
    for (int i = 0; i < 10; ++i) REQUIRE(l->append(std::string(20'000, 'x'), {.durability = immediate()}).has_value());
  }
  CHECK(log::open(p.dir)->recovery().kept == 13);
}

TEST_CASE("a state whose clean end cannot be is damage", "[open][G5][G7]") {
  const place p;
  p.make_closed();
  for (const std::uint64_t slot : state_copies) {
    auto state = read_sector<format::state>(p.dir / format::state_name, slot);
    state.clean_next = 1'000'000;
    write_sector(p.dir / format::state_name, slot, state);
  }
  p.refused(errc::damaged);
}

TEST_CASE("a log that has lost varve.meta or varve.state is incomplete, not new", "[open][G5]") {
  const place p;
  p.make_closed();
  fs::remove(p.dir / GENERATE(as<const char*>{}, format::meta_name, format::state_name));
  p.refused(errc::incomplete);
}

TEST_CASE("varve.live is made anew if it is lost", "[open]") {
  const place p;
  p.make_closed();
  fs::remove(p.dir / format::live_name);
  auto l = log::open(p.dir, {.file_mode = 0640});
  REQUIRE(l);
  CHECK(texts_of(*l) == "a b c ");
  CHECK(l->append("d")->value == 4);
  REQUIRE(l->sync().has_value());
  struct stat status{};
  REQUIRE(::stat((p.dir / format::live_name).c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
}

TEST_CASE("after a clean close appending goes on in the same segment", "[open]") {
  const place p;
  p.make_closed();
  for (int life = 0; life < 3; ++life) {
    auto l = log::open(p.dir, {.recovery = recovery_mode::strict});
    REQUIRE(l);
    CHECK(l->recovery().clean);
    CHECK(l->recovery().findings.empty());
    append_all(*l, "x");
  }
  CHECK(segment_numbers(p.dir).size() == 1);
  CHECK(texts_of(*log::open(p.dir)) == "a b c x x x ");
}

TEST_CASE("a log that was closed full goes on in the next segment", "[open]") {
  const place p;
  auto l = log::open(p.dir, small);
  REQUIRE(l);
  const std::string whole(format::payload_bytes_max(64 * 1024), 'w');
  REQUIRE(l->append(whole).has_value());
  REQUIRE(l->close().has_value());
  l = log::open(p.dir, {.recovery = recovery_mode::strict});
  REQUIRE(l);
  CHECK(l->recovery().clean);
  CHECK(l->append("b")->value == 2);
  CHECK(l->read({1})->text() == whole);
  CHECK(l->read({2})->text() == "b");
}

TEST_CASE("something else in the place of a file of the log is refused, and not followed", "[open][G7]") {
  const place p;
  p.make_closed();
  const auto name = GENERATE(as<std::string>{}, format::meta_name, format::state_name, format::live_name, "segment");
  const auto kind = GENERATE(as<std::string>{}, "link", "fifo", "directory");
  CAPTURE(name, kind);
  const auto file = name == "segment" ? p.segment() : p.dir / name;
  fs::rename(file, p.above.path() / "moved");
  if (kind == "link") fs::create_symlink(p.above.path() / "moved", file);
  if (kind == "fifo") REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  if (kind == "directory") fs::create_directory(file);
  const auto moved = read_file(p.above.path() / "moved");
  const auto before = image_of(p.dir);
  const auto l = log::open(p.dir);
  REQUIRE_FALSE(l);
  const errc code = l.error().code();
  CAPTURE(l.error().message());
  CHECK(code == (name == "segment" ? errc::incomplete : errc::not_a_log));  // a segment file is a regular one
  CHECK((image_of(p.dir) == before));
  CHECK((read_file(p.above.path() / "moved") == moved));
  const auto v = log_view::open(p.dir);
  if (v) CHECK_FALSE(v->read({1}).has_value());
}

TEST_CASE("a file with another name elsewhere is not written: meta, state, live and the active segment", "[open][G7]") {
  const place p;
  p.make_closed();
  const auto name = GENERATE(as<std::string>{}, format::meta_name, format::state_name, format::live_name, "segment");
  const bool dead = GENERATE(false, true);
  CAPTURE(name, dead);
  if (dead) die_after(p.dir, "d");
  const auto file = name == "segment" ? segment_path(p.dir, place_of(p.dir, dead ? 4 : 3).segment) : p.dir / name;
  fs::create_hard_link(file, p.above.path() / "other");
  const auto bytes = read_file(file);
  const auto l = log::open(p.dir);
  REQUIRE_FALSE(l);
  CHECK((l.error().code() == errc::not_a_log || l.error().code() == errc::io));
  CHECK((read_file(file) == bytes));
  CHECK(texts_of(*log_view::open(p.dir)) == (dead ? "a b c d " : "a b c "));
  fs::remove(p.above.path() / "other");
  CHECK(log::open(p.dir).has_value());
}

TEST_CASE("a sealed segment with another name elsewhere is read, and not written", "[open][G7]") {
  const place p;
  {
    auto l = log::open(p.dir, small);
    for (char c = 'a'; c <= 'i'; ++c) REQUIRE(l->append(std::string(20'000, c)).has_value());
  }
  const auto file = p.segment();
  fs::create_hard_link(file, p.above.path() / "other");
  const auto bytes = read_file(file);
  auto l = log::open(p.dir);
  REQUIRE(l);
  CHECK(l->read({1})->text()[0] == 'a');
  CHECK(l->append("new")->value == 10);
  REQUIRE(l->close().has_value());
  CHECK((read_file(file) == bytes));
}

TEST_CASE("openings count the epoch of the segments they begin", "[open]") {
  const place p;
  for (char c = 'a'; c <= 'c'; ++c) die_after(p.dir, std::string(1, c));
  auto l = log::open(p.dir);
  REQUIRE(l);
  append_all(*l, "d");
  std::uint32_t expected = 1;
  for (const auto& r : l->records()) CHECK(r->epoch() == expected++);
  CHECK(expected == 5);
}

}  // namespace varve::testing
