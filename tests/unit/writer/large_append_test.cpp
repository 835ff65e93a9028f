// SPDX-License-Identifier: MIT
//
// Records, batches and claims that are larger than what a segment of the log holds: each gets a segment of its own size.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::uint64_t unit = format::segment_bytes_unit;
constexpr std::uint64_t largest_of_log = format::payload_bytes_max(unit);
const log_options small{.segment_bytes = unit};

struct open_log {
  temp_dir dir;
  log l = *log::open(dir.path(), small);

  void reopen() {
    REQUIRE(l.close().has_value());
    auto again = log::open(dir.path(), {.recovery = recovery_mode::strict});
    INFO((again ? std::string{} : again.error().message()));
    REQUIRE(again);
    l = std::move(*again);
  }
};

/// Of `bytes`, and different for each.
std::string text_of(std::uint64_t bytes, std::uint64_t seed = 0) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>((i * 31 + i / 251 + bytes + seed) % 95 + 32);
  return text;
}

template <class Log>
void check_texts(const Log& l, const std::vector<std::string>& texts) {
  REQUIRE(l.published_sequence().value == texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto r = l.read({i + 1});
    INFO(i + 1 << ' ' << (r ? std::string{} : r.error().message()));
    REQUIRE(r);
    CHECK((r->text() == texts[i]));
  }
}

std::uint64_t file_bytes(const temp_dir& dir, std::uint64_t sequence) {
  return fs::file_size(segment_path(dir.path(), place_of(dir.path(), sequence).segment));
}

std::uint64_t disk_bytes(const fs::path& log) {
  std::uint64_t sum = 0;
  for (const std::uint64_t number : segment_numbers(log)) {
    std::error_code gone;  // recycled meanwhile
    const auto bytes = fs::file_size(segment_path(log, number), gone);
    if (!gone) sum += bytes;
  }
  return sum;
}

/// The numbers of the segments that were begun, in the order of their sequences.
std::vector<std::uint64_t> numbers_of(const temp_dir& dir) {
  std::vector<std::uint64_t> numbers;
  const auto segments = log_view::open(dir.path())->segments();
  REQUIRE(segments);
  for (const auto& s : *segments)
    if (s.state != segment_description::state::prepared) numbers.push_back(s.number);
  return numbers;
}

}  // namespace

TEST_CASE("a record that no segment of the log holds gets one of its own size", "[append][G1][G7]") {
  open_log o;
  std::vector<std::string> texts;
  for (const std::uint64_t bytes :
       {std::uint64_t{3}, largest_of_log + 1, std::uint64_t{5}, largest_of_log, largest_of_log + unit,
        largest_of_log + unit + 1, 3 * unit + 17, std::uint64_t{0}, std::uint64_t{40'000}, std::uint64_t{40'000}, 16 * unit})
    texts.push_back(text_of(bytes, texts.size()));
  for (std::size_t i = 0; i < texts.size(); ++i) REQUIRE(o.l.append(texts[i])->value == i + 1);
  check_texts(o.l, texts);
  CHECK(file_bytes(o.dir, 2) == 2 * unit);
  CHECK(file_bytes(o.dir, 5) == 2 * unit);
  CHECK(file_bytes(o.dir, 6) == 3 * unit);
  CHECK(file_bytes(o.dir, 7) == 4 * unit);
  CHECK(place_of(o.dir.path(), 9).segment == place_of(o.dir.path(), 7).segment);
  CHECK(file_bytes(o.dir, 10) == unit);
  check_texts(*log_view::open(o.dir.path()), texts);
  CHECK(verify(o.dir.path())->findings.empty());
  REQUIRE(o.l.sync().has_value());
  o.reopen();
  CHECK(o.l.recovery().clean);
  check_texts(o.l, texts);
  CHECK(o.l.append("behind")->value == texts.size() + 1);
}

TEST_CASE("what follows goes on in the rest of such a segment, and then in one of the log's size", "[append]") {
  open_log o;
  REQUIRE(o.l.append(text_of(unit)).has_value());
  const std::uint64_t rest = 2 * unit - format::segment_header_bytes - format::frame_bytes(unit);
  REQUIRE(o.l.append(text_of(rest - format::frame_header_bytes)).has_value());
  CHECK(place_of(o.dir.path(), 2).segment == place_of(o.dir.path(), 1).segment);
  REQUIRE(o.l.append("x").has_value());
  CHECK(file_bytes(o.dir, 3) == unit);
  CHECK(o.l.stats().rolls == 2);
}

