// SPDX-License-Identifier: MIT
//
// The durable mark comes to the disk soon after it moved, and so a power loss leaves one that is young: what rots below it
// is damage, not a torn end.
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include <varve/varve.hpp>

#include "format/live.hpp"
#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;
using memory_os::call;

constexpr const char* directory = "log";
const std::string segment_file = "log/00000000000000000001.seg", live = "log/varve.live";

log open_with(std::chrono::milliseconds interval, const durability& policy = none(), std::uint64_t segment_bytes = 65'536) {
  auto opened = log::open(directory, {.segment_bytes = segment_bytes, .durability = policy, .mark_interval = interval});
  REQUIRE(opened);
  return std::move(*opened);
}

/// The best mark that a power loss would leave at this moment; 0: none.
std::uint64_t mark_on_disk() {
  std::uint64_t best = 0;
  const auto bytes = memory_os::durable_contents(live);
  for (const std::uint64_t offset : format::mark_slot_offset) {
    format::sector s;
    std::copy_n(bytes.data() + offset, s.size(), s.data());
    if (const auto m = format::decode<format::mark>(s)) best = std::max(best, m->sequence);
  }
  return best;
}

template <class Condition>
bool comes_true(Condition c) {
  for (const auto until = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < until;
       std::this_thread::yield())
    if (c()) return true;
  return c();
}

std::uint64_t syncs_of_mark() {
  std::uint64_t count = 0;
  for (const auto& e : memory_os::events()) count += e.what == call::sync_range && e.name == "varve.live" ? 1 : 0;
  return count;
}

/// Damage to a record that was durable before the power went; what open() makes of it.
result<log> rot_after_power_loss() {
  memory_os::power_loss(1, {.bytes = memory_os::fate::lost, .entries = memory_os::fate::kept});
  auto bytes = memory_os::contents(segment_file);
  std::byte rotten = bytes.at(4096 + 5 * 48 + 30) ^ std::byte{1};
  memory_os::overwrite(segment_file, 4096 + 5 * 48 + 30, {&rotten, 1});
  return log::open(directory);
}

void append_some(log& l, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(l.append("acknowledged as durable"));
}

}  // namespace

TEST_CASE("a durable record that rots after a power loss is damage, for the mark had come to the disk",
          "[power][mark][durability][G4][G6]") {
  const auto policy = GENERATE(none(), immediate(), periodic(1ms));
  memory_os::reset();
  {
    auto l = open_with(1ms, policy);
    append_some(l, 100);
    REQUIRE(l.sync());
    CHECK(comes_true([] { return mark_on_disk() == 100; }));
    CHECK(comes_true([&] { return l.stats().mark_syncs != 0; }));
    CHECK(!l.mark_failure());
    const auto opened = rot_after_power_loss();
    REQUIRE(!opened);
    CHECK(opened.error().code() == errc::damaged);
    CHECK(opened.error().first_sequence() == 6);
  }
  memory_os::reset();
}

TEST_CASE("without a mark on the disk the same rot passes for a torn end", "[power][mark]") {
  memory_os::reset();
  {
    auto l = open_with(0ms);
    append_some(l, 100);
    REQUIRE(l.sync());
    CHECK(mark_on_disk() == 0);
    CHECK(l.stats().mark_syncs == 0);
    const auto opened = rot_after_power_loss();
    REQUIRE(opened);
    CHECK(opened->published_sequence().value == 5);
  }
  memory_os::reset();
}

TEST_CASE("each time the mark moves it comes to the disk, also by seals alone, and no records with it",
          "[power][mark][durability][G4]") {
  memory_os::reset();
  {
    auto l = open_with(1ms);
    for (int i = 1; i <= 50; ++i) {
      append_some(l, 2);
      const auto durable = l.sync();
      REQUIRE(durable);
      append_some(l, 1);  // under none() nobody syncs it
      CHECK(comes_true([&] { return mark_on_disk() == durable->value; }));
      CHECK(l.durable_sequence() == *durable);
    }
    while (l.stats().rolls == 0) REQUIRE(l.append(std::string(9'000, 'x')));
    const auto sealed = comes_true([&] { return l.durable_sequence().value > 150 && mark_on_disk() > 150; });
    CHECK(sealed);
    memory_os::process_death();
  }
  memory_os::reset();
}

TEST_CASE("while the mark stands still nothing is synced", "[power][mark][durability]") {
  memory_os::reset();
  {
    auto l = open_with(1ms);
    append_some(l, 10);
    memory_os::record(true);
    for (std::uint64_t i = 1; i <= 5; ++i) {
      REQUIRE(l.append("moves it"));
      REQUIRE(l.sync());
      CHECK(comes_true([&] { return l.stats().mark_syncs == i; }));
      append_some(l, 100);
      static_cast<void>(l.published_sequence());
      REQUIRE(l.sync({1}));  // durable already
    }
    CHECK(l.close());  // the thread has ended
    CHECK(syncs_of_mark() == 5);
    memory_os::record(false);
  }
  memory_os::reset();
}

TEST_CASE("the mark is synced once 64 MiB were synced, however long the interval is", "[power][mark][durability]") {
  constexpr std::uint64_t mib = std::uint64_t{1} << 20;
  memory_os::reset();
  {
    auto l = open_with(24h, none(), 16 * mib);
    const std::string payload(mib, 'x');
    memory_os::record(true);
    std::uint64_t appended = 0;
    for (; appended < 60; ++appended) {
      REQUIRE(l.append(payload));
      REQUIRE(l.sync());
    }
    CHECK(l.stats().mark_syncs == 0);
    for (; appended < 66; ++appended) {
      REQUIRE(l.append(payload));
      REQUIRE(l.sync());
    }
    CHECK(comes_true([&] { return l.stats().mark_syncs == 1; }));
    CHECK(mark_on_disk() >= 63);
    CHECK(l.close());
    CHECK(syncs_of_mark() == 1);
    memory_os::record(false);
  }
  memory_os::reset();
}

TEST_CASE("a mark that cannot be synced is told, and tried again; the log goes on", "[power][mark][durability][G2]") {
  memory_os::reset();
  {
    auto l = open_with(1ms);
    memory_os::fail({.calls = call::sync_range, .number = EIO, .nth = 1, .for_ever = true, .name = "varve.live"});
    append_some(l, 10);
    REQUIRE(l.sync());
    CHECK(comes_true([&] { return l.mark_failure().has_value(); }));
    const auto failure = l.mark_failure();
    REQUIRE(failure);
    CHECK(failure->code() == errc::io);
    CHECK(failure->os_errno() == EIO);
    CHECK(!l.failure());
    CHECK(l.durable_sequence().value == 10);
    append_some(l, 10);
    CHECK(l.sync()->value == 20);
    const auto tried = l.stats().mark_syncs;
    CHECK(comes_true([&] { return l.stats().mark_syncs > tried + 2; }));  // also while it stands still
    CHECK(l.mark_failure());
    memory_os::heal();
    CHECK(comes_true([&] { return !l.mark_failure(); }));
    append_some(l, 1);
    REQUIRE(l.sync());
    CHECK(comes_true([] { return mark_on_disk() == 21; }));
    CHECK(l.close());
  }
  memory_os::reset();
}

}  // namespace varve::testing
