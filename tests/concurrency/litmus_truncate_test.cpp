// SPDX-License-Identifier: MIT
//
// Litmus tests of what may go down: the published and the durable mark, the sequence that comes next, and the turn by which
// readers learn of it.
#include <array>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <varve/varve.hpp>

#include "concurrency/workload.hpp"
#include "support/catch.hpp"
#include "support/fast_dir.hpp"

namespace {

using namespace varve::testing;
using varve::errc;

constexpr std::uint64_t kept = 5, dropped = 4;

void append_some(varve::log& l, std::uint64_t count, complaints& wrong) {
  for (std::uint64_t i = 0; i < count; ++i)
    if (const auto s = l.append("x"); !s) wrong.add("append: " + s.error().message());
}

/// A log of `kept` records and a view of it. Each round appends `dropped` more, and cuts them off.
struct scene {
  scene() {
    auto made = varve::log::open(dir.path(),
                                 {.segment_bytes = std::uint64_t{64} << 10, .prepared_segments = 2, .spare_segments = 2});
    REQUIRE(made.has_value());
    l.emplace(std::move(*made));
    append_some(*l, kept, wrong);
    auto seen = varve::log_view::open(dir.path());
    REQUIRE(seen.has_value());
    v.emplace(std::move(*seen));
  }
  fast_dir dir;
  complaints wrong;
  std::optional<varve::log> l{};
  std::optional<varve::log_view> v{};
};

}  // namespace

