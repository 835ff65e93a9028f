// SPDX-License-Identifier: MIT
//
// A log that has come to max_disk_bytes, and whose oldest segments are about to go, or are held by somebody.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t unit = format::segment_bytes_unit;

/// Takes a segment of four units.
const std::string large(3 * unit, 'l');
/// Room for so many of them, beside one segment of the log that takes appends and two that are prepared.
log_options room_for(std::uint64_t count, when_full full) {
  return {.segment_bytes = unit, .prepared_segments = 2, .max_disk_bytes = (3 + 4 * count) * unit, .when_full = full};
}

}  // namespace

TEST_CASE("appends that drop the oldest wait for what is about to go", "[append][retention][G7]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), room_for(2, when_full::drop_oldest));
  REQUIRE(l);
  const auto append_some = [&] {
    for (int i = 0; i < 100; ++i) {
      const auto s = l->append(i % 6 == 5 ? "small" : large);
      if (!s) return s.error().message();
    }
    return std::string{};
  };
  SECTION("one thread, which is faster than those that seal and drop") { CHECK(append_some().empty()); }
  SECTION("some, of which each may find the others in the middle of a copy") {
    std::vector<std::string> said(3);
    {
      std::vector<std::jthread> running;
      for (auto& text : said) running.emplace_back([&] { text = append_some(); });
    }
    CHECK(said == std::vector<std::string>(3));
    CHECK(l->published_sequence() == sequence{300});
  }
  CHECK(l->close().has_value());
  CHECK(verify(dir.path())->findings.empty());
}

TEST_CASE("a reader that lets go of what was dropped makes room, and one that does not is not waited for long",
          "[append][retention][G7]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), room_for(1, when_full::drop_oldest));
  REQUIRE(l);
  REQUIRE(l->append(large).has_value());
  auto held = l->read({1});
  REQUIRE(held);
  SECTION("soon") {
    std::jthread lets_go{[&] {
      while (l->first_sequence() == sequence{1}) std::this_thread::yield();
      std::this_thread::sleep_for(10ms);
      held = l->read({2});  // which is not there
    }};
    const auto s = l->append(large);
    INFO((s ? std::string{} : s.error().message()));
    CHECK(s);
  }
  SECTION("never") {
    CHECK(l->append(large).error().code() == errc::no_space);
    CHECK(held->text() == large);
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) CHECK(l->append(large).error().code() == errc::no_space);
    CHECK(std::chrono::steady_clock::now() - begin < 5s);  // at once, as long as nothing changes
    CHECK(l->append("small").has_value());
    held = l->read({l->published_sequence()});
    CHECK(l->append(large).has_value());
  }
}

}  // namespace varve::testing
