// SPDX-License-Identifier: MIT
//
// Every call to the operating system fails once, and for ever, in turn.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "os/point.hpp"
#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace {

using namespace varve;
namespace memory_os = varve::testing::memory_os;
using memory_os::call;

constexpr const char* directory = "log";

std::string payload(std::uint64_t i) { return "record " + std::to_string(i) + std::string(i % 5 * 900, 'x'); }

struct promised {
  std::uint64_t returned = 0, durable = 0;
};

/// Opens, appends over a roll, syncs, closes; stops at the first error.
void use_log(promised& so_far) {
  auto opened = log::open(directory, {.segment_bytes = 64 * 1024, .prepared_segments = 1});
  if (!opened) return;
  for (std::uint64_t i = 1; i <= 60; ++i) {
    const auto done = opened->append(payload(so_far.returned + 1), {.durability = i % 20 == 0 ? immediate() : none()});
    if (!done) break;
    REQUIRE(done->value == so_far.returned + 1);
    ++so_far.returned;
    if (i % 20 == 0) so_far.durable = so_far.returned;
    if (i == 30) {
      const auto synced = opened->sync();
      if (synced) so_far.durable = synced->value;
    }
  }
  if (opened->close()) so_far.durable = so_far.returned;
}

void check(const promised& p, bool power_lost) {
  auto opened = log::open(directory, {.segment_bytes = 64 * 1024});  // it may not have been made yet
  INFO((opened ? std::string{} : opened.error().message()));
  if (!opened) {
    // The failed call may have kept the log from coming to be.
    REQUIRE(p.returned == 0);
    REQUIRE(opened.error().code() != errc::damaged);
    return;
  }
  const std::uint64_t published = opened->published_sequence().value;
  REQUIRE(published >= (power_lost ? p.durable : p.returned));
  std::uint64_t at = 0;
  for (const auto& r : opened->records()) {
    INFO((r ? std::string{} : r.error().message()));
    REQUIRE(r);
    REQUIRE(r->sequence().value == ++at);
    REQUIRE(r->text() == payload(at));
  }
  REQUIRE(at == published);
  REQUIRE(opened->append("and more"));
  REQUIRE(opened->close());
}

void sweep(int number, bool for_ever, bool in_second_life) {
  for (std::uint64_t nth = 1;; ++nth) {
    INFO("call " << nth << " fails with errno " << number << (for_ever ? " for ever" : " once")
                 << (in_second_life ? ", in the second life" : ""));
    memory_os::reset();
    memory_os::seed_random(nth);
    promised p;
    if (in_second_life) {
      use_log(p);
      p.durable = p.returned;
    }
    const std::uint64_t before = memory_os::count();
    memory_os::fail({.number = number, .nth = nth, .for_ever = for_ever});
    use_log(p);
    const bool was_reached = memory_os::count() - before >= nth;
    memory_os::heal();
    const auto image = memory_os::snapshot();
    memory_os::process_death();
    check(p, false);
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      memory_os::restore(image);
      memory_os::power_loss(seed);
      check(p, true);
    }
    if (!was_reached) break;
  }
  memory_os::reset();
}

struct trimmed_life {
  std::uint64_t returned = 0, durable = 0;
  std::uint64_t first = 1;          // since a trim said so
  std::uint64_t perhaps_first = 1;  // since a trim failed
  std::uint64_t recycled = 0;
};

