// SPDX-License-Identifier: MIT
//
// Descriptors for event loops: readable when a mark has passed, and when it never will.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

struct open_log {
  temp_dir dir;
  log l = *log::open(dir.path(), {.segment_bytes = 64 * 1024});
};

bool readable(const event& e, int milliseconds) {
  ::pollfd p{.fd = e.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&p, 1, milliseconds) == 1 && (p.revents & POLLIN) != 0;
}
constexpr int at_last = 30'000, a_little = 20;

}  // namespace

TEST_CASE("a published event becomes readable when its record is published, and stays so", "[event]") {
  open_log o;
  auto next = *o.l.published_event({1}), later = *o.l.published_event({3});
  CHECK_FALSE(readable(next, a_little));
  append_all(o.l, "a");
  CHECK(readable(next, at_last));
  CHECK(readable(next, 0));
  CHECK_FALSE(readable(later, a_little));
  auto c = o.l.claim(1);
  append_all(o.l, "c");
  CHECK_FALSE(readable(later, a_little));  // claimed and finished, but not published
  REQUIRE(c->publish().has_value());
  CHECK(readable(later, at_last));
  CHECK(readable(*o.l.published_event({2}), 0));
}

TEST_CASE("a durable event becomes readable when a sync has passed it", "[event][G2]") {
  open_log o;
  append_all(o.l, "ab");
  auto first = *o.l.durable_event({1}), third = *o.l.durable_event({3});
  CHECK_FALSE(readable(first, a_little));
  REQUIRE(o.l.sync().has_value());
  CHECK(readable(first, 0));
  CHECK_FALSE(readable(third, a_little));
  REQUIRE(o.l.append("c", {.durability = immediate()}).has_value());
  CHECK(readable(third, 0));
  CHECK(readable(*o.l.durable_event({3}), 0));
}

TEST_CASE("whoever waits for what never comes learns it when the log is closed", "[event][close]") {
  open_log o;
  const auto published = *o.l.published_event({1}), durable = *o.l.durable_event({1});
  CHECK_FALSE(readable(published, a_little));
  REQUIRE(o.l.close().has_value());
  CHECK(readable(published, 0));
  CHECK(readable(durable, 0));
  CHECK(readable(*o.l.published_event({1}), 0));
}

TEST_CASE("an event owns its descriptor: it outlives the log, and is closed with the last of it", "[event]") {
  std::unique_ptr<event> e;
  {
    open_log o;
    e = std::make_unique<event>(*o.l.durable_event({1}));
    auto gone = o.l.durable_event({1});
  }
  const int number = e->descriptor();
  CHECK(readable(*e, 0));
  auto moved = std::make_unique<event>(std::move(*e));
  CHECK(moved->descriptor() == number);
  e.reset();
  CHECK(::fcntl(number, F_GETFD) != -1);
  moved.reset();
  CHECK(::fcntl(number, F_GETFD) == -1);
}

TEST_CASE("an event that nobody holds any more costs the appends nothing", "[event]") {
  open_log o;
  {
    const auto gone = o.l.published_event({1'000'000});
  }
  append_all(o.l, "ab");  // the watcher wakes, finds that it is gone, and announces nothing any more
  const auto awaited = [&] {
    const auto bytes = read_part(o.dir.path() / format::live_name, format::wake_page_offset, sizeof(std::uint64_t));
    return std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; });
  };
  for (int i = 0; i < 3000 && awaited(); ++i) {
    append_all(o.l, "x");
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  std::this_thread::sleep_for(std::chrono::milliseconds{100});
  CHECK_FALSE(awaited());
}

TEST_CASE("an event that nobody holds any more is not raised into somebody else's descriptor", "[event]") {
  open_log o;
  while (o.l.stats().prepared < 2) std::this_thread::yield();  // nobody else opens files meanwhile
  int number = -1;
  {
    const auto e = *o.l.durable_event({1});
    number = e.descriptor();
  }
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  CHECK((ends[0] == number || ends[1] == number));
  append_all(o.l, "a");
  REQUIRE(o.l.sync().has_value());
  char bytes[8];
  CHECK(::read(ends[0], bytes, sizeof bytes) == -1);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace varve::testing
