// SPDX-License-Identifier: MIT
//
// A view in one process follows a writer in another. What it has shown once is what is there at the end.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "base/checksum.hpp"
#include "concurrency/order_check.hpp"
#include "concurrency/workload.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/shared_memory.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve::testing;

constexpr std::uint32_t writers = 3;
constexpr workload shape{
    .size_usual = 300, .size_max = 20'000, .size_large_min = 1'000, .large_every = 100, .batches = true};
constexpr std::uint64_t records_max = std::uint64_t{1} << 20;

/// What the two processes tell each other, and what the view has shown.
struct shared_notes {
  std::atomic<std::uint64_t> last;                // the last sequence that there will be; 0 while nobody knows
  std::atomic<std::uint64_t> following;           // views that have begun
  std::atomic<std::uint64_t> reached;             // up to here the view has shown records
  std::atomic<std::uint64_t> shown[records_max];  // by sequence: the sum of the record; 0 if it was not shown
  char complaint[512];

  int fail(const std::string& what) noexcept {
    static_cast<void>(std::snprintf(complaint, sizeof complaint, "%s", what.c_str()));
    return 1;
  }
};

std::uint64_t sum_of(const varve::record& r) {
  const std::uint64_t rest = r.type() + std::uint64_t{r.epoch()} * 65536 + (r.batch_goes_on() ? std::uint64_t{1} << 52 : 0U);
  return (varve::core::sum_of_structure(r.payload()) ^ mixed(rest)) | 1U;
}

/// The log may not be there yet.
varve::result<varve::log_view> open_view(const std::filesystem::path& directory) {
  for (;;) {
    auto view = varve::log_view::open(directory);
    if (view || view.error().code() != varve::errc::not_found) return view;
    std::this_thread::yield();
  }
}

/// The child: follows until it has seen the last record.
int follow(const std::filesystem::path& directory, shared_notes& notes) {
  const auto view = open_view(directory);
  if (!view) return notes.fail("view: " + view.error().message());
  auto reader = view->reader();
  if (!reader) return notes.fail("reader: " + reader.error().message());
  notes.following = 1;
  order_check order{shape, writers, true};
  varve::sequence durable, published;
  for (;;) {
    const std::uint64_t last = notes.last;
    for (;;) {
      const auto r = reader->next();
      if (!r) return notes.fail("next: " + r.error().message());
      if (!*r) break;
      if (auto what = order.see(**r); !what.empty()) return notes.fail("following: " + what);
      notes.shown[(*r)->sequence().value] = sum_of(**r);
      notes.reached = (*r)->sequence().value;
    }
    if (auto what = order.at_end(); !what.empty()) return notes.fail(what);
    if (last != 0 && notes.reached >= last) break;
    const auto durable_now = view->durable_sequence(), published_now = view->published_sequence();
    if (durable_now < durable || published_now < published) return notes.fail("a mark went back");
    if (durable_now > view->published_sequence()) return notes.fail("more is durable than published");
    durable = durable_now;
    published = published_now;
  }
  return 0;
}

void run(std::uint64_t segment_bytes, double seconds) {
  const temp_dir dir;
  const shared_memory<shared_notes> notes;
  child_process child{[&] { return follow(dir.path() / "log", *notes); }};  // before this process has threads

  auto log = varve::log::open(dir.path() / "log", {.segment_bytes = segment_bytes, .prepared_segments = 8});
  REQUIRE(log.has_value());
  while (notes->following == 0 && !child.wait_for(std::chrono::microseconds{50})) {
  }
  std::vector<writer_of> all;
  for (std::uint32_t w = 0; w < writers; ++w) all.emplace_back(shape, w);
  complaints wrong;
  const stress_clock clock{seconds};
  std::vector<std::thread> threads;
  for (auto& w : all)
    threads.emplace_back([&] {
      while (!clock.is_over() && w.counter() < records_max / writers - 200) {
        if (const auto s = w.append_next(*log); !s) return wrong.add("append: " + s.error().message());
        if (w.counter() % 4096 < 3)
          if (const auto s = log->sync(); !s) return wrong.add("sync: " + s.error().message());
      }
    });
  for (auto& t : threads) t.join();
  CHECK(wrong.text() == "");
  const auto figures = log->stats();
  notes->last = figures.claimed.value;
  CHECK(child.wait_for(std::chrono::seconds{100}));
  INFO(notes->complaint);
  CHECK(child.exited_with(0));
  std::printf("two processes, segments of %llu KiB: %llu records, %llu rolls; the view has shown all of them\n",
              static_cast<unsigned long long>(segment_bytes >> 10), static_cast<unsigned long long>(figures.claimed.value),
              static_cast<unsigned long long>(figures.rolls));

  std::uint64_t differ = 0, seen = 0;
  for (const auto& r : log->records()) {
    REQUIRE(r.has_value());
    differ += notes->shown[r->sequence().value] != sum_of(*r);
    ++seen;
  }
  CHECK(differ == 0);
  CHECK(seen == figures.claimed.value);
}

