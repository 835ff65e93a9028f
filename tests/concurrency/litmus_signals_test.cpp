// SPDX-License-Identifier: MIT
//
// Litmus tests of the pairs by which threads and processes wake and warn each other. Where one side sleeps, a lost signal is
// a thread that never comes back: a watchdog ends the test then.
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "chain/segment_table.hpp"
#include "chain/wake_page.hpp"
#include "concurrency/workload.hpp"
#include "store/log_place.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "writer/state/events.hpp"
#include "writer/state/failure_latch.hpp"
#include "writer/state/gate.hpp"

namespace {

using namespace varve;
using namespace varve::testing;
using namespace std::chrono_literals;

/// Ends the process if it is not told in time that all is well.
class watchdog {
 public:
  explicit watchdog(const char* what)
      : thread_([this, what] {
          for (int i = 0; i < 1200 && !well_; ++i) std::this_thread::sleep_for(100ms);
          if (well_) return;
          static_cast<void>(std::fprintf(stderr, "a signal was lost: %s\n", what));
          ::_exit(1);
        }) {}
  ~watchdog() {
    well_ = true;
    thread_.join();
  }
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

 private:
  std::atomic<bool> well_ = false;
  std::thread thread_;
};

constexpr auto for_ever = os::deadline::max();
constexpr std::chrono::milliseconds never_by_itself = 24h;

}  // namespace

// Allowed: the waiter sees the stamp. The publisher sees the announcement, and wakes.
// Forbidden: neither; then the waiter sleeps for ever. (It does within seconds if the membarrier is left out.)
TEST_CASE("awaited:A / awaited:B, wake:A / wake:B - nobody sleeps beside a record that is there", "[litmus][wait]") {
  const temp_dir dir;
  const auto made = varve::log::open(dir.path());  // for varve.live
  REQUIRE(made.has_value());
  const auto directory = os::open_directory(dir.path().string());
  auto writer = core::wake_page::open(*directory), follower = core::wake_page::open(*directory);  // two mappings
  REQUIRE((writer && follower));
  writer->begin_publishing();
  const watchdog dog{"awaited"};
  const stress_clock clock{3};
  shared::word<std::uint64_t> stamped{0}, about_to_wait{0};
  std::atomic<bool> over = false;
  std::thread waiting{[&] {
    for (std::uint64_t next = 1; !over; ++next) {
      const auto is_there = [&] { return stamped.load(std::memory_order_acquire, "test:stamp") >= next || over; };
      about_to_wait.store(next, std::memory_order_release, "test:turn");
      while (!is_there()) follower->await(next, is_there, for_ever, never_by_itself);
    }
  }};
  std::uint64_t published = 0;
  std::vector<std::byte> far(std::size_t{256} << 20);
  for (; !clock.is_over(); ++published) {
    while (about_to_wait.load(std::memory_order_acquire, "test:turn") <= published) std::this_thread::yield();
    // Just when the other one announces, and looks; how long that takes differs from machine to machine.
    for (std::uint64_t i = published % 512; i > 0; --i) shared::keep_program_order();
    // As a frame's bytes do: what is stored first, far from any cache, keeps the stamp waiting in the processor.
    for (std::size_t i = 0; i < 40; ++i) far[(published * 40 + i) * 4160 % far.size()] = std::byte{1};
    stamped.store(published + 1, std::memory_order_release, "test:stamp");
    writer->published(published + 1, 1);
  }
  over = true;
  writer->wake_all();
  waiting.join();
  CHECK(published > 1000);
}

// Allowed: an appender is served by the sync that is about to begin, or arms the next one.
// Forbidden: neither; then its record is never synced.
TEST_CASE("armed:A / armed:B - no periodic append is left behind", "[litmus][durability][G2]") {
  const temp_dir dir;
  auto log = varve::log::open(dir.path(), {.segment_bytes = 1 << 20, .durability = periodic(1ms)});
  REQUIRE(log.has_value());
  const watchdog dog{"armed"};
  const stress_clock clock{3};
  std::uint64_t appended = 0;
  while (!clock.is_over()) {
    // One alone, at all moments of the other thread's round; nothing comes behind it that would arm once more.
    const auto s = log->append("x");
    REQUIRE(s.has_value());
    ++appended;
    if (appended % 3 != 0) continue;
    while (log->durable_sequence() < *s) std::this_thread::sleep_for(std::chrono::microseconds{50 * (appended % 29)});
  }
  CHECK(appended > 100);
}

// Allowed: the call passes, or it is refused with the failure. Forbidden: it is refused, and there is no failure to tell.
TEST_CASE("gate:A / gate:B, latch:A / latch:B - who is refused is told why", "[litmus][G2]") {
  const temp_dir dir;
  core::log_place place;
  core::segment_table table{place, core::pinning::no};
  const stress_clock clock{1};
  std::atomic<std::uint64_t> wrong = 0, rounds = 0;
  std::unique_ptr<core::gate> gate;
  std::unique_ptr<core::wake_page> wake;
  std::unique_ptr<core::frontier> frontier;
  std::unique_ptr<core::events> events;
  std::unique_ptr<core::failure_latch> latch;
  std::atomic<bool> goes_on = true;
  std::barrier together{3, [&]() noexcept {
                          goes_on = rounds < 100 || !clock.is_over();
                          ++rounds;
                          gate = std::make_unique<core::gate>();
                          if (!gate->make()) ++wrong;
                          wake = std::make_unique<core::wake_page>();
                          frontier = std::make_unique<core::frontier>(table);
                          events = std::make_unique<core::events>(core::events::parts{nullptr, *frontier, *wake});
                          latch = std::make_unique<core::failure_latch>(*gate, *wake, *events);
                        }};
  const auto asking = [&] {
    for (;;) {
      together.arrive_and_wait();
      if (!goes_on) return;
      while (gate->get() != core::gate::position::failed) std::this_thread::yield();
      const auto failed = latch->get();
      if (!failed || failed->os_errno() != EIO || failed->first_sequence() != rounds) ++wrong;
      together.arrive_and_wait();  // before the next round replaces everything
      if (!goes_on) return;
    }
  };
  std::thread one{asking}, other{asking}, failing{[&] {
    for (;;) {
      together.arrive_and_wait();
      if (!goes_on) return;
      latch->set(core::error_access::make({.code = errc::sync_failed, .os_errno = EIO, .first_sequence = rounds}));
      together.arrive_and_wait();
      if (!goes_on) return;
      latch->set(core::error_access::make({.code = errc::sync_failed, .os_errno = EIO, .first_sequence = rounds}));
    }
  }};
  one.join();
  other.join();
  failing.join();
  CHECK(wrong == 0);
}

// Allowed: the roller gets a segment that is ready to be begun. Forbidden: it waits for ever, or gets half of one.
TEST_CASE("work:A / work:B, supply:A / supply:B - whoever needs a segment gets a whole one", "[litmus][G7]") {
  const temp_dir dir;
  const watchdog dog{"supply"};
  // One segment ahead, and one record to a segment: every append waits for the preparer, who waits for the sealer.
  auto log = varve::log::open(dir.path(), {.segment_bytes = std::uint64_t{64} << 10, .prepared_segments = 1});
  REQUIRE(log.has_value());
  const stress_clock clock{3};
  complaints wrong;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      const std::string payload(40'000, 'x');
      while (!clock.is_over())
        if (const auto s = log->append(payload); !s) return wrong.add(s.error().message());
    });
  for (auto& t : threads) t.join();
  CHECK(wrong.text() == "");
  CHECK(log->stats().rolls > 10);
}
