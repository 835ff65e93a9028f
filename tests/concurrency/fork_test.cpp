// SPDX-License-Identifier: MIT
//
// A forked child has copies of everything but the threads. The log stays with the parent.
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "concurrency/order_check.hpp"
#include "concurrency/workload.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve::testing;
using varve::errc;

constexpr workload shape{.size_usual = 200, .batches = true};

template <class T>
bool is(const varve::result<T>& r, errc code) {
  return !r && r.error().code() == code;
}

/// Exit codes: 0 if all is as promised, otherwise which call was not.
int try_everything(std::optional<varve::log>& log, varve::reader& held) {
  const std::string_view text = "from a child";
  const std::string_view batch[] = {"one", "two"};
  const auto bytes = std::as_bytes(std::span{text});
  const std::span<const std::byte> pieces[] = {bytes, bytes};
  if (!is(log->append(text), errc::forked)) return 1;
  if (!is(log->append(bytes, {.durability = varve::immediate()}), errc::forked)) return 2;
  if (!is(log->append_pieces(pieces), errc::forked)) return 3;
  if (!is(log->append_batch(batch), errc::forked)) return 4;
  if (!is(log->append_batch(pieces), errc::forked)) return 5;
  if (!is(log->sync(), errc::forked)) return 6;
  if (!is(log->sync({1}), errc::forked)) return 7;
  if (!is(log->read({1}), errc::forked)) return 8;
  if (!is(log->reader(), errc::forked)) return 9;
  if (!is(held.next(), errc::forked)) return 10;
  if (!is(held.seek({1}), errc::forked)) return 11;
  int elements = 0;
  for (const auto& r : log->records()) {
    if (!is(r, errc::forked)) return 12;
    ++elements;
  }
  if (elements != 1) return 13;
  if (!is(log->close(), errc::forked)) return 14;
  log.reset();  // the destructor
  return 0;
}

}  // namespace

TEST_CASE("in a forked child every call answers `forked`, its destructor is harmless, and the parent goes on",
          "[stress][G1][G7]") {
  const temp_dir dir;
  std::optional<varve::log> log;
  {
    auto opened = varve::log::open(dir.path(), {.segment_bytes = std::uint64_t{64} << 10});
    REQUIRE(opened.has_value());
    log.emplace(std::move(*opened));
  }
  writer_of w{shape, 0};
  const auto append_some = [&] {
    for (int i = 0; i < 300; ++i)
      if (!w.append_next(*log)) return false;
    return true;
  };
  REQUIRE(append_some());
  auto held = log->reader();
  REQUIRE(held.has_value());
  for (int round = 0; round < 3; ++round) {
    child_process child{[&] { return try_everything(log, *held); }};
    REQUIRE(append_some());
    REQUIRE(log->sync().has_value());
    child.wait();
    INFO("status " << child.status());
    REQUIRE(child.exited_with(0));
    REQUIRE(append_some());
  }
  CHECK(check_whole_log(*log, shape, {w.counter()}) == "");
  REQUIRE(log->close().has_value());
  log.reset();
  const auto again = varve::log::open(dir.path());
  REQUIRE(again.has_value());
  CHECK(again->recovery().clean);
  CHECK(check_whole_log(*again, shape, {w.counter()}) == "");
}

TEST_CASE("a forked child can open a view of its own, and no second writer", "[stress][G7]") {
  const temp_dir dir;
  auto log = varve::log::open(dir.path(), {.segment_bytes = std::uint64_t{64} << 10});
  REQUIRE(log.has_value());
  writer_of w{shape, 0};
  for (int i = 0; i < 300; ++i) REQUIRE(w.append_next(*log).has_value());
  child_process child{[&] {
    const auto view = varve::log_view::open(dir.path());
    if (!view) return 1;
    if (!check_whole_log(*view, shape, {w.counter()}).empty()) return 2;
    return is(varve::log::open(dir.path()), errc::locked) ? 0 : 3;
  }};
  child.wait();
  INFO("status " << child.status());
  CHECK(child.exited_with(0));
  REQUIRE(w.append_next(*log).has_value());
  CHECK(check_whole_log(*log, shape, {w.counter()}) == "");
}

// The child may find any lock taken by a thread that it does not have. So a call must see that it was forked before it takes
// one.
TEST_CASE("forks beside appends, readers and syncs leave children that are told, and no one hangs", "[stress][G7]") {
  const temp_dir dir;
  std::optional<varve::log> log;
  {
    auto opened = varve::log::open(dir.path(), {.segment_bytes = std::uint64_t{64} << 10});
    REQUIRE(opened.has_value());
    log.emplace(std::move(*opened));
  }
  auto held = log->reader();
  REQUIRE(held.has_value());
  std::atomic<bool> done = false;
  complaints wrong;
  std::vector<writer_of> all{{shape, 0}, {shape, 1}};
  std::vector<std::thread> threads;
  for (auto& w : all)
    threads.emplace_back([&] {
      while (!done)
        if (const auto s = w.append_next(*log); !s) return wrong.add("append: " + s.error().message());
    });
  threads.emplace_back([&] {
    while (!done) static_cast<void>(log->published_sequence());
  });
  threads.emplace_back([&] {
    while (!done)
      if (const auto s = log->sync(); !s) return wrong.add("sync: " + s.error().message());
  });
  const stress_clock clock{2};
  for (int forks = 0; forks < 20 || !clock.is_over(); ++forks) {
    child_process child{[&] { return try_everything(log, *held); }};
    const bool ended = child.wait_for(std::chrono::seconds{20});
    child.end();
    if (ended && child.exited_with(0)) continue;
    wrong.add(ended ? "a child: status " + std::to_string(child.status()) : std::string{"a child hangs"});
    break;
  }
  done = true;
  for (auto& t : threads) t.join();
  CHECK(wrong.text() == "");
  CHECK(check_whole_log(*log, shape, {all[0].counter(), all[1].counter()}) == "");
}
