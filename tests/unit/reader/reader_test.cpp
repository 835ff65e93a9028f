// SPDX-License-Identifier: MIT
//
// Readers, ranges and single reads of a log that is open for writing.
#include <optional>
#include <thread>
#include <vector>

#include <varve/reader.hpp>
#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

struct open_log {
  temp_dir dir;
  log l = *log::open(dir.path(), {.segment_bytes = 64 * 1024});
};

std::string next_of(reader& r) {
  const auto next = r.next();
  if (!next) return std::string{name_of(next.error().code())};
  return *next ? std::string{(*next)->text().substr(0, 1)} : "end";
}

std::string all_of(record_range range) {
  std::string all;
  for (const auto& r : range) r ? all += r->text().substr(0, 1) : all += name_of(r.error().code());
  return all;
}

}  // namespace

TEST_CASE("a reader hands out every record in order, and goes on when there are more", "[reader][G3]") {
  open_log o;
  auto r = o.l.reader();
  REQUIRE(r);
  CHECK(next_of(*r) == "end");
  append_all(o.l, "abc");
  for (const char* expected : {"a", "b", "c", "end", "end"}) CHECK(next_of(*r) == expected);
  CHECK(r->position().value == 4);
  append_all(o.l, "d");
  CHECK(next_of(*r) == "d");
}