TEST_CASE("a log may begin with a large record, and have nothing else", "[append][open]") {
  open_log o;
  const std::vector<std::string> texts{text_of(5 * unit)};
  REQUIRE(o.l.append(texts[0]).has_value());
  check_texts(o.l, texts);
  check_texts(*log_view::open(o.dir.path()), texts);
  SECTION("closed") { o.reopen(); }
  SECTION("with its writer dead") {
    temp_dir dir;
    die_with(dir.path(), small, [&](log& l) { must(l.append(texts[0]).has_value()); });
    check_texts(*log_view::open(dir.path()), texts);
    const auto again = log::open(dir.path());
    REQUIRE(again);
    check_texts(*again, texts);
    CHECK(verify(dir.path())->findings.empty());
    return;
  }
  check_texts(o.l, texts);
  REQUIRE(o.l.append(text_of(unit)).has_value());
  CHECK(o.l.read({2})->text().size() == unit);
}

TEST_CASE("a segment that took no record is passed by, in every state in which the log may be found", "[append][open][G3]") {
  temp_dir dir;
  std::vector<std::string> texts;
  for (int life = 0; life < 4; ++life) {  // each begins in a segment of its own, since the one before died
    const std::string text = text_of(unit + static_cast<std::uint64_t>(life), 7);
    texts.push_back(text);
    const bool syncs = life % 2 == 0;
    die_with(dir.path(), small, [&](log& l) { must(l.append(text).has_value() && (!syncs || l.sync().has_value())); });
    check_texts(*log_view::open(dir.path()), texts);
    CHECK(verify(dir.path())->findings.empty());
  }
  SECTION("after a power loss") { make_power_loss(dir.path()); }
  SECTION("after a death") {}
  auto l = log::open(dir.path());
  INFO((l ? std::string{} : l.error().message()));
  REQUIRE(l);
  check_texts(*l, texts);
  REQUIRE(l->trim_before({3}).has_value());
  CHECK(l->read({3})->text() == texts[2]);
  REQUIRE(l->close().has_value());
  l = log::open(dir.path(), {.recovery = recovery_mode::strict});
  REQUIRE(l);
  CHECK(l->read({4})->text() == texts[3]);
  CHECK(l->read({2}).error().code() == errc::trimmed);
}

TEST_CASE("a batch larger than a segment stands in one of its own, whole", "[append][G4]") {
  open_log o;
  std::vector<std::string> texts{"before"};
  append_all(o.l, "b");
  texts[0] = "b";
  std::vector<std::string> batch;
  for (std::uint64_t i = 0; i < 300; ++i) batch.push_back(text_of(i * 7, i));
  const std::vector<std::string_view> views{batch.begin(), batch.end()};
  CHECK((*o.l.append_batch(views) == sequence_range{{2}, {302}}));
  texts.insert(texts.end(), batch.begin(), batch.end());
  check_texts(o.l, texts);
  CHECK(place_of(o.dir.path(), 2).segment == place_of(o.dir.path(), 301).segment);
  std::uint64_t s = 0;
  for (const auto& r : o.l.records()) {
    REQUIRE(r);
    ++s;
    CHECK(r->batch_goes_on() == (s >= 2 && s < 301));
  }
  std::vector<std::string_view> none(3000);  // their headers alone are too many for a segment of the log
  CHECK(o.l.append_batch(none)->size() == 3000);
  o.reopen();
  CHECK(o.l.read({3301})->text().empty());
  CHECK(verify(o.dir.path())->findings.empty());
}

TEST_CASE("pieces may be more than a segment holds together", "[append]") {
  open_log o;
  const std::string half = text_of(40'000), other = text_of(50'001);
  const std::span<const std::byte> pieces[] = {std::as_bytes(std::span{half}), std::as_bytes(std::span{other})};
  REQUIRE(o.l.append_pieces(pieces, {.type = 5}).has_value());
  CHECK(o.l.read({1})->text() == half + other);
  CHECK(o.l.read({1})->type() == 5);
}

