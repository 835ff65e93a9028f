// SPDX-License-Identifier: MIT
//
// Claims in place: what is published, with all of its bytes or fewer, abandoned, moved, held across everything, and what a
// thread is told that would wait for itself.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr std::uint64_t segment_bytes = 64 * 1024;

struct open_log {
  temp_dir dir;
  log l = *log::open(dir.path(), {.segment_bytes = segment_bytes});
  [[nodiscard]] std::string text(std::uint64_t s) const { return std::string{l.read({s})->text()}; }
};

void fill_with(claim& c, std::string_view text) { std::memcpy(c.bytes().data(), text.data(), text.size()); }

claim claimed(log& l, std::string_view text, const append_options& options = {}) {
  auto c = l.claim(text.size(), options);
  expect(c.has_value());
  expect(c->bytes().size() == text.size());
  fill_with(*c, text);
  return std::move(*c);
}

errc code_of(const auto& r) {
  expect(!r.has_value());
  return r.error().code();
}

}  // namespace

TEST_CASE("a claim that is published is a record like any other", "[claim][G1]") {
  open_log o;
  auto c = claimed(o.l, "in place", {.type = 9});
  CHECK(c.sequence().value == 1);
  CHECK(o.l.published_sequence().value == 0);
  CHECK(code_of(o.l.read({1})) == errc::not_yet);
  CHECK(o.l.stats().oldest_unfinished.value == 1);
  CHECK(c.publish()->value == 1);
  CHECK(o.text(1) == "in place");
  CHECK(o.l.read({1})->type() == 9);
  CHECK(o.l.stats().oldest_unfinished.value == 0);
  CHECK(code_of(c.publish()) == errc::closed);
  CHECK(c.bytes().empty());
  c.abandon();
  CHECK(o.text(1) == "in place");
}

TEST_CASE("any number of bytes up to what was claimed can be published, and the next frame is where it was", "[claim][G1]") {
  open_log o;
  constexpr std::size_t most = 40;
  std::vector<std::string> expected;
  for (std::size_t bytes = 0; bytes <= most; ++bytes) {
    auto c = claimed(o.l, std::string(most, 'x'));
    expected.push_back(std::string(bytes, static_cast<char>('A' + bytes)));
    fill_with(c, expected.back());
    REQUIRE(c.publish(bytes).has_value());
    REQUIRE(o.l.append("behind").has_value());
  }
  const auto check = [&](const auto& from) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(from.read({2 * i + 1})->text() == expected[i]);
      CHECK(from.read({2 * i + 2})->text() == "behind");
    }
  };
  check(o.l);
  check(*log_view::open(o.dir.path()));
  CHECK(verify(o.dir.path())->findings.empty());
  REQUIRE(o.l.close().has_value());
  check(*log::open(o.dir.path()));
}

TEST_CASE("more bytes than were claimed are refused, and the claim stays open", "[claim]") {
  open_log o;
  auto c = claimed(o.l, "12345");
  const auto r = c.publish(6);
  CHECK(code_of(r) == errc::too_large);
  CHECK(r.error().limit() == 5);
  CHECK(c.publish(4).has_value());
  CHECK(o.text(1) == "1234");
}

TEST_CASE("an abandoned claim leaves a number without a record, whether it is said or not", "[claim][G3]") {
  open_log o;
  claimed(o.l, "said").abandon();
  {
    const auto c = claimed(o.l, "destroyed");
  }
  REQUIRE(o.l.append("kept").has_value());
  CHECK(texts_of(o.l) == "- - kept ");
  std::string iterated;
  for (const auto& r : o.l.records()) iterated += r->text();
  CHECK(iterated == "kept");
  CHECK(verify(o.dir.path())->findings.empty());
  REQUIRE(o.l.close().has_value());
  CHECK(texts_of(*log::open(o.dir.path())) == "- - kept ");
}

TEST_CASE("a claim that says that its record was lost leaves what readers find damaged, now and after every open",
          "[claim][G3][G5]") {
  temp_dir dir;
  for (int life = 0; life < 3; ++life) {
    auto l = log::open(dir.path(), {.segment_bytes = segment_bytes, .verify_at_open = true});
    REQUIRE(l);
    if (life == 0) {
      REQUIRE(l->append("first").has_value());
      claimed(*l, "lost").lose();
      claimed(*l, "as well").lose();
      REQUIRE(l->append("last").has_value());
    }
    CHECK(texts_of(*l) == "first damaged damaged last ");
    auto r = *l->reader();
    CHECK((*r.next())->text() == "first");
    const auto gap = r.next();
    REQUIRE_FALSE(gap);
    CHECK(gap.error().code() == errc::damaged);
    CHECK(gap.error().first_sequence() == 2);
    CHECK(gap.error().last_sequence() == 3);
    REQUIRE(r.seek({4}).has_value());
    CHECK((*r.next())->text() == "last");
    REQUIRE(l->close().has_value());
  }
  const auto report = verify(dir.path());
  REQUIRE(report);
  CHECK(report->findings.empty());
  REQUIRE(report->lost.size() == 1);
  CHECK(report->lost.front() == sequence_range{{2}, {4}});
}