/// One writer after the other, each killed; the last closes.
int write_and_die(const std::filesystem::path& directory, std::uint32_t life, bool is_last) {
  auto log = varve::log::open(directory, {.segment_bytes = std::uint64_t{64} << 10});
  if (!log) return 1;
  std::atomic<std::uint32_t> appended = 0;
  std::vector<std::thread> threads;
  for (std::uint32_t w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      std::vector<std::byte> payload;
      for (std::uint64_t counter = 0; counter < 2'000; ++counter) {
        payload.resize(8 + mixed(counter) % 200);
        write_payload({.life = life, .writer = w, .counter = counter}, payload);
        if (!log->append(payload)) ::_exit(2);
        if (++appended == 3'000 && !is_last) die_here();
      }
    });
  for (auto& t : threads) t.join();
  return log->close() ? 0 : 3;
}

}  // namespace

TEST_CASE("a view in another process shows what is there at the end, while segments of 64 KiB roll",
          "[stress][G1][G3][G4]") {
  run(std::uint64_t{64} << 10, 2.5);
}

TEST_CASE("a view in another process shows what is there at the end, with segments of 1 MiB", "[stress][G1][G3][G4]") {
  run(std::uint64_t{1} << 20, 2.5);
}

TEST_CASE("a view goes on when its writer dies and others come, and nothing that it has shown changes",
          "[stress][G1][G3][G6][G8]") {
  const temp_dir dir;
  const auto directory = dir.path() / "log";
  const shared_memory<shared_notes> notes;
  child_process looking{[&] {
    const auto view = open_view(directory);
    if (!view) return notes->fail("view: " + view.error().message());
    auto reader = view->reader();
    if (!reader) return notes->fail("reader: " + reader.error().message());
    for (;;) {
      const std::uint64_t last = notes->last;
      for (;;) {
        const auto r = reader->next();
        if (!r) return notes->fail("next: " + r.error().message());
        if (!*r) break;
        const std::uint64_t at = (*r)->sequence().value;
        if (at <= notes->reached) return notes->fail("sequences do not grow");
        if (!is_payload_of(claimed_author((*r)->payload()), (*r)->payload())) return notes->fail("other bytes");
        notes->shown[at] = sum_of(**r);
        notes->reached = at;
      }
      if (last != 0 && reader->position().value > last) return 0;
    }
  }};
  constexpr std::uint32_t lives = 12;
  for (std::uint32_t life = 0; life < lives; ++life) {
    child_process writer{[&] { return write_and_die(directory, life, life + 1 == lives); }};
    writer.wait();
    INFO("life " << life << " status " << writer.status());
    REQUIRE((life + 1 == lives ? writer.exited_with(0) : writer.was_killed()));
  }
  const auto log = varve::log::open(directory);
  REQUIRE(log.has_value());
  notes->last = log->published_sequence().value;
  CHECK(looking.wait_for(std::chrono::seconds{100}));
  INFO(notes->complaint);
  CHECK(looking.exited_with(0));

  std::uint64_t there = 0, of_life[lives] = {};
  for (const auto& r : log->records()) {
    REQUIRE(r.has_value());
    const std::uint64_t shown = notes->shown[r->sequence().value].exchange(0);
    REQUIRE(shown == sum_of(*r));
    ++of_life[claimed_author(r->payload()).life];
    ++there;
  }
  CHECK(there >= (lives - 1) * 3'000 + writers * 2'000);
  for (std::uint32_t life = 0; life < lives; ++life) CHECK(of_life[life] >= 3'000 - writers);
  // Nothing was shown that is not there now.
  std::uint64_t shown_and_gone = 0;
  for (const auto& shown : notes->shown) shown_and_gone += shown != 0;
  CHECK(shown_and_gone == 0);
}