std::string large(std::uint64_t i) { return payload(i) + std::string(9'000, static_cast<char>('a' + i % 26)); }

/// Opens, appends over many rolls and trims what lies far behind, closes; stops at the first append that fails.
void use_and_trim(trimmed_life& so_far) {
  auto opened = log::open(directory, {.segment_bytes = 64 * 1024, .prepared_segments = 1, .spare_segments = 2});
  if (!opened) return;
  so_far.first = opened->first_sequence().value;
  so_far.perhaps_first = so_far.first;
  for (std::uint64_t i = 1; i <= 60; ++i) {
    const auto done = opened->append(large(so_far.returned + 1));
    if (!done) break;
    REQUIRE(done->value == so_far.returned + 1);
    ++so_far.returned;
    if (i % 12 != 0) continue;
    const std::uint64_t target = so_far.returned - 3;
    const auto trimmed = opened->trim_before({target});
    const std::uint64_t first = opened->first_sequence().value;
    REQUIRE((first == target || (first == so_far.first && !trimmed)));
    if (first != target) {
      so_far.perhaps_first = target;
      continue;
    }
    so_far.first = so_far.perhaps_first = target;
    so_far.durable = std::max(so_far.durable, target - 1);
  }
  so_far.recycled += opened->stats().recycled;
  if (opened->close()) {
    so_far.durable = so_far.returned;
    so_far.perhaps_first = so_far.first;
  }
}

void check(const trimmed_life& p, bool power_lost) {
  auto opened = log::open(directory, {.segment_bytes = 64 * 1024});
  INFO((opened ? std::string{} : opened.error().message()));
  if (!opened) {
    REQUIRE(p.returned == 0);
    REQUIRE(opened.error().code() != errc::damaged);
    return;
  }
  const std::uint64_t published = opened->published_sequence().value, first = opened->first_sequence().value;
  INFO("first " << first << ", was " << p.first << " or " << p.perhaps_first);
  REQUIRE((first == p.first || first == p.perhaps_first));
  REQUIRE(published >= (power_lost ? p.durable : p.returned));
  std::uint64_t at = first - 1;
  for (const auto& r : opened->records()) {
    INFO((r ? std::string{} : r.error().message()));
    REQUIRE(r);
    REQUIRE(r->sequence().value == ++at);
    REQUIRE(r->text() == large(at));
  }
  REQUIRE(at == published);
  if (first > 1) REQUIRE(opened->read({first - 1}).error().code() == errc::trimmed);
  REQUIRE(opened->append("and more"));
  REQUIRE(opened->trim_before({published + 1}));
  REQUIRE(opened->read({published + 1})->text() == "and more");
  REQUIRE(opened->close());
}

std::uint64_t sweep_trims(int number, bool for_ever) {
  std::uint64_t recycled = 0;
  for (std::uint64_t nth = 1;; ++nth) {
    INFO("call " << nth << " fails with errno " << number << (for_ever ? " for ever" : " once"));
    memory_os::reset();
    memory_os::seed_random(nth);
    trimmed_life p;
    const std::uint64_t before = memory_os::count();
    memory_os::fail({.number = number, .nth = nth, .for_ever = for_ever});
    use_and_trim(p);
    const bool was_reached = memory_os::count() - before >= nth;
    recycled += p.recycled;
    memory_os::heal();
    const auto image = memory_os::snapshot();
    memory_os::process_death();
    check(p, false);
    for (std::uint64_t seed = 0; seed < 2; ++seed) {
      memory_os::restore(image);
      memory_os::power_loss(seed);
      check(p, true);
    }
    if (!was_reached) break;
  }
  memory_os::reset();
  return recycled;
}

}  // namespace

TEST_CASE("whichever call fails, what was not trimmed is there, and a trim holds or says that it does not",
          "[power][trim][G1][G2][G5][G6][G7]") {
  std::uint64_t recycled = 0;
  for (const int number : {EIO, ENOSPC})
    for (const bool for_ever : {false, true}) recycled += sweep_trims(number, for_ever);
  CHECK(recycled > 0);
}

TEST_CASE("whichever call fails, nothing that was promised is lost", "[power][G1][G2][G5][G7]") {
  for (const int number : {EIO, ENOSPC, ENOMEM, EMFILE})
    for (const bool for_ever : {false, true})
      for (const bool in_second_life : {false, true}) sweep(number, for_ever, in_second_life);
}

TEST_CASE("after one failed msync of record bytes every append and sync fails, though later ones would succeed",
          "[power][G2]") {
  memory_os::reset();
  auto opened = log::open(directory, {.segment_bytes = 64 * 1024});
  REQUIRE(opened);
  REQUIRE(opened->append("durable"));
  REQUIRE(opened->sync());
  REQUIRE(opened->append("not durable"));
  memory_os::fail({.calls = call::sync_range, .number = EIO, .nth = 1, .name = ".seg"});
  const auto failed = opened->sync();
  REQUIRE(!failed);
  CHECK(failed.error().code() == errc::sync_failed);
  CHECK(failed.error().os_errno() == EIO);
  CHECK(failed.error().first_sequence() == 2);
  const std::uint64_t msyncs = memory_os::count(call::sync_range);
  for (int i = 0; i < 3; ++i) {
    CHECK(opened->append("later").error().code() == errc::sync_failed);
    CHECK(opened->append("later", {.durability = immediate()}).error().code() == errc::sync_failed);
    CHECK(opened->sync().error().code() == errc::sync_failed);
    CHECK(opened->sync({1}).error().code() == errc::sync_failed);
  }
  CHECK(memory_os::count(call::sync_range) == msyncs);  // a retry is never an answer
  CHECK(opened->durable_sequence().value == 1);
  REQUIRE(opened->failure());
  CHECK(opened->read({2})->text() == "not durable");  // reading goes on
  CHECK(opened->close().error().code() == errc::sync_failed);
}

TEST_CASE("when the device fails while appends wait for the sealer, all of them get an answer, and so does close",
          "[power][G2][G7]") {
  memory_os::reset();
  auto opened = log::open(directory, {.segment_bytes = 64 * 1024, .prepared_segments = 1});
  REQUIRE(opened);
  static std::atomic<bool> reached, released;
  reached = released = false;
  testing::on_point.store([](const char* name) noexcept {
    if (std::string_view{name} != "seal.before_store" || released) return;
    reached = true;
    while (!released) std::this_thread::yield();
  });
  result<sequence> done = sequence{};
  std::thread appending{[&] {
    const std::string whole(format::payload_bytes_max(64 * 1024), 'x');
    while ((done = opened->append(whole))) {
    }
  }};
  while (!reached) std::this_thread::yield();
  // Until as many segments have ended as may wait to be sealed, and the next append waits for one of them.
  for (std::uint64_t before = 0, now = 1; before != now; now = opened->stats().rolls) {
    before = now;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  memory_os::fail({.calls = call::sync_range, .number = EIO, .nth = 1, .name = ".seg"});
  released = true;
  appending.join();
  testing::on_point.store(nullptr);
  CHECK(done.error().code() == errc::sync_failed);
  CHECK(opened->close().error().code() == errc::sync_failed);
}

TEST_CASE("close waits for an append under way also after a failure", "[power][G1][G3][G7]") {
  memory_os::reset();
  auto opened = log::open(directory, {.segment_bytes = 64 * 1024});
  REQUIRE(opened);
  REQUIRE(opened->append("first"));
  static std::atomic<bool> reached, released;
  reached = released = false;
  testing::on_point.store([](const char* name) noexcept {
    if (std::string_view{name} != "publish.before_stamp" || reached.exchange(true)) return;
    while (!released) std::this_thread::yield();
  });
  std::atomic<bool> is_closed = false;
  std::uint64_t stalled = 0;
  std::thread appending{[&] { stalled = opened->append("stalled").value_or(sequence{}).value; }};
  while (!reached) std::this_thread::yield();
  memory_os::fail({.calls = call::sync_range, .number = EIO, .nth = 1, .name = ".seg"});
  CHECK(opened->sync({1}).error().code() == errc::sync_failed);
  std::thread closing{[&] {
    static_cast<void>(opened->close());
    is_closed = true;
  }};
  for (int i = 0; i < 50; ++i) {
    if (is_closed) break;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  CHECK(!is_closed);  // or the next opening would take the stalled append for dead
  released = true;
  appending.join();
  closing.join();
  testing::on_point.store(nullptr);
  CHECK(stalled == 2);
  const auto again = log::open(directory);
  REQUIRE(again);
  CHECK(again->read({2})->text() == "stalled");
}

TEST_CASE("a failure that the sealer meets is latched, and reaches the next append", "[power][G2]") {
  memory_os::reset();
  auto opened = log::open(directory, {.segment_bytes = 64 * 1024});
  REQUIRE(opened);
  memory_os::fail({.calls = call::sync_range, .number = EIO, .nth = 1, .name = ".seg"});
  const std::string text(20'000, 'x');
  result<sequence> done = sequence{};
  while ((done = opened->append(text))) {  // rolls, and so wakes the sealer; the latch ends it
  }
  CHECK(done.error().code() == errc::sync_failed);
  CHECK(opened->failure()->code() == errc::sync_failed);
}

TEST_CASE("when the disk is full all that wait for a segment are told so, and appends go on when there is room",
          "[power][G7]") {
  memory_os::reset();
  auto opened = log::open(directory, {.segment_bytes = 64 * 1024, .prepared_segments = 1});
  REQUIRE(opened);
  memory_os::limit_disk(memory_os::disk_bytes_used() + 3 * 64 * 1024);
  std::atomic<std::uint64_t> appended{0}, refused{0};
  const std::string text(5'000, 'x');
  const auto fill = [&] {
    for (;;) {
      const auto done = opened->append(text);
      if (!done) {
        if (done.error().code() == errc::no_space) ++refused;
        return;
      }
      ++appended;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(fill);
  for (auto& t : threads) t.join();
  CHECK(refused == 4);
  CHECK(!opened->failure());
  CHECK(opened->published_sequence().value == appended);
  std::uint64_t read = 0;
  for (const auto& r : opened->records()) {
    REQUIRE(r);
    ++read;
  }
  CHECK(read == appended);
  CHECK(opened->append(text).error().code() == errc::no_space);
  memory_os::limit_disk(memory_os::no_limit);
  const auto again = opened->append(text);
  REQUIRE(again);
  CHECK(again->value == appended + 1);
  CHECK(opened->close());
}

TEST_CASE("a log opens on a full disk, and appends answer no_space until there is room", "[power][G7]") {
  memory_os::reset();
  {
    auto opened = log::open(directory, {.segment_bytes = 64 * 1024});
    REQUIRE(opened);
    REQUIRE(opened->append("before"));
    memory_os::process_death();
  }
  memory_os::limit_disk(0);
  auto opened = log::open(directory);
  REQUIRE(opened);
  CHECK(opened->read({1})->text() == "before");
  CHECK(opened->append("now").error().code() == errc::no_space);
  memory_os::limit_disk(memory_os::no_limit);
  const auto done = opened->append("now");
  REQUIRE(done);
  CHECK(done->value == 2);
  CHECK(opened->close());
  auto again = log::open(directory);
  REQUIRE(again);
  CHECK(again->published_sequence().value == 2);
}

TEST_CASE("a network or user-space file system is refused unless an option says otherwise", "[power][G7]") {
  memory_os::reset();
  for (const auto kind : {os::file_system_kind::network, os::file_system_kind::user_space}) {
    memory_os::set_file_system(kind);
    CHECK(log::open(directory).error().code() == errc::unsupported_file_system);
    CHECK(log::open(directory, {.allow_any_file_system = true}));
  }
}