TEST_CASE("claims of every size fit, up to a whole segment", "[claim]") {
  open_log o;
  CHECK(code_of(o.l.claim(o.l.record_bytes_max() + 1)) == errc::too_large);
  CHECK(code_of(o.l.claim(~std::size_t{0})) == errc::too_large);
  const std::size_t most = format::payload_bytes_max(64 * 1024);
  auto large = o.l.claim(most);
  REQUIRE(large.has_value());
  std::ranges::fill(large->bytes(), std::byte{'l'});
  auto empty = o.l.claim(0);
  REQUIRE(empty.has_value());
  CHECK(empty->publish().has_value());
  CHECK(large->publish().has_value());
  CHECK(o.l.read({1})->payload().size() == most);
  CHECK(o.l.read({2})->payload().empty());
}

TEST_CASE("while a claim is open nothing behind it is visible, whoever finishes it in which order", "[claim][G3]") {
  open_log o;
  auto first = claimed(o.l, "first"), second = claimed(o.l, "second"), third = claimed(o.l, "third");
  REQUIRE(o.l.append("fourth").has_value());
  CHECK(third.publish().has_value());
  CHECK(o.l.published_sequence().value == 0);
  CHECK(o.l.stats().oldest_unfinished.value == 1);
  CHECK(first.publish().has_value());
  CHECK(o.l.published_sequence().value == 1);
  CHECK(o.l.stats().oldest_unfinished.value == 2);
  second.abandon();
  CHECK(texts_of(o.l) == "first - third fourth ");
}

TEST_CASE("a claim can be moved; what is left behind is nothing", "[claim]") {
  open_log o;
  auto a = claimed(o.l, "a"), b = claimed(o.l, "b"), c = claimed(o.l, "c");
  claim moved{std::move(b)};
  a = std::move(moved);  // abandons the first
  std::vector<claim> many;
  many.push_back(std::move(c));
  for (int i = 0; i < 20; ++i) many.push_back(claimed(o.l, "m"));  // moves them as it grows
  CHECK(code_of(o.l.sync()) == errc::would_block_itself);
  CHECK(a.publish()->value == 2);
  for (auto& each : many) CHECK(each.publish().has_value());
  CHECK(o.l.sync()->value == 23);
  CHECK(texts_of(o.l).starts_with("- b c m "));
}

TEST_CASE("a thread that would wait for its own claim is told so, and nothing is changed", "[claim][G2]") {
  open_log o;
  REQUIRE(o.l.append("before").has_value());
  auto c = claimed(o.l, "held");
  const auto refused = o.l.sync();
  CHECK(code_of(refused) == errc::would_block_itself);
  CHECK(refused.error().first_sequence() == 2);
  CHECK(o.l.sync({1}).has_value());
  CHECK(code_of(o.l.sync({2})) == errc::would_block_itself);
  CHECK(code_of(o.l.append("x", {.durability = immediate()})) == errc::would_block_itself);
  CHECK(code_of(o.l.append("x", {.durability = grouped(1ms)})) == errc::would_block_itself);
  const std::string_view batch[] = {"x"};
  CHECK(code_of(o.l.append_batch(batch, {.durability = immediate()})) == errc::would_block_itself);
  CHECK(code_of(o.l.close()) == errc::would_block_itself);
  auto reader = *o.l.reader({2});
  CHECK(code_of(reader.wait(clock::now() + 10s)) == errc::would_block_itself);
  CHECK(o.l.append("free").has_value());  // the close changed nothing
  CHECK(o.l.append("later", {.durability = periodic(1ms)}).has_value());

  std::thread other{[&] {
    expect(code_of(o.l.sync({3}, clock::now() + 20ms)) == errc::timed_out);  // it is not this thread's
    auto own = claimed(o.l, "other's");
    expect(own.publish().has_value());
  }};
  other.join();
  CHECK(c.publish().has_value());
  CHECK(o.l.sync()->value == 5);
  CHECK(texts_of(o.l) == "before held free later other's ");
}

