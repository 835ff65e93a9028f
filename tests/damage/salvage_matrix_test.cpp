// SPDX-License-Identifier: MIT
//
// Salvage against an oracle: whatever is spoiled, of a log in its place or of a copy, with or without its other files, no
// byte is wrong, every frame that is whole is saved unless a decision removed it, and every other sequence is named.
#include <set>

#include <varve/varve.hpp>

#include "damage/damaged_log.hpp"
#include "format/segment_header.hpp"
#include "support/fast_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

/// A record by its sequence, and by how often the log had been truncated when it was appended.
std::string text_of(std::uint64_t s, int life) {
  return std::to_string(s) + '/' + std::to_string(life) + std::string(600 + s % 90, 'x');
}

struct known_frame {
  std::uint64_t sequence;
  std::uint64_t segment, offset, end;
  int life;
};

/// A log and what it should hold.
struct known_log {
  fast_dir place;
  fs::path dir = place.path() / "log";
  std::uint64_t trim_point = 1, last = 0;
  bool is_closed = true;
  std::vector<known_frame> frames;  // that stand
  directory_image image;

  enum class history : std::uint8_t { closed, died, truncated };

  explicit known_log(history what) {
    const log_options options{.segment_bytes = 65536, .spare_segments = 0};
    const auto fill = [](varve::log& l, std::uint64_t from, std::uint64_t to, int life) {
      for (auto s = from; s <= to; ++s) must(l.append(text_of(s, life)).has_value());
      must(l.sync({to}).has_value());
    };
    std::uint64_t cut = 0;
    if (what == history::died) {
      is_closed = false;
      die_with(dir, options, [&](varve::log& l) { fill(l, 1, 300, 0); });
      last = 300;
    } else {
      auto l = log::open(dir, options);
      REQUIRE(l);
      fill(*l, 1, 300, 0);
      last = 300;
      if (what == history::truncated) {
        REQUIRE(l->trim_before({20}).has_value());
        REQUIRE(l->truncate_after({230}).has_value());
        fill(*l, 231, 240, 1);  // fewer than were cut
        trim_point = 20;
        cut = 230;
        last = 240;
      }
      REQUIRE(l->close().has_value());
    }
    image = image_of(dir);
    for (auto s = trim_point; s <= last; ++s) {
      const auto at = place_of(dir, s);
      frames.push_back({s, at.segment, at.offset, at.offset + at.extent, cut != 0 && s > cut ? 1 : 0});
    }
  }
};

/// One thing that went wrong.
struct harm {
  std::string name;
  std::uint64_t segment = 0, from = 0, to = 0;  // bytes that are not what they were; to = none: up to the end
  std::function<void(const fs::path&)> apply;
};

