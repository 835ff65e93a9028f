// SPDX-License-Identifier: MIT
//
// What others see, and do, in the middle of a truncation.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {

TEST_CASE("a view that looks while all of a log is being cut takes nothing of that for what comes next",
          "[truncate][view][G6]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
  REQUIRE(l.has_value());
  append_all(*l, "abcdef");
  const auto view = log_view::open(dir.path());
  REQUIRE(view.has_value());
  CHECK(texts_of(*view) == "a b c d e f ");
  held_point decided{"repair.before_remove"};
  std::thread cuts{[&] { static_cast<void>(l->truncate_after({0})); }};
  decided.wait_until_reached();
  CHECK(view->published_sequence() == sequence{0});
  CHECK(log_view::open(dir.path())->published_sequence() == sequence{0});
  decided.release();
  cuts.join();
  CHECK(view->published_sequence() == sequence{0});
  append_all(*l, "xy");
  CHECK(texts_of(*view) == "x y ");
  REQUIRE(l->close().has_value());
}

TEST_CASE("a reader of what a dead writer left, with a hole in it, ends where the next writer cuts",
          "[truncate][view][G6]") {
  const temp_dir dir;
  const auto letter = GENERATE(3, 6);  // the reader stands before the cut, or at it
  die_after(dir.path(), "abcdefghij");
  clear_stamp(dir.path(), 2);
  const auto view = log_view::open(dir.path());
  REQUIRE(view.has_value());
  auto reader = view->reader();
  REQUIRE(reader.has_value());
  while (reader->position().value <= static_cast<std::uint64_t>(letter)) REQUIRE(reader->next()->has_value());
  auto l = log::open(dir.path());
  REQUIRE(l.has_value());
  REQUIRE(l->truncate_after({6}).has_value());
  append_all(*l, "xy");
  std::string read;
  for (;;) {
    REQUIRE(reader->wait(std::chrono::steady_clock::now()).has_value());  // which leaves it where it is
    const auto r = reader->next();
    REQUIRE(r.has_value());
    if (!*r) break;
    read += (*r)->text();
  }
  CHECK(read == (letter == 3 ? "defxy" : "xy"));
  REQUIRE(l->close().has_value());
}

TEST_CASE("a checkpoint that is asked for in the middle of a truncation is one of what is left", "[truncate][checkpoint]") {
  const temp_dir dir;
  std::atomic<std::uint64_t> saved = 0;
  log_options options{.segment_bytes = 64 * 1024};
  options.checkpoint = {.save = [&](const checkpoint_request& r) { return saved = r.last.value, true; }, .after_bytes = 0};
  auto l = log::open(dir.path(), options);
  REQUIRE(l.has_value());
  append_all(*l, "abcdef");
  held_point decided{"truncate.decided"};
  std::thread cuts{[&] { static_cast<void>(l->truncate_after({3})); }};
  decided.wait_until_reached();
  std::thread saves{[&] { static_cast<void>(l->checkpoint()); }};
  // It waits, and nothing tells that it does; one that does not is done long before.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{50};
  while (saved == 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  decided.release();
  cuts.join();
  saves.join();
  CHECK(saved == 3);
  CHECK(l->checkpointed_sequence() == sequence{3});
  REQUIRE(l->close().has_value());
}

TEST_CASE("what was saved before a truncation does not count for what comes in its place", "[truncate][checkpoint][G6]") {
  const temp_dir dir;
  std::string saved;
  std::atomic<int> calls = 0;
  std::atomic<bool> goes_on = false;
  log_options options{.segment_bytes = 64 * 1024};
  options.checkpoint = {.save =
                            [&](const checkpoint_request& r) {
                              saved.clear();
                              for (auto next = r.records.next(); next && *next; next = r.records.next())
                                saved += (*next)->text();
                              if (++calls == 1) goes_on.wait(false);
                              return true;
                            },
                        .after_bytes = 0};
  auto l = log::open(dir.path(), options);
  REQUIRE(l.has_value());
  append_all(*l, "abcdef");
  std::thread saves{[&] { static_cast<void>(l->checkpoint()); }};
  while (calls == 0) std::this_thread::yield();
  // All of it has been read; only now the log is cut, and grows to the same length.
  CHECK(l->truncate_after({3}).has_value());
  append_all(*l, "XYZ");
  goes_on = true;
  goes_on.notify_all();
  saves.join();
  CHECK(calls == 2);
  CHECK(saved == "abcXYZ");
  CHECK(l->checkpointed_sequence() == sequence{6});
  REQUIRE(l->close().has_value());
}

TEST_CASE("what was archived before a truncation does not count for what comes in its place", "[truncate][archive][G6]") {
  const temp_dir dir;
  std::atomic<std::uint64_t> ends = 0;
  std::atomic<int> calls = 0;
  std::atomic<bool> goes_on = false;
  log_options options{.segment_bytes = 64 * 1024};
  options.archive.sealed = [&](const sealed_segment& s) {
    ends = s.sequences.end.value;
    if (++calls == 1) goes_on.wait(false);
    return true;
  };
  auto l = log::open(dir.path(), options);
  REQUIRE(l.has_value());
  for (int i = 0; i < 4; ++i) REQUIRE(l->append(std::string(20'000, 'x')).has_value());  // one more than a segment holds
  while (calls == 0) std::this_thread::yield();
  CHECK(ends == 4);
  // The hook has the segment in its hand; only now that is cut, and its sequences are given out again.
  CHECK(l->truncate_after({1}).has_value());
  append_all(*l, "XYZ");
  goes_on = true;
  goes_on.notify_all();
  CHECK(l->trim_before({2}).has_value());  // waits until what is left of the segment is safe
  CHECK(ends == 2);
  CHECK(l->archived_sequence() == sequence{1});
  REQUIRE(l->close().has_value());
}

TEST_CASE("what is sealed and being cut is not archived in the middle of a truncation", "[truncate][archive]") {
  const temp_dir dir;
  std::atomic<std::uint64_t> archived = 0;
  std::atomic<bool> may = false;
  log_options options{.segment_bytes = 64 * 1024};
  options.archive.sealed = [&](const sealed_segment& s) {
    if (!may) return false;
    archived = s.sequences.end.value - 1;
    return true;
  };
  auto l = log::open(dir.path(), options);
  REQUIRE(l.has_value());
  for (int i = 0; i < 10; ++i) REQUIRE(l->append(std::string(20'000, 'x')).has_value());  // three segments, and one record
  CHECK(l->trim_before({4}).error().code() == errc::cancelled);
  held_point decided{"truncate.decided"};
  std::thread cuts{[&] { static_cast<void>(l->truncate_after({4})); }};
  decided.wait_until_reached();
  may = true;
  std::thread trims{[&] { static_cast<void>(l->trim_before({4})); }};  // asks for it
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{50};
  while (archived < 5 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  decided.release();
  cuts.join();
  trims.join();
  CHECK(archived <= 4);
  CHECK(l->archived_sequence() <= sequence{4});
  REQUIRE(l->close().has_value());
}

}  // namespace varve::testing