TEST_CASE("a durable publish needs the older claims of its thread finished first, and can be asked for again",
          "[claim][G2]") {
  open_log o;
  auto older = claimed(o.l, "older");
  auto durable = claimed(o.l, "durable", {.durability = immediate()});
  auto younger = claimed(o.l, "younger");
  CHECK(code_of(durable.publish()) == errc::would_block_itself);
  CHECK(older.publish().has_value());
  CHECK(durable.publish().has_value());  // what is younger does not matter
  CHECK(o.l.durable_sequence().value == 2);
  CHECK(younger.publish().has_value());
  CHECK(texts_of(o.l) == "older durable younger ");
}

TEST_CASE("claims of one log do not hold up another one", "[claim]") {
  open_log o, p;
  auto c = claimed(o.l, "held");
  CHECK(p.l.append("x", {.durability = immediate()}).has_value());
  CHECK(p.l.close().has_value());
  CHECK(c.publish().has_value());
}

TEST_CASE("appends go on while a claim is held over many more segments than may wait to be sealed", "[claim]") {
  open_log o;
  auto c = claimed(o.l, "held");
  const std::string payload(20'000, 'x');
  constexpr int records = 200;  // three to a segment
  for (int i = 0; i < records; ++i) REQUIRE(o.l.append(payload).has_value());
  CHECK(o.l.published_sequence().value == 0);
  CHECK(c.publish().has_value());
  CHECK(o.l.published_sequence().value == records + 1);
  CHECK(o.l.sync()->value == records + 1);
}

TEST_CASE("destroying the log abandons what its thread still holds, and the claim is harmless", "[claim]") {
  const temp_dir dir;
  std::optional<claim> left;
  {
    auto l = log::open(dir.path(), {.segment_bytes = segment_bytes});
    left = claimed(*l, "left");
    REQUIRE(l->append("kept").has_value());
  }
  CHECK(left->bytes().empty());
  CHECK(code_of(left->publish()) == errc::closed);
  left.reset();
  const auto again = log::open(dir.path());
  CHECK(again->recovery().clean);
  CHECK(texts_of(*again) == "- kept ");
}

TEST_CASE("close waits for the claims of other threads", "[claim][close]") {
  open_log o;
  std::thread closing;
  {
    auto c = claimed(o.l, "late");
    closing = std::thread{[&] { expect(o.l.close().has_value()); }};
    while (o.l.append("x").has_value()) {
      // until it has begun
    }
    std::this_thread::sleep_for(20ms);
    CHECK(c.publish()->value >= 1);
  }
  closing.join();
  const auto again = log::open(o.dir.path());
  CHECK(again->recovery().clean);
  CHECK(again->read({1})->text() == "late");
}

TEST_CASE("a thread that holds a claim is told so by close even while another one closes", "[claim][close]") {
  open_log o;
  auto c = claimed(o.l, "held");
  std::thread closing{[&] { expect(o.l.close().has_value()); }};
  while (o.l.append("x").has_value()) {
    // until it has begun
  }
  CHECK(code_of(o.l.close()) == errc::would_block_itself);
  CHECK(c.publish().has_value());
  closing.join();
  CHECK(o.l.close().has_value());
}

TEST_CASE("a claim that was open when its process died is stepped over, and what stood behind it is kept",
          "[claim][G1][G3]") {
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = segment_bytes}, [](log& l) {
    static auto held = l.claim(100);  // never destroyed: that would give it up
    must(held.has_value());
    std::ranges::fill(held->bytes(), std::byte{0xff});
    auto shorter = l.claim(100);
    must(shorter.has_value());
    std::memcpy(shorter->bytes().data(), "short", 5);
    must(shorter->publish(5).has_value());
    auto given_up = l.claim(10);
    must(given_up.has_value());
    given_up->abandon();
    must(l.append("behind").has_value());
  });
  const auto view = log_view::open(dir.path());
  CHECK(texts_of(*view) == "- short - behind ");
  auto again = log::open(dir.path());
  REQUIRE(again.has_value());
  CHECK(again->recovery().stepped_over == 1);
  CHECK(texts_of(*again) == "- short - behind ");
}

TEST_CASE("a forked child cannot publish what its parent holds, and does not give it up", "[claim][fork][G7]") {
  open_log o;
  auto c = claimed(o.l, "parent's");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto r = c.publish();
    bool good = !r && r.error().code() == errc::forked;
    {
      const claim inherited{std::move(c)};
    }  // abandons nothing
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(code_of(o.l.read({1})) == errc::not_yet);
  CHECK(c.publish().has_value());
  CHECK(o.text(1) == "parent's");
}

}  // namespace varve::testing