// Allowed: the marks as they were, as long as the truncation has not returned. Behind it: where the log was cut.
// Forbidden: who learns that it has returned finds a mark, a record or a reader that knows nothing of it.
TEST_CASE("turn:C / turn:D, frontier:A / frontier:B, durable:A / durable:B - who sees that a log was cut sees where it ends",
          "[litmus][truncate][G6]") {
  scene s;
  const stress_clock clock{1.5};
  std::atomic<std::uint64_t> rounds = 0, returned = 0;
  std::atomic<bool> goes_on = true;
  // Before each round: all look at the longer log. Behind it: all have looked at the shorter one.
  std::barrier ready{3}, looked{3};
  const auto look = [&](const auto& l, bool is_view) {
    const std::string who = is_view ? "a view: " : "the log: ";
    for (;;) {
      ready.arrive_and_wait();
      if (!goes_on) return;
      auto at = l.reader({kept + dropped + 1});
      for (int i = 0; !at && i < 1'000; ++i) at = l.reader({kept + dropped + 1});  // a view may have to look once more
      if (!at) s.wrong.add(who + "no reader: " + at.error().message());
      ready.arrive_and_wait();
      const std::uint64_t round = rounds;
      while (returned != round) {
      }
      if (l.published_sequence().value != kept) s.wrong.add(who + "published what was cut");
      if (l.durable_sequence().value > kept) s.wrong.add(who + "durable what was cut");
      if (l.read({kept + 1})) s.wrong.add(who + "a record that was cut");
      const auto next = at ? at->next() : varve::result<std::optional<varve::record>>{std::nullopt};
      if (at && (next || next.error().code() != errc::truncated)) s.wrong.add(who + "a reader that was not told");
      looked.arrive_and_wait();
    }
  };
  std::thread by_log{[&] { look(*s.l, false); }}, by_view{[&] { look(*s.v, true); }};
  do {
    append_some(*s.l, dropped, s.wrong);
    if (!s.l->sync()) s.wrong.add("sync");
    ++rounds;
    ready.arrive_and_wait();
    ready.arrive_and_wait();
    if (const auto done = s.l->truncate_after({kept}); !done) s.wrong.add("truncate: " + done.error().message());
    returned = rounds.load();
    looked.arrive_and_wait();
  } while (!clock.is_over());
  goes_on = false;
  ready.arrive_and_wait();
  by_log.join();
  by_view.join();
  CHECK(s.wrong.text() == "");
  CHECK(rounds > 0);
}

// Allowed: nothing for now; `truncated`, and that for ever. Forbidden: a reader behind the cut is given what was appended
// there since, or is told something else.
TEST_CASE("turn:C / turn:D - a reader behind a cut is told before it is given a record of what comes next",
          "[litmus][truncate][G6]") {
  scene s;
  const stress_clock clock{1.5};
  std::atomic<bool> goes_on = true;
  std::array<std::optional<varve::reader>, 2> readers;
  std::barrier ready{3}, looked{3};
  const auto read = [&](std::size_t which) {
    const std::string who = which == 0 ? "the log: " : "a view: ";
    for (;;) {
      ready.arrive_and_wait();
      if (!goes_on) return;
      for (bool told = false; !told;) {
        const auto next = readers[which]->next();
        told = !next;
        if (next && *next) s.wrong.add(who + "it was given " + std::string{(*next)->text()});
        if (!next && next.error().code() != errc::truncated) s.wrong.add(who + next.error().message());
        if (next && *next) break;
      }
      looked.arrive_and_wait();
    }
  };
  std::thread by_log{[&] { read(0); }}, by_view{[&] { read(1); }};
  std::uint64_t rounds = 0;
  do {
    append_some(*s.l, dropped, s.wrong);
    auto in_log = s.l->reader({kept + dropped + 1}), in_view = s.v->reader({kept + dropped + 1});
    REQUIRE((in_log && in_view));
    readers[0].emplace(std::move(*in_log));
    readers[1].emplace(std::move(*in_view));
    ready.arrive_and_wait();
    if (const auto done = s.l->truncate_after({kept}); !done) s.wrong.add("truncate: " + done.error().message());
    append_some(*s.l, 2 * dropped, s.wrong);
    looked.arrive_and_wait();
    if (const auto done = s.l->truncate_after({kept}); !done) s.wrong.add("truncate: " + done.error().message());
    ++rounds;
  } while (!clock.is_over());
  goes_on = false;
  ready.arrive_and_wait();
  by_log.join();
  by_view.join();
  CHECK(s.wrong.text() == "");
  CHECK(rounds > 0);
}

// Allowed: a mark that went down, if a truncation was under way since the last look.
// Forbidden: without one a mark goes down, or more is durable than is published.
TEST_CASE("frontier:A / frontier:B, durable:A / durable:B - marks only grow but for a truncation",
          "[litmus][truncate][G2][G6]") {
  scene s;
  const stress_clock clock{1.5};
  std::atomic<std::uint64_t> begun = 0, done = 0;
  std::thread cutting{[&] {
    while (!clock.is_over()) {
      append_some(*s.l, dropped, s.wrong);
      if (!s.l->sync()) s.wrong.add("sync");
      append_some(*s.l, dropped, s.wrong);
      ++begun;
      if (const auto cut = s.l->truncate_after({kept}); !cut) s.wrong.add("truncate: " + cut.error().message());
      ++done;
    }
  }};
  std::uint64_t published_before = 0, durable_before = 0, looks_between = 0, last_done = 0;
  while (!clock.is_over()) {
    const std::uint64_t cuts_done = done;
    const std::uint64_t durable = s.l->durable_sequence().value, published = s.l->published_sequence().value;
    const bool was_quiet = begun == cuts_done;
    if (was_quiet && durable > published) s.wrong.add("durable, and not published");
    if (was_quiet && last_done == cuts_done) {
      if (published < published_before) s.wrong.add("published went down by itself");
      if (durable < durable_before) s.wrong.add("durable went down by itself");
      ++looks_between;
    }
    // What is seen beside a truncation may be of before it, or behind it.
    published_before = was_quiet ? published : 0;
    durable_before = was_quiet ? durable : 0;
    last_done = cuts_done;
  }
  cutting.join();
  CHECK(s.wrong.text() == "");
  CHECK(looks_between > 0);
  CHECK(done > 0);
}
