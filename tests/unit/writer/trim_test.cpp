// SPDX-License-Identifier: MIT
//
// Dropping the oldest records: exact, durable, and never another record's bytes.
#include <varve/varve.hpp>

#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

const log_options small{.segment_bytes = 64 * 1024, .spare_segments = 0};
const log_options with_spares{.segment_bytes = 64 * 1024, .spare_segments = 4};

/// About sixteen to a segment.
std::string large(std::uint64_t s) { return std::to_string(s) + std::string(4000, '.'); }

void append_large(log& l, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(l.append(large(l.published_sequence().value + 1)).has_value());
}

/// What each sequence from the first to the last that is published says; fails the test if one is not what was appended.
template <class Log>
std::uint64_t check_large(const Log& l) {
  std::uint64_t next = l.first_sequence().value;
  for (; next <= l.published_sequence().value; ++next) {
    const auto r = l.read({next});
    INFO(next);
    REQUIRE(r.has_value());
    REQUIRE(r->text() == large(next));
  }
  return next - l.first_sequence().value;
}

/// The segments that hold records, once those that were dropped are gone.
void wait_until_sealed_but_one(const log& l, const std::filesystem::path& dir) {
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    const auto v = log_view::open(dir);
    REQUIRE(v);
    const auto d = v->describe();
    REQUIRE(d);
    if (d->ended == 0) return;
    REQUIRE(std::chrono::steady_clock::now() - begin < std::chrono::seconds{30});
    static_cast<void>(l.published_sequence());
  }
}

}  // namespace

TEST_CASE("a log is trimmed at an exact sequence, and stays so", "[trim]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    append_all(*l, "abcde");
    REQUIRE(l->trim_before({3}).has_value());
    CHECK(l->first_sequence() == sequence{3});
    CHECK(l->durable_sequence() >= sequence{2});
    CHECK(texts_of(*l) == "trimmed trimmed c d e ");
    REQUIRE(l->trim_before({3}).has_value());
    REQUIRE(l->trim_before({1}).has_value());
    REQUIRE(l->trim_before({}).has_value());
    CHECK(l->first_sequence() == sequence{3});
    const auto too_far = l->trim_before({7});
    REQUIRE_FALSE(too_far.has_value());
    CHECK(too_far.error().code() == errc::past_end);
    std::string all;
    for (const auto& r : l->records()) all += r->text();
    CHECK(all == "cde");
  }
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  CHECK(l->recovery().kept == 3);
  CHECK(texts_of(*l) == "trimmed trimmed c d e ");
}

TEST_CASE("a log that was emptied goes on with its next sequence", "[trim]") {
  const temp_dir dir;
  const auto emptied = [](log& l) {
    append_all(l, "abc");
    must(l.trim_before({4}).has_value());
    must(l.first_sequence() == sequence{4} && l.published_sequence() == sequence{3});
  };
  SECTION("after a close") {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    emptied(*l);
    REQUIRE(l->close().has_value());
  }
  SECTION("after a death") { die_with(dir.path(), small, emptied); }
  SECTION("after a power loss") {
    die_with(dir.path(), small, emptied);
    make_power_loss(dir.path());
  }
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  CHECK(l->first_sequence() == sequence{4});
  CHECK(l->append("d") == sequence{4});
  CHECK(texts_of(*l) == "trimmed trimmed trimmed d ");
}

TEST_CASE("segments go once all of them lies before the first sequence", "[trim]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_large(*l, 100);
  const std::uint64_t before = l->stats().segments;
  REQUIRE(l->trim_before({60}).has_value());
  wait_until_sealed_but_one(*l, dir.path());
  REQUIRE(l->trim_before({60}).has_value());
  CHECK(l->stats().segments + 3 == before);
  CHECK(check_large(*l) == 41);
  CHECK(l->stats().recycled == 0);
  REQUIRE(l->trim_before({101}).has_value());
  CHECK(l->stats().segments == 1);
  append_large(*l, 50);
  CHECK(check_large(*l) == 50);
  REQUIRE(l->close().has_value());
  auto again = log::open(dir.path(), small);
  REQUIRE(again);
  CHECK(check_large(*again) == 50);
}