TEST_CASE("a large claim is written in place, published whole or short, or given up", "[claim][append]") {
  open_log o;
  const std::string text = text_of(3 * unit);
  const auto fill = [&](claim& c) { std::ranges::copy(std::as_bytes(std::span{text}), c.bytes().begin()); };
  {
    auto whole = o.l.claim(text.size());
    REQUIRE(whole);
    REQUIRE(o.l.append("behind").has_value());
    CHECK(o.l.published_sequence() == sequence{0});
    fill(*whole);
    REQUIRE(whole->publish().has_value());
    auto fewer = o.l.claim(text.size());
    REQUIRE(fewer);
    fill(*fewer);
    REQUIRE(fewer->publish(100).has_value());
    auto given_up = o.l.claim(text.size());
    REQUIRE(given_up);
    fill(*given_up);
  }
  REQUIRE(o.l.append("last").has_value());
  const auto check = [&](const auto& from) {
    CHECK(from.read({1})->text() == text);
    CHECK(from.read({2})->text() == "behind");
    CHECK(from.read({3})->text() == text.substr(0, 100));
    CHECK(from.read({4}).error().code() == errc::abandoned);
    CHECK(from.read({5})->text() == "last");
  };
  check(o.l);
  CHECK(verify(o.dir.path())->findings.empty());
  o.reopen();
  check(o.l);
}

