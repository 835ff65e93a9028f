// SPDX-License-Identifier: MIT
//
// An archiver at every call of which the world ends, or the call fails: what it has said is safe is there, nothing half is
// taken for whole, and the next one goes on.
#include <cerrno>
#include <string>
#include <vector>

#include <varve/archiver.hpp>
#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace {

using namespace varve;
namespace memory_os = varve::testing::memory_os;
using memory_os::call;

std::string payload(std::uint64_t i) { return "record " + std::to_string(i) + std::string(3000, 'x'); }

constexpr std::uint64_t records = 70;

/// A closed log, and its sealed segments.
std::vector<sealed_segment> make_log() {
  memory_os::reset();
  auto l = log::open("log", {.segment_bytes = 64 * 1024, .prepared_segments = 1});
  REQUIRE(l);
  for (std::uint64_t i = 1; i <= records; ++i) REQUIRE(l->append(payload(i)));
  const auto plan = l->plan_retention({});
  REQUIRE(plan);
  REQUIRE(l->close());
  std::vector<sealed_segment> sealed;
  for (std::size_t i = 0; i + 1 < plan->size(); ++i)
    sealed.push_back({.number = (*plan)[i].segment, .directory = "log", .path = {}, .sequences = (*plan)[i].sequences});
  return sealed;
}

/// Until the first refusal. Returns the sequence behind what was said to be safe.
std::uint64_t archive(const std::vector<sealed_segment>& sealed, int level) {
  const auto a = archiver::open("archive", {.compression_level = level});
  std::uint64_t end = 1;
  if (!a) return end;
  for (const auto& s : sealed) {
    if (!a->hooks().sealed(s)) {
      REQUIRE(a->failure());
      REQUIRE(a->failure()->code() != errc::bug);
      return end;
    }
    end = s.sequences.end.value;
  }
  return end;
}

/// Returns the sequence behind what the archive holds, all of which is as it should be; 1 if there is none yet.
std::uint64_t check_archive(const char* to = "expanded") {
  const auto there = expand_archive("archive", to);
  if (!there) {
    INFO(there.error().message());
    REQUIRE(there.error().code() == errc::not_found);
    return 1;
  }
  const auto report = verify(to);
  REQUIRE(report);
  REQUIRE(report->findings.empty());
  REQUIRE(report->clean);
  const auto v = log_view::open(to);
  REQUIRE(v);
  REQUIRE(v->published_sequence().value + 1 == there->end.value);
  for (std::uint64_t i = 1; i < there->end.value; ++i) REQUIRE(v->read({i})->text() == payload(i));
  return there->end.value;
}

}  // namespace

TEST_CASE("the power fails at any call of an archiver: what it had said is safe is there", "[power][archive][G5]") {
  const auto sealed = make_log();
  REQUIRE(sealed.size() == 3);
  const std::uint64_t whole = sealed.back().sequences.end.value;
  const auto before = memory_os::snapshot();
  for (const int level : {0, 1})
    for (std::uint64_t nth = 1;; ++nth) {
      memory_os::restore(before);
      memory_os::seed_random(nth);
      memory_os::crash_at_call(nth, memory_os::changing_calls);
      const std::uint64_t safe = archive(sealed, level);
      const bool crashed = memory_os::crashed();
      for (const auto fate : {memory_os::fate::lost, memory_os::fate::random, memory_os::fate::kept}) {
        const auto at = memory_os::snapshot();
        memory_os::power_loss(nth, {.bytes = fate, .entries = fate});
        INFO("call " << nth << ", level " << level << ", fate " << static_cast<int>(fate) << ", safe " << safe);
        REQUIRE(check_archive() >= safe);
        REQUIRE(archive(sealed, level) == whole);
        memory_os::power_loss(nth, {.bytes = memory_os::fate::lost, .entries = memory_os::fate::lost});
        REQUIRE(check_archive("again") == whole);
        memory_os::restore(at);
      }
      if (!crashed) break;
    }
  memory_os::reset();
}

TEST_CASE("any call of an archiver fails: it answers no and says why, and goes on afterwards", "[power][archive][G7]") {
  const auto sealed = make_log();
  const std::uint64_t whole = sealed.back().sequences.end.value;
  const auto before = memory_os::snapshot();
  std::uint64_t refused = 0;
  for (const int level : {0, 1})
    for (const int number : {EIO, ENOSPC, ENOMEM})
      for (std::uint64_t nth = 1;; ++nth) {
        memory_os::restore(before);
        memory_os::seed_random(nth);
        const auto counted = memory_os::count();
        memory_os::fail({.number = number, .nth = nth});
        const std::uint64_t safe = archive(sealed, level);
        const bool is_over = memory_os::count() - counted < nth;
        memory_os::heal();
        INFO("call " << nth << ", errno " << number << ", level " << level);
        if (safe < whole) ++refused;
        REQUIRE(archive(sealed, level) == whole);
        REQUIRE(check_archive() == whole);
        if (is_over) break;
      }
  CHECK(refused > 100);
  memory_os::reset();
}

TEST_CASE("a full disk under an archive: the segment is refused until there is room", "[power][archive][G7]") {
  const auto sealed = make_log();
  const auto a = archiver::open("archive");
  REQUIRE(a);
  REQUIRE(a->hooks().sealed(sealed[0]));
  memory_os::limit_disk(memory_os::disk_bytes_used() + 20'000);
  CHECK(!a->hooks().sealed(sealed[1]));
  REQUIRE(a->failure());
  CHECK(a->failure()->code() == errc::no_space);
  memory_os::limit_disk(memory_os::no_limit);
  CHECK(check_archive() == sealed[0].sequences.end.value);
  CHECK(a->hooks().sealed(sealed[1]));
  memory_os::reset();
}