std::vector<harm> all_harm(const known_log& l) {
  std::vector<harm> all;
  auto numbers = segment_numbers(l.dir);
  // A file that was being made when the process died has no bytes that could be spoiled.
  std::erase_if(numbers, [&](std::uint64_t n) { return fs::file_size(segment_path(l.dir, n)) < format::segment_bytes_min; });
  const auto flip = [&](std::string name, std::uint64_t segment, std::uint64_t offset) {
    all.push_back(
        {name, segment, offset, offset + 1, [=](const fs::path& d) { flip_bit(segment_path(d, segment), offset, 3); }});
  };
  const auto zero = [&](std::string name, std::uint64_t segment, std::uint64_t offset, std::uint64_t bytes) {
    all.push_back({name, segment, offset, offset + bytes,
                   [=](const fs::path& d) { patch(segment_path(d, segment), offset, byte_vector(bytes)); }});
  };
  for (const std::size_t i : {std::size_t{0}, l.frames.size() / 2, l.frames.size() - 1}) {
    const auto& f = l.frames[i];
    for (const std::uint64_t at : {0U, 8U, 16U, 17U, 19U, 20U, 21U, 22U, 30U})
      flip("byte " + std::to_string(at) + " of frame " + std::to_string(f.sequence), f.segment, f.offset + at);
  }
  for (const auto number : numbers) {
    const std::string of = " of segment " + std::to_string(number);
    const std::pair<const char*, std::uint64_t> sectors[] = {{"identity", format::identity_offset},
                                                             {"activation", format::activation_offset},
                                                             {"end", format::end_offset},
                                                             {"seal", format::seal_offset}};
    for (const auto& [name, offset] : sectors) {
      for (const std::uint64_t at : {2U, 18U, 27U, 44U, 508U})
        flip(name + of + ", byte " + std::to_string(at), number, offset + at);
      zero(name + of + " zeroed", number, offset, 512);
    }
    zero("header" + of + " zeroed", number, 0, 4096);
    zero("first page of frames" + of + " zeroed", number, 4096, 4096);
    zero("third page" + of + " zeroed", number, 12288, 4096);
    all.push_back(
        {"lost" + of, number, 0, ~std::uint64_t{0}, [=](const fs::path& d) { fs::remove(segment_path(d, number)); }});
    all.push_back({"cut short" + of, number, 20'000, ~std::uint64_t{0},
                   [=](const fs::path& d) { fs::resize_file(segment_path(d, number), 20'000); }});
    all.push_back(
        {"doubled" + of, 0, 0, 0, [=](const fs::path& d) { fs::copy_file(segment_path(d, number), segment_path(d, 77)); }});
  }
  all.push_back({"nothing", 0, 0, 0, [](const fs::path&) {}});
  return all;
}

struct spoiled {
  bool has_state, has_meta, has_live;
};

/// True if nothing in the files need be left that says where the frames of this segment belong.
bool may_be_unplaced(const salvage_report& r, std::uint64_t segment) {
  return std::ranges::any_of(r.headers, [&](const auto& f) { return f.row == 'U' && f.segment == segment; });
}

void check(const fs::path& dir, const known_log& l, const harm& h, const spoiled& with) {
  const auto before = image_of(dir);
  std::set<std::uint64_t> saved, named;
  const auto take = [&](const record& r) {
    const std::uint64_t s = r.sequence().value;
    const auto f = std::ranges::find(l.frames, s, &known_frame::sequence);
    const int life = f == l.frames.end() ? 0 : f->life;
    const bool is_in_order = saved.empty() || *saved.rbegin() < s;
    if (r.text() != text_of(s, life) || (s < l.trim_point && with.has_state) || !is_in_order) FAIL_CHECK("record " << s);
    saved.insert(s);
    return true;
  };
  const auto note = [&](const recovery_report::finding& g) {
    for (auto s = g.sequences.first; s < g.sequences.end; s = s + 1)
      if (!named.insert(s.value).second) FAIL_CHECK("named twice: " << s.value);
    return true;
  };
  const auto done = salvage(dir, {.record = take, .gap = note});
  if (!done) FAIL("salvage: " << done.error().message());
  CHECK((image_of(dir) == before));
  CHECK(done->records == saved.size());
  CHECK(done->missing + done->unfinished == named.size());
  CHECK(done->trim_point_known == with.has_state);
  CHECK(done->sequences.first.value == (with.has_state ? l.trim_point : 1));
  const std::uint64_t reach = done->sequences.end.value;
  bool is_accounted_for = true;
  for (auto s = done->sequences.first.value; s < reach; ++s)
    is_accounted_for = is_accounted_for && saved.contains(s) != named.contains(s);
  CHECK(is_accounted_for);
  // The state of a log that is open does not say how far it goes.
  if (with.has_live || (with.has_state && l.is_closed)) CHECK(reach == l.last + 1);
  for (const auto& f : l.frames) {
    const bool is_hit =
        f.segment == h.segment && f.offset < h.to && f.end > h.from && !(h.to - h.from <= 512 && h.to <= 4096);
    const bool should_be = !is_hit && !may_be_unplaced(*done, f.segment);
    if (saved.contains(f.sequence) == should_be) continue;
    CAPTURE(f.sequence, f.segment);
    CHECK(saved.contains(f.sequence) == should_be);
  }
  if (std::ranges::any_of(done->headers, [](const auto& f) { return f.row == 'U'; })) {
    CHECK_FALSE((with.has_state && l.is_closed));
    CHECK_FALSE(with.has_live);
    CHECK(h.name.starts_with(h.to == 512 + 512 || h.to == 1024 ? "activation" : "header"));
  }
}

}  // namespace

TEST_CASE("salvage of a log with anything spoiled saves what is whole, and names the rest", "[damage][salvage][matrix]") {
  const auto what = GENERATE(known_log::history::closed, known_log::history::died, known_log::history::truncated);
  const known_log l{what};
  REQUIRE(segment_numbers(l.dir).size() >= 4);
  const fast_dir other;
  for (const auto& h : all_harm(l)) {
    for (unsigned with = 0; with < 8; ++with) {
      const spoiled files{.has_state = (with & 1) == 0, .has_meta = (with & 2) == 0, .has_live = (with & 4) == 0};
      CAPTURE(static_cast<int>(what), h.name, files.has_state, files.has_meta, files.has_live);
      h.apply(l.dir);
      if (!files.has_state) fs::remove(l.dir / "varve.state");
      if (!files.has_meta) fs::remove(l.dir / "varve.meta");
      if (!files.has_live) fs::remove(l.dir / "varve.live");
      const fs::path copy = other.path() / "copy";
      fs::copy(l.dir, copy, fs::copy_options::recursive);
      {
        INFO("in its place");
        check(l.dir, l, h, files);
      }
      {
        INFO("copied");
        check(copy, l, h, files);
      }
      fs::remove_all(copy);
      restore(l.dir, l.image);
    }
  }
}

TEST_CASE("salvage offers what was removed, by itself, and nothing of it with the rest", "[damage][salvage][matrix][G6]") {
  const known_log l{known_log::history::truncated};
  std::set<std::uint64_t> removed;
  const auto take = [&](const record& r) {
    const std::uint64_t s = r.sequence().value;
    CHECK(r.text() == text_of(s, 0));
    CHECK((s < l.trim_point || s > 230));
    CHECK(removed.insert(s).second);
    return true;
  };
  const auto done = salvage(l.dir, {.removed = take});
  REQUIRE(done);
  CHECK(done->gaps.empty());
  CHECK(done->removed + done->superseded == removed.size());
  for (std::uint64_t s = 1; s < 20; ++s) CHECK(removed.contains(s));
  CHECK(removed.contains(231));
  CHECK(*removed.rbegin() > 240);
  REQUIRE(done->decisions.size() >= 2);
  CHECK(done->decisions[0].sequences == sequence_range{{1}, {20}});
  CHECK(done->decisions[0].kind() == finding_kind::cut);
}

TEST_CASE("salvage reads single files, and directories that were set aside, only when they are named", "[damage][salvage]") {
  const known_log l{known_log::history::closed};
  const auto aside = l.dir / "set-aside-1";
  fs::create_directory(aside);
  const auto numbers = segment_numbers(l.dir);
  fs::rename(segment_path(l.dir, numbers[1]), aside / segment_path(l.dir, numbers[1]).filename());
  CHECK(salvage(l.dir, {})->missing > 0);
  CHECK(salvage(l.dir, {}, {.from = {aside}})->missing == 0);
  CHECK(salvage(l.dir, {}, {.from = {aside}})->records == 300);
  const auto loose = l.place.path() / "a segment.bin";
  fs::rename(aside / segment_path(l.dir, numbers[1]).filename(), loose);
  CHECK(salvage(l.dir, {}, {.from = {loose}})->records == 300);
  const auto alone = salvage({}, {}, {.from = {loose}});
  REQUIRE(alone);
  CHECK(alone->records > 50);
  CHECK(salvage({}, {}).error().code() == errc::not_found);
  CHECK(salvage({}, {}, {.from = {l.place.path() / "none"}}).error().code() == errc::not_found);
}

TEST_CASE("salvage leaves a segment of another log alone, and says so", "[damage][salvage]") {
  const known_log l{known_log::history::closed}, foreign{known_log::history::closed};
  fs::copy_file(segment_path(foreign.dir, 2), segment_path(l.dir, 88));
  const bool has_meta = GENERATE(true, false);
  if (!has_meta) fs::remove(l.dir / "varve.meta");
  const auto done = salvage(l.dir, {});
  REQUIRE(done);
  CHECK(done->records == 300);
  CHECK(done->gaps.empty());
  REQUIRE(done->foreign.size() == 1);
  CHECK(done->foreign[0] == segment_path(l.dir, 88).string());
}

TEST_CASE("of two copies of a segment salvage takes from each what the other lacks", "[damage][salvage]") {
  const known_log l{known_log::history::closed};
  const auto first = place_of(l.dir, 40), second = place_of(l.dir, 50);
  REQUIRE(first.segment == second.segment);
  fs::copy_file(segment_path(l.dir, first.segment), l.place.path() / "twin");
  flip_bit(l.place.path() / "twin", first.payload);
  flip_bit(segment_path(l.dir, second.segment), second.payload);
  const auto done = salvage(l.dir, {}, {.from = {l.place.path() / "twin"}});
  REQUIRE(done);
  CHECK(done->records == 300);
  CHECK(done->gaps.empty());
}

}  // namespace varve::testing