TEST_CASE("numbers of segments grow along the chain, whatever was prepared before", "[append]") {
  open_log o;
  for (int i = 0; i < 12; ++i) REQUIRE(o.l.append(text_of(i % 4 == 0 ? unit : 40'000)).has_value());
  const auto numbers = numbers_of(o.dir);
  CHECK(numbers.size() > 6);
  CHECK(std::ranges::is_sorted(numbers));
  CHECK(verify(o.dir.path())->findings.empty());
}

TEST_CASE("threads that append small and large ones at once lose nothing, and keep their own order", "[append][G1][G3]") {
  open_log o;
  constexpr std::uint64_t threads = 4, each = 60;
  auto view = log_view::open(o.dir.path());
  REQUIRE(view);
  {
    std::vector<std::jthread> running;
    for (std::uint64_t t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < each; ++i) {
          const std::uint64_t bytes = (i + t) % 10 == 0 ? unit + i * 1000 : i * 200;
          if (!o.l.append(std::to_string(t) + ' ' + std::to_string(i) + ' ' + text_of(bytes, t))) std::abort();
        }
      });
  }
  const auto check = [&](const auto& from) {
    std::vector<std::uint64_t> next(threads, 0);
    for (const auto& r : from.records()) {
      INFO((r ? std::string{} : r.error().message()));
      REQUIRE(r);
      const std::string text{r->text()};
      const auto t = static_cast<std::size_t>(text[0] - '0');
      const std::uint64_t i = next[t]++;
      const std::uint64_t bytes = (i + t) % 10 == 0 ? unit + i * 1000 : i * 200;
      CHECK((text == std::to_string(t) + ' ' + std::to_string(i) + ' ' + text_of(bytes, t)));
    }
    CHECK(next == std::vector<std::uint64_t>(threads, each));
  };
  check(o.l);
  check(*view);
  const auto numbers = numbers_of(o.dir);
  CHECK(std::ranges::is_sorted(numbers));
  CHECK(verify(o.dir.path())->findings.empty());
  o.reopen();
  check(o.l);
}

TEST_CASE("large records survive the death of their writer, and are trimmed; their files are not used again",
          "[append][trim][G1][G6]") {
  const temp_dir dir;
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < 9; ++i) texts.push_back(text_of(i % 2 == 0 ? 2 * unit + i : 9'000, i));
  die_with(dir.path(), small, [&](log& l) {
    for (const auto& text : texts) must(l.append(text).has_value());
  });
  auto l = log::open(dir.path(), {.spare_segments = 8});
  REQUIRE(l);
  check_texts(*l, texts);
  CHECK(l->recovery().stepped_over == 0);
  const std::uint64_t first_number = place_of(dir.path(), 1).segment, third_number = place_of(dir.path(), 3).segment;
  REQUIRE(l->trim_before({4}).has_value());
  CHECK(l->read({3}).error().code() == errc::trimmed);
  CHECK(l->read({4})->text() == texts[3]);
  CHECK_FALSE(fs::exists(segment_path(dir.path(), first_number)));
  if (third_number != place_of(dir.path(), 4).segment) CHECK_FALSE(fs::exists(segment_path(dir.path(), third_number)));
  for (int i = 0; i < 40; ++i) REQUIRE(l->append(text_of(20'000)).has_value());
  REQUIRE(l->trim_before({l->published_sequence().value + 1}).has_value());
  REQUIRE(l->close().has_value());
  CHECK(verify(dir.path())->findings.empty());
}

TEST_CASE("retention counts a segment by its own size", "[retention]") {
  open_log o;
  REQUIRE(o.l.append(text_of(4 * unit)).has_value());
  REQUIRE(o.l.append(text_of(unit / 2)).has_value());
  REQUIRE(o.l.sync().has_value());
  const auto plan = o.l.plan_retention({.max_bytes = 8 * unit});
  REQUIRE(plan);
  std::uint64_t most = 0;
  for (const auto& v : *plan) most = std::max(most, v.bytes);
  CHECK(most == 5 * unit);
  CHECK(o.l.stats().bytes_allocated >= 6 * unit);
}

TEST_CASE("a large record counts against the most that a log may take", "[append][retention][G7]") {
  const temp_dir dir;
  constexpr std::uint64_t cap = 12 * unit;
  log_options options = small;
  options.max_disk_bytes = cap;
  const std::string large = text_of(5 * unit);

  SECTION("more than it could ever have is refused at once") {
    options.when_full = GENERATE(when_full::refuse, when_full::drop_oldest, when_full::wait);
    auto l = log::open(dir.path(), options);
    CHECK(l->append(text_of(11 * unit)).error().code() == errc::no_space);
    CHECK(l->append("goes on")->value == 1);
  }
  SECTION("it is refused until something was trimmed") {
    auto l = log::open(dir.path(), options);
    REQUIRE(l->append(large).has_value());
    CHECK(l->append(large).error().code() == errc::no_space);
    CHECK(l->append("small")->value == 2);
    CHECK(disk_bytes(dir.path()) <= cap);
    REQUIRE(l->trim_before({2}).has_value());
    result<sequence> again = sequence{};
    for (int i = 0; i < 5'000 && !(again = l->append(large)); ++i) {  // the segment before is sealed, and goes, soon
      CHECK(again.error().code() == errc::no_space);
      std::this_thread::sleep_for(1ms);
    }
    CHECK(again.has_value());
    CHECK(l->read({2})->text() == "small");
    CHECK(disk_bytes(dir.path()) <= cap);
  }
  SECTION("the oldest goes, also if it stands in the segment that takes appends") {
    options.when_full = when_full::drop_oldest;
    auto l = log::open(dir.path(), options);
    for (std::uint64_t i = 1; i <= 6; ++i) {
      const auto s = l->append(text_of(5 * unit, i));
      REQUIRE(s);
      CHECK(s->value == i);
      CHECK(disk_bytes(dir.path()) <= cap);
      CHECK(l->read({i})->text() == text_of(5 * unit, i));
    }
    CHECK(l->first_sequence() > sequence{4});
    for (int i = 0; i < 40; ++i) REQUIRE(l->append(text_of(20'000)).has_value());
    CHECK(disk_bytes(dir.path()) <= cap);
    REQUIRE(l->append(large).has_value());
    CHECK(disk_bytes(dir.path()) <= cap);
    REQUIRE(l->close().has_value());
    CHECK(verify(dir.path())->findings.empty());
  }
  SECTION("it waits until something was trimmed") {
    options.when_full = when_full::wait;
    auto l = log::open(dir.path(), options);
    std::jthread trims{[&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        static_cast<void>(l->trim_before({l->published_sequence().value + 1}));
        std::this_thread::sleep_for(1ms);
      }
    }};
    for (std::uint64_t i = 1; i <= 6; ++i) CHECK(l->append(large)->value == i);
    CHECK(disk_bytes(dir.path()) <= cap);
  }
  SECTION("one that waits does not keep the log from being closed") {
    options.when_full = when_full::wait;
    auto l = log::open(dir.path(), options);
    REQUIRE(l->append(large).has_value());
    std::atomic<bool> begun = false;
    std::optional<errc> answer;
    std::thread waits{[&] {
      begun = true;
      if (const auto done = l->append(large); !done) answer = done.error().code();
    }};
    while (!begun) std::this_thread::yield();
    const auto closed = l->close();
    waits.join();
    CHECK(closed.has_value());
    CHECK(answer == errc::closed);
  }
}

TEST_CASE("what is larger than the file system has room for leaves nothing behind", "[append][G7]") {
  open_log o;
  append_all(o.l, "a");
  REQUIRE(o.l.close().has_value());
  const auto before = segment_numbers(o.dir.path());
  CHECK(o.l.append(text_of(unit)).error().code() == errc::closed);
  CHECK(segment_numbers(o.dir.path()) == before);
}

}  // namespace varve::testing
