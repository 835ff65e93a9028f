// SPDX-License-Identifier: MIT
//
// What the matrix of rescues has found, each by itself: the matrix draws some of these once in thousands of cases.
#include <string>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "format/live.hpp"
#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

constexpr const char* directory = "log";
const log_options small{.segment_bytes = 64 * 1024, .prepared_segments = 1, .spare_segments = 0};
const log_options accepting{.recovery = recovery_mode::accept_loss, .prepared_segments = 1, .spare_segments = 0};

std::string text_of(std::uint64_t s) { return std::to_string(s) + std::string(19'000, 'x'); }

std::string path_of(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string{directory} + '/' + std::string(20 - digits.size(), '0') + digits + ".seg";
}

/// Records 1 to 9, three to a segment.
log nine_records() {
  memory_os::reset();
  auto l = log::open(directory, small);
  REQUIRE(l);
  for (std::uint64_t s = 1; s <= 9; ++s) REQUIRE(l->append(text_of(s)));
  return std::move(*l);
}

void cut_short(const std::string& path, std::uint64_t bytes) {
  auto all = memory_os::contents(path);
  all.resize(bytes);
  memory_os::rewrite(path, all);
}

template <class Log>
std::string seen(const Log& l) {
  std::string all;
  for (std::uint64_t s = 1; s <= l.published_sequence().value; ++s) {
    const auto r = l.read({s});
    all += !r ? '!' : r->text() == text_of(s) ? static_cast<char>('0' + s) : '#';
  }
  return all;
}

std::string accepted() {
  const auto l = log::open(directory, accepting);
  INFO((l ? std::string{} : l.error().message()));
  REQUIRE(l);
  return seen(*l);
}

}  // namespace

TEST_CASE("a segment of which not even the header is left is given up", "[power][recovery][rescue_found]") {
  REQUIRE(nine_records().close().has_value());
  cut_short(path_of(2), 1400);
  CHECK(accepted() == "123!!!789");
}

TEST_CASE("of a file that was cut short every frame is kept, and what was truncated stays away",
          "[power][recovery][rescue_found][G6]") {
  {
    auto l = nine_records();
    REQUIRE(l.truncate_after({4}).has_value());
    REQUIRE(l.close().has_value());
  }
  cut_short(path_of(2), 60'000);  // after the end, and within what had been the sixth record
  CHECK(accepted() == "1234");
}

TEST_CASE("a mark counts also where little is left of varve.live", "[power][recovery][rescue_found]") {
  auto l = nine_records();
  REQUIRE(l.sync().has_value());
  memory_os::copy_directory(directory, "copy");
  memory_os::erase("copy/" + path_of(3).substr(4));
  auto live = memory_os::contents("copy/varve.live");
  live.resize(2048);
  memory_os::rewrite("copy/varve.live", live);
  const auto refused = log::open("copy", small);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::incomplete);
  CHECK(refused.error().first_sequence() == 7);
  CHECK(refused.error().last_sequence() == 9);
  CHECK(log_view::open("copy")->describe()->refuses);
}

TEST_CASE("a log that has lost its meta and its segments is not begun again", "[power][recovery][rescue_found]") {
  REQUIRE(nine_records().close().has_value());
  for (const auto& name : memory_os::names(directory))
    if (name != format::state_name && name != format::live_name) memory_os::erase(std::string{directory} + '/' + name);
  const auto before = memory_os::contents("log/varve.state");
  const auto l = log::open(directory, small);
  REQUIRE_FALSE(l);
  CHECK(l.error().code() == errc::incomplete);
  CHECK((memory_os::contents("log/varve.state") == before));
}

TEST_CASE("without varve.meta there is a log all the same, for whoever makes none", "[power][recovery][rescue_found]") {
  REQUIRE(nine_records().close().has_value());
  memory_os::erase("log/varve.meta");
  const auto done = rebuild_indexes(directory);
  REQUIRE_FALSE(done);
  CHECK(done.error().code() == errc::incomplete);
}

TEST_CASE("in its own place too a missing segment is named by its sequences", "[power][recovery][rescue_found]") {
  REQUIRE(nine_records().close().has_value());
  memory_os::erase(path_of(2));
  const auto l = log::open(directory, small);
  REQUIRE_FALSE(l);
  CHECK(l.error().code() == errc::incomplete);
  CHECK(l.error().first_sequence() == 4);
  CHECK(l.error().last_sequence() == 6);
}

TEST_CASE("salvage names what both copies of a segment have given up", "[power][salvage][rescue_found]") {
  REQUIRE(nine_records().close().has_value());
  const std::byte flipped{0xff};
  memory_os::overwrite(path_of(2), format::segment_header_bytes + 20'000, {&flipped, 1});
  CHECK(accepted() == "1234!6789");
  memory_os::put(path_of(77), memory_os::contents(path_of(2)));
  const auto report = salvage(directory, {});
  REQUIRE(report);
  CHECK(report->records == 8);
  CHECK(report->missing == 1);
}

TEST_CASE("salvage believes the published word only with its check", "[power][salvage][rescue_found]") {
  {
    auto l = nine_records();
    CHECK(l.published_sequence().value == 9);
    memory_os::crash_at_call(1);
    const auto dying = std::move(l);
  }
  memory_os::process_death();
  const std::byte high{0x20};
  memory_os::overwrite("log/varve.live", format::writer_words_offset + offsetof(format::writer_words, published) + 5,
                       {&high, 1});
  const auto report = salvage(directory, {});
  REQUIRE(report);
  CHECK(report->records == 9);
  CHECK(report->missing == 0);
}

TEST_CASE("what an old file holds of a history that was truncated does not join the log again",
          "[power][recovery][rescue_found][G6]") {
  std::vector<std::byte> third;
  {
    auto l = nine_records();
    REQUIRE(l.sync().has_value());
    third = memory_os::contents(path_of(3));
    REQUIRE(l.truncate_after({5}).has_value());
    REQUIRE(l.close().has_value());
  }
  memory_os::put(path_of(3), third);
  if (const auto l = log::open(directory, small)) CHECK(seen(*l) == "12345");
  CHECK(seen(*log_view::open(directory)) == "12345");
  CHECK(accepted() == "12345");
}

}  // namespace varve::testing
