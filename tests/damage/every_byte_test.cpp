// SPDX-License-Identifier: MIT
//
// One bit of each byte of a small log is flipped, one at a time, and the log is looked at by everything that reads it. What
// is handed out is always right; what is missing is always reported; and where a byte carries nothing, nothing is missing.
#include <functional>
#include <vector>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "support/catch.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t count = 10, marked = 6;

std::string text(std::uint64_t s) { return "the record with number " + std::to_string(s); }

struct flippable_log {
  fast_dir place;
  const fs::path dir = place.path();
  directory_image image;
  fs::path segment;
  std::uint64_t used = 0;

  /// Closed, or with its writer dead and the durable mark behind the record `marked`.
  explicit flippable_log(bool closed) {
    die_with(dir, {.segment_bytes = format::segment_bytes_min}, [closed](log& l) {
      for (std::uint64_t s = 1; s <= count; ++s) {
        must(l.append(text(s)).has_value());
        if (s == marked) must(l.sync().has_value());
      }
      if (closed) must(l.close().has_value());
    });
    const auto last = place_of(dir, count);
    segment = segment_path(dir, last.segment);
    used = last.offset + last.extent;
    image = image_of(dir);
  }

  /// Calls `look` once for each byte of [from, to), while one of its bits is flipped.
  void flip_each(const fs::path& file, std::uint64_t from, std::uint64_t to, const std::function<void()>& look) {
    for (std::uint64_t at = from; at < to; ++at) {
      INFO(file.filename().string() << ", byte " << at);
      flip_bit(file, at, static_cast<unsigned>(at * 5 % 8));
      look();
      restore(dir, image);
    }
  }
};

/// Which records are right, as digits ("0" is the tenth); fails on any that is wrong. Errors other than `damaged` and what
/// says that it is not there are wrong as well.
template <class Log>
std::string right_ones(const Log& l) {
  std::string right;
  for (std::uint64_t s = 1; s <= count; ++s) {
    const auto r = l.read({s});
    if (r) {
      if (r->text() != text(s) || r->sequence().value != s) FAIL("a wrong record: " << s << " is " << r->text());
      right += std::to_string(s % 10);
    } else {
      const errc code = r.error().code();
      if (code != errc::damaged && code != errc::not_yet && code != errc::past_end && code != errc::abandoned)
        FAIL("record " << s << ": " << r.error().message());
    }
  }
  std::uint64_t before = 0;
  for (const auto& r : l.records()) {
    if (!r && r.error().code() != errc::damaged) FAIL("records: " << r.error().message());
    if (r && (r->sequence().value <= before || r->text() != text(r->sequence().value))) FAIL("records: a wrong record");
    if (r) before = r->sequence().value;
  }
  return right;
}

const std::string all = "1234567890";

void expect_whole(const fs::path& dir) {
  const auto report = verify(dir);
  if (!report || !report->findings.empty() || report->kept != count) FAIL("verify finds something");
  const auto v = log_view::open(dir);
  if (!v || right_ones(*v) != all) FAIL("the view misses something");
  auto l = log::open(dir, {.recovery = recovery_mode::strict});
  if (!l || right_ones(*l) != all) FAIL("the log misses something");
  if (!l->append("new") || l->read({count + 1})->text() != "new") FAIL("appending does not go on");
}

void expect_refused(const fs::path& dir) {
  const auto l = log::open(dir);
  if (l) FAIL("the log opens");
  if (l.error().code() != errc::damaged && l.error().code() != errc::not_a_log) FAIL(l.error().message());
  const auto report = verify(dir);
  if (report && report->findings.empty()) FAIL("verify finds nothing");
  const auto v = log_view::open(dir);
  if (v) static_cast<void>(right_ones(*v));
}

}  // namespace