TEST_CASE("files of dropped segments are used again", "[trim][G6]") {
  const temp_dir dir;
  std::uint64_t files_most = 0;
  {
    auto l = log::open(dir.path(), with_spares);
    REQUIRE(l);
    // How many are depends on how soon each is sealed.
    for (int lap = 0; lap < 40 || l->stats().recycled <= 40; ++lap) {
      REQUIRE(lap < 4'000);
      append_large(*l, 32);
      REQUIRE(l->trim_before({l->published_sequence().value - 10}).has_value());
      CHECK(check_large(*l) == 11);
      files_most = std::max<std::uint64_t>(files_most, segment_numbers(dir.path()).size());
    }
    CHECK(l->stats().recycled > 40);
    CHECK(files_most < 20);
    CHECK(l->stats().spare <= 4);
  }
  auto l = log::open(dir.path(), with_spares);
  REQUIRE(l);
  CHECK(l->recovery().clean);
  CHECK(check_large(*l) == 11);
}

TEST_CASE("whoever reads what is trimmed keeps his bytes, and is told", "[trim][G3]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), with_spares);
  REQUIRE(l);
  append_large(*l, 100);
  auto r = l->reader({5});
  REQUIRE(r);
  const auto fifth = r->next();
  REQUIRE((fifth && *fifth));
  const auto pinned = l->read({20});
  REQUIRE(pinned);
  auto range = l->records({18});
  auto at = range.begin();
  CHECK((*at)->text() == large(18));

  wait_until_sealed_but_one(*l, dir.path());
  REQUIRE(l->trim_before({90}).has_value());
  append_large(*l, 200);  // into whatever files there are
  CHECK((*fifth)->text() == large(5));
  CHECK(pinned->text() == large(20));
  for (int i = 0; i < 2; ++i) {
    const auto gone = r->next();
    REQUIRE_FALSE(gone.has_value());
    CHECK(gone.error().code() == errc::trimmed);
    CHECK(r->wait(std::chrono::steady_clock::now()).error().code() == errc::trimmed);
  }
  CHECK(r->seek({20}).error().code() == errc::trimmed);
  ++at;
  REQUIRE(at != range.end());
  CHECK(at->error().code() == errc::trimmed);
  ++at;
  CHECK(at == range.end());
  REQUIRE(r->seek({90}).has_value());
  CHECK((*r->next())->text() == large(90));
  CHECK(check_large(*l) == 211);
}

TEST_CASE("a view learns what was trimmed, and keeps what it reads", "[trim][view][G8]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), with_spares);
  REQUIRE(l);
  append_large(*l, 100);
  wait_until_sealed_but_one(*l, dir.path());
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  CHECK(check_large(*v) == 100);
  auto r = v->reader({5});
  REQUIRE(r);
  const auto fifth = r->next();
  REQUIRE((fifth && *fifth));
  const auto kept = (*fifth)->pin();

  REQUIRE(l->trim_before({90}).has_value());
  CHECK(v->first_sequence() == sequence{90});
  CHECK(v->read({5}).error().code() == errc::trimmed);
  CHECK(r->next().error().code() == errc::trimmed);
  append_large(*l, 300);
  CHECK(kept.text() == large(5));
  CHECK(check_large(*v) == 311);
  REQUIRE(r->seek({}).has_value());
  CHECK((*r->next())->text() == large(90));
  // Far behind: all that the view knew is gone.
  REQUIRE(l->trim_before({400}).has_value());
  append_large(*l, 300);
  CHECK(check_large(*v) == 301);
  CHECK(kept.text() == large(5));
  REQUIRE(l->close().has_value());
  CHECK(check_large(*v) == 301);
}

// What the view knows of segments may be ahead of how far it has walked: a claim was in the way.
TEST_CASE("a view goes on behind what was trimmed before it had walked there", "[trim][view][G3]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), with_spares);
  REQUIRE(l);
  append_large(*l, 9);
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto claim = l->claim(4000);
  REQUIRE(claim);
  for (std::uint64_t s = 11; s <= 100; ++s) REQUIRE(l->append(large(s)) == sequence{s});
  REQUIRE(v->describe());
  CHECK(v->published_sequence() == sequence{9});
  REQUIRE(claim->publish(0).has_value());
  REQUIRE(l->trim_before({90}).has_value());
  CHECK(v->first_sequence() == sequence{90});
  CHECK(v->published_sequence() == sequence{100});
  CHECK(check_large(*v) == 11);
  auto r = v->reader();
  REQUIRE(r);
  CHECK((*r->next())->sequence() == sequence{90});
}

// What was dropped stands there until it is used again, and what followed it may be gone already.
TEST_CASE("a view takes nothing that is kept to be used again for the log", "[trim][truncate][view][G6][G8]") {
  const temp_dir dir;
  auto options = with_spares;
  options.max_disk_bytes = 12 * options.segment_bytes;
  auto l = log::open(dir.path(), options);
  REQUIRE(l);
  while (l->append(large(l->published_sequence().value + 1)).has_value()) {
  }
  const std::uint64_t end = l->published_sequence().value;
  CHECK(l->truncate_after({end - 1}).error().code() == errc::no_space);  // it is cut, and there is none to go on in
  REQUIRE(l->trim_before({end}).has_value());
  const auto view = log_view::open(dir.path());
  REQUIRE(view);
  auto r = view->reader();
  REQUIRE(r);
  CHECK_FALSE(r->next()->has_value());
  append_large(*l, 40);
  CHECK(view->first_sequence() == sequence{end});
  CHECK(check_large(*view) == 40);
  CHECK((*r->next())->text() == large(end));
}

TEST_CASE("a trim that is cut short happens or does not, and nothing else does", "[trim][G3][G6]") {
  const auto* const point = GENERATE("trim.before_state", "state.before_store", "state.before_sync", "trim.before_drop",
                                     "recycle.before_erase", "recycle.before_sync", "recycle.renamed");
  const bool power_loss = GENERATE(false, true);
  INFO(point << (power_loss ? ", then a power loss" : ""));
  const temp_dir dir;
  die_with(dir.path(), with_spares, [point](log& l) {
    const auto append = [&l](std::uint64_t count) {
      for (std::uint64_t i = 0; i < count; ++i) must(l.append(large(l.published_sequence().value + 1)).has_value());
      must(l.sync().has_value());
    };
    append(100);
    die_at(point);
    must(l.trim_before({60}).has_value());
    append(200);
    // It dies before; unless a thread of the log has all that was dropped mapped still: then nothing is used again.
    must(std::string_view{point}.starts_with("recycle"));
  });
  if (power_loss) make_power_loss(dir.path());
  for (int opens = 0; opens < 2; ++opens) {
    auto l = log::open(dir.path(), with_spares);
    REQUIRE(l);
    CHECK((l->first_sequence() == sequence{1} || l->first_sequence() == sequence{60}));
    CHECK(check_large(*l) >= 41);
    CHECK(rows_of(l->recovery()).find_first_not_of("MNPR") == std::string::npos);
    const auto v = log_view::open(dir.path());
    REQUIRE(v);
    const auto segments = v->segments();
    REQUIRE(segments);
    for (const auto& s : *segments) CHECK(s.state != segment_description::state::damaged);
    REQUIRE(l->trim_before({60}).has_value());
    append_large(*l, 40);
  }
}

}  // namespace varve::testing