TEST_CASE("a reader crosses segments, also those that begin while it waits at the end", "[reader]") {
  open_log o;
  auto r = o.l.reader();
  REQUIRE(r);
  for (char c = 'a'; c <= 'z'; ++c) {
    REQUIRE(o.l.append(std::string(20'000, c)).has_value());
    if (c % 2 == 0) continue;
    if (c > 'a') CHECK(next_of(*r) == std::string(1, static_cast<char>(c - 1)));
    CHECK(next_of(*r) == std::string(1, c));
    CHECK(next_of(*r) == "end");
  }
  CHECK(next_of(*r) == "z");
  CHECK(o.l.stats().rolls >= 8);
}

TEST_CASE("seek goes anywhere up to the end, back and forth", "[reader]") {
  open_log o;
  for (char c = 'a'; c <= 'z'; ++c) REQUIRE(o.l.append(std::string(20'000, c)).has_value());
  auto r = o.l.reader({13});
  REQUIRE(r);
  CHECK(r->position().value == 13);
  CHECK(next_of(*r) == "m");
  for (const std::uint64_t s : {26U, 1U, 14U, 2U, 25U, 13U}) {
    REQUIRE(r->seek({s}).has_value());
    CHECK(r->position().value == s);
    CHECK(next_of(*r)[0] == static_cast<char>('a' + s - 1));
  }
  REQUIRE(r->seek({}).has_value());  // the first there is
  CHECK(next_of(*r) == "a");
  REQUIRE(r->seek({27}).has_value());  // the one that comes next
  CHECK(next_of(*r) == "end");
  append_all(o.l, "!");
  CHECK(next_of(*r) == "!");
}

TEST_CASE("a seek that fails leaves the reader where it was", "[reader]") {
  open_log o;
  append_all(o.l, "abc");
  auto r = o.l.reader({2});
  REQUIRE(r);
  CHECK(r->seek({5}).error().code() == errc::past_end);
  CHECK(r->seek({5}).error().first_sequence() == 5);
  CHECK(r->position().value == 2);
  CHECK(next_of(*r) == "b");
}

TEST_CASE("read says for each way of not being there which it is", "[reader][G3]") {
  open_log o;
  append_all(o.l, "ab");
  CHECK(o.l.read({0}).error().code() == errc::trimmed);
  CHECK(o.l.read({1})->text() == "a");
  CHECK(o.l.read({3}).error().code() == errc::past_end);
  CHECK(o.l.read({1'000'000}).error().code() == errc::past_end);
  CHECK(o.l.read({~std::uint64_t{0}}).error().code() == errc::past_end);
  held_point held{"publish.before_stamp"};
  std::thread late{[&] { append_all(o.l, "c"); }};
  held.wait_until_reached();
  append_all(o.l, "d");
  CHECK(o.l.read({3}).error().code() == errc::not_yet);
  CHECK(o.l.read({4}).error().code() == errc::not_yet);  // finished, but not published
  CHECK(o.l.read({5}).error().code() == errc::past_end);
  CHECK(o.l.reader({3}).has_value());
  CHECK(o.l.reader({4}).error().code() == errc::not_yet);
  CHECK(all_of(o.l.records()) == "ab");
  held.release();
  late.join();
  CHECK(all_of(o.l.records()) == "abcd");
}

TEST_CASE("the claims of dead writers are abandoned to read, and passed over by readers", "[reader][G3]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef");
  for (const std::uint64_t s : {1U, 3U, 4U}) clear_stamp(dir.path(), s);
  auto l = log::open(dir.path());
  REQUIRE(l);
  for (const std::uint64_t s : {1U, 3U, 4U}) {
    CHECK(l->read({s}).error().code() == errc::abandoned);
    CHECK(l->read({s}).error().first_sequence() == s);
  }
  CHECK(all_of(l->records()) == "bef");
  CHECK(all_of(l->records({3})) == "ef");
  auto r = l->reader({3});
  REQUIRE(r);
  CHECK(next_of(*r) == "e");
  CHECK(r->position().value == 6);
}

TEST_CASE("a range ends with what was published when it was made", "[reader]") {
  open_log o;
  append_all(o.l, "abc");
  auto range = o.l.records({2});
  append_all(o.l, "def");
  CHECK(all_of(std::move(range)) == "bc");
  CHECK(all_of(o.l.records({7})) == "");
  CHECK(all_of(o.l.records()) == "abcdef");
}

TEST_CASE("a range that cannot begin where it should is one error", "[reader]") {
  open_log o;
  append_all(o.l, "abc");
  int elements = 0;
  for (const auto& r : o.l.records({9})) {
    ++elements;
    REQUIRE_FALSE(r);
    CHECK(r.error().code() == errc::past_end);
    CHECK(r.error().first_sequence() == 9);
  }
  CHECK(elements == 1);
}

TEST_CASE("a range of an empty log is empty", "[reader]") {
  open_log o;
  CHECK(all_of(o.l.records()) == "");
  CHECK(all_of(o.l.records({1})) == "");
  CHECK(all_of(o.l.records({2})) == "past_end");
}

TEST_CASE("records carry type, epoch, and where a batch goes on", "[reader][G4]") {
  open_log o;
  REQUIRE(o.l.append("a", {.type = 65'535}).has_value());
  const std::string_view batch[] = {"b", "c", "d"};
  REQUIRE(o.l.append_batch(batch, {.type = 7}).has_value());
  std::string goes_on;
  for (const auto& r : o.l.records()) {
    CHECK(r->epoch() == 1);
    CHECK(r->type() == (r->sequence().value == 1 ? 65'535 : 7));
    goes_on += r->batch_goes_on() ? '+' : '.';
  }
  CHECK(goes_on == ".++.");
}

TEST_CASE("a pinned record outlives its reader, and a record read by number the log itself", "[reader]") {
  std::optional<pinned_record> by_reader, by_number;
  {
    open_log o;
    for (char c = 'a'; c <= 'z'; ++c) REQUIRE(o.l.append(std::string(20'000, c)).has_value());
    {
      auto r = o.l.reader({3});
      by_reader.emplace((*r->next())->pin());
    }
    by_number.emplace(*o.l.read({20}));
  }  // the log is closed and its directory removed
  CHECK(by_reader->text() == std::string(20'000, 'c'));
  CHECK(by_reader->sequence().value == 3);
  CHECK(by_number->text() == std::string(20'000, 't'));
}

TEST_CASE("a reader and a range outlive the handle they came from", "[reader]") {
  const temp_dir dir;
  std::optional<reader> r;
  std::optional<record_range> range;
  {
    auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
    REQUIRE(l);
    for (char c = 'a'; c <= 'z'; ++c) REQUIRE(l->append(std::string(20'000, c)).has_value());
    r.emplace(*l->reader());
    range.emplace(l->records());
    CHECK(next_of(*r) == "a");
  }
  for (char c = 'b'; c <= 'z'; ++c) CHECK(next_of(*r) == std::string(1, c));
  CHECK(next_of(*r) == "end");
  CHECK(all_of(std::move(*range)) == "abcdefghijklmnopqrstuvwxyz");
  REQUIRE(r->seek({5}).has_value());
  CHECK(next_of(*r) == "e");
}

TEST_CASE("without verify_on_read a flipped payload bit is handed out, and everything else still checked", "[reader]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
    append_all(*l, "abc");
  }
  flip_payload_bit(dir.path(), 2);
  auto l = log::open(dir.path(), {.verify_on_read = false});
  REQUIRE(l);
  CHECK(all_of(l->records()) == "acc");  // the lowest bit of 'b'
  const auto v = log_view::open(dir.path(), {.verify_on_read = false});
  REQUIRE(v);
  CHECK(v->read({2})->text() == "c");
  CHECK(log_view::open(dir.path())->read({2}).error().code() == errc::damaged);
}

}  // namespace varve::testing