TEST_CASE("a closed log with any one byte of a frame flipped: that record is damaged, by all who read", "[damage][G3][G5]") {
  flippable_log f{true};
  for (std::uint64_t s = 1; s <= count; ++s) {
    const auto place = place_of(f.dir, s);
    const std::string digit = std::to_string(s % 10);
    const std::string before = all.substr(0, s - 1);
    f.flip_each(f.segment, place.offset, place.offset + place.extent, [&] {
      const auto report = verify(f.dir);
      if (!report || report->findings.size() != 1) FAIL("verify finds " << (report ? rows_of(*report) : "nothing at all"));
      const auto& finding = report->findings[0];
      CHECK((finding.row == 'F' && finding.offset == place.offset && finding.sequences.first.value == s));
      const auto judge = [&](const std::string& right) {
        if (right.find(digit) != std::string::npos || !right.starts_with(before)) FAIL("right are " << right);
      };
      const auto v = log_view::open(f.dir);
      REQUIRE(v);
      judge(right_ones(*v));
      auto l = log::open(f.dir);
      REQUIRE(l);
      judge(right_ones(*l));
      if (!l->append("new") || l->published_sequence().value != count + 1) FAIL("appending does not go on");
    });
  }
}

TEST_CASE("a closed log with any one byte of its segment's header flipped is refused or whole", "[damage][G5]") {
  flippable_log f{true};
  f.flip_each(f.segment, format::identity_offset, format::end_offset, [&] { expect_refused(f.dir); });
  f.flip_each(f.segment, format::end_offset, format::seal_offset + format::sector_bytes, [&] { expect_whole(f.dir); });
}

TEST_CASE("a closed log with any one byte of varve.meta flipped is whole", "[damage][G5][G7]") {
  flippable_log f{true};
  for (const std::uint64_t copy : meta_copies)
    f.flip_each(f.dir / format::meta_name, copy, copy + format::sector_bytes, [&] { expect_whole(f.dir); });
}

TEST_CASE("a log with any one byte of varve.state or varve.live flipped is whole", "[damage][G1][G5]") {
  const bool closed = GENERATE(true, false);
  CAPTURE(closed);
  flippable_log f{closed};
  for (const std::uint64_t slot : state_copies)
    f.flip_each(f.dir / format::state_name, slot, slot + format::sector_bytes, [&] { expect_whole(f.dir); });
  f.flip_each(f.dir / format::live_name, 0, format::writer_words_offset + 32, [&] { expect_whole(f.dir); });
}

TEST_CASE("a dead log with any one byte of a frame flipped loses nothing below the mark", "[damage][recovery][G2][G3][G5]") {
  flippable_log f{false};
  const bool power = GENERATE(false, true);
  CAPTURE(power);
  if (power) {
    make_power_loss(f.dir);
    f.image = image_of(f.dir);
  }
  for (std::uint64_t s = 1; s <= count; ++s) {
    const auto place = place_of(f.dir, s);
    f.flip_each(f.segment, place.offset, place.offset + place.extent, [&] {
      std::string seen;
      if (const auto v = log_view::open(f.dir)) seen = right_ones(*v);
      auto l = log::open(f.dir);
      if (s <= marked) {
        if (l || l.error().code() != errc::damaged || l.error().offset() != place.offset) FAIL("damage is not refused");
        return;
      }
      if (!l) FAIL(l.error().message());
      const std::string right = right_ones(*l);
      if (!right.starts_with(all.substr(0, s - 1)) || right.find(std::to_string(s % 10)) != std::string::npos)
        FAIL("right are " << right);
      if (right != seen) FAIL("the view saw " << seen << ", the log has " << right);
      // The last one's stamp is the exception: without it, it is what a writer leaves that died before its last store.
      const bool reported = l->recovery().cut_records + l->recovery().stepped_over > 0 && !l->recovery().findings.empty();
      if (!reported && s != count) FAIL("nothing is reported");
    });
  }
}

TEST_CASE("a dead log with any one byte of its segment's header flipped is refused or whole", "[damage][recovery][G1][G5]") {
  flippable_log f{false};
  f.flip_each(f.segment, format::identity_offset, format::end_offset, [&] { expect_refused(f.dir); });
  f.flip_each(f.segment, format::end_offset, format::seal_offset + format::sector_bytes, [&] { expect_whole(f.dir); });
}

}  // namespace varve::testing
