// SPDX-License-Identifier: MIT
//
// Each allocation of each public call fails in turn: once, and for ever; the caller's own, and those of all threads.
#include <span>

#include "oom/sweep.hpp"

namespace varve::testing {
namespace {

fails open_log(scene& s) {
  auto made = log::open(s.dir, s.options());
  if (!made) return made.error();
  s.log.emplace(std::move(*made));
  return {};
}
fails open_view(scene& s) {
  auto made = log_view::open(s.dir);
  if (!made) return made.error();
  s.view.emplace(std::move(*made));
  return {};
}

const oom_row opening_rows[] = {
    {"open, and nothing is there", nothing, open_log},
    {"open after a close", closed, open_log},
    {"open after a death", dead, open_log},
    {"open after a power loss", power_lost, open_log},
    {"view::open after a close", closed, open_view},
    {"view::open after a death", dead, open_view},
    {"view::open beside a writer", opened, open_view},
    {"verify on several threads", closed, [](scene& s) { return error_of(verify(s.dir, {}, {.threads = 3})); }},
    {"salvage", closed, [](scene& s) { return error_of(salvage(s.dir, {})); }},
    {"rebuild_indexes", closed, [](scene& s) { return error_of(rebuild_indexes(s.dir)); }},
    {"describe", viewed, [](scene& s) { return error_of(s.view->describe()); }},
};

/// Chunks of an entry that three segments would not hold.
constexpr std::uint64_t spilled = 12;

const oom_row appending_rows[] = {
    {"append", opened, [](scene& s) { return s.append(); }},
    {"append that rolls", full, [](scene& s) { return s.append(); }},
    {"append over ten segments", full,
     [](scene& s) -> fails {
       for (int i = 0; i < 30; ++i)
         if (const auto failed = s.append()) return failed;
       return {};
     }},
    {"append_pieces that rolls", full,
     [](scene& s) -> fails {
       const auto text = payload_of(s.count + 1);
       const auto whole = std::as_bytes(std::span{text});
       const std::span<const std::byte> pieces[] = {whole.first(1), whole.subspan(1)};
       const auto done = s.log->append_pieces(pieces);
       if (done) ++s.count;
       return error_of(done);
     }},
    {"append_batch that rolls", full,
     [](scene& s) -> fails {
       const std::string_view batch[] = {payload_of(s.count + 1), payload_of(s.count + 2)};
       const auto done = s.log->append_batch(batch);
       if (done) s.count += 2;
       return error_of(done);
     }},
    {"an entry that rolls", full,
     [](scene& s) -> fails {
       auto begun = s.log->begin_entry();
       if (!begun) return begun.error();
       for (std::uint64_t i = 1; i <= 2; ++i) {
         if (auto done = begun->write_chunk(payload_of(s.count + i)); !done) {
           if (begun->chunks() != i - 1 || begun->bytes() != (i - 1) * payload_bytes) std::abort();
           return done.error();
         }
       }
       const auto done = begun->publish();
       if (done) s.count += 2;
       return error_of(done);
     }},
    {"an entry that is written to a file", full,
     [](scene& s) -> fails {
       auto begun = s.log->begin_entry();
       if (!begun) return begun.error();
       for (std::uint64_t i = 1; i <= spilled; ++i) {
         auto done = begun->write_chunk(payload_of(s.count + i));
         if (!done && (begun->chunks() != i - 1 || begun->bytes() != (i - 1) * payload_bytes)) std::abort();
         if (!done) done = begun->write_chunk(payload_of(s.count + i));  // it is as it was
         if (!done) return done.error();
       }
       auto done = begun->publish();
       if (!done && begun->chunks() != spilled) std::abort();
       if (!done) done = begun->publish();
       if (done) s.count += spilled;
       return error_of(done);
     }},
    {"an entry that is written to a file, and given up", full,
     [](scene& s) -> fails {
       auto begun = s.log->begin_entry();
       if (!begun) return begun.error();
       for (std::uint64_t i = 1; i <= spilled; ++i)
         if (auto done = begun->write_chunk(payload_of(s.count + i)); !done) return done.error();
       return {};
     }},
    {"claim that rolls, and publish", full,
     [](scene& s) -> fails {
       auto claimed = s.log->claim(payload_bytes);
       if (!claimed) return claimed.error();
       std::ranges::copy(std::as_bytes(std::span{payload_of(s.count + 1)}), claimed->bytes().begin());
       const auto done = claimed->publish();
       if (done) ++s.count;
       return error_of(done);
     }},
    {"append that waits for the device", opened,
     [](scene& s) -> fails {
       const auto done = s.log->append(payload_of(s.count + 1), {.durability = immediate()});
       if (done) ++s.count;
       return error_of(done);
     }},
    {"append that is synced by the clock", opened,
     [](scene& s) -> fails {
       const auto done = s.log->append(payload_of(s.count + 1), {.durability = periodic(std::chrono::milliseconds{1})});
       if (done) ++s.count;
       return error_of(done);
     }},
    {"sync", full, [](scene& s) { return error_of(s.log->sync()); }},
    {"sync up to a record", full, [](scene& s) { return error_of(s.log->sync({s.count})); }},
    {"durable_event", full, [](scene& s) { return error_of(s.log->durable_event({s.count + 1})); }},
    {"published_event", full, [](scene& s) { return error_of(s.log->published_event({s.count + 1})); }},
    {"stats and marks", full,
     [](scene& s) -> fails {
       static_cast<void>(s.log->stats());
       static_cast<void>(s.log->published_sequence());
       static_cast<void>(s.log->durable_sequence());
       static_cast<void>(s.log->failure());
       return {};
     }},
    {"trim_before", full,
     [](scene& s) {
       s.trimmed_to = 20;
       return error_of(s.log->trim_before({20}));
     }},
    {"plan_retention", full,
     [](scene& s) { return error_of(s.log->plan_retention({.max_segments = 2, .keep_for_readers = true})); }},
    {"retain", full,
     [](scene& s) {
       s.trimmed_to = 28;  // three to a segment
       return error_of(s.log->retain({.max_segments = 1}));
     }},
    {"close", full,
     [](scene& s) {
       const auto done = s.log->close();
       s.log.reset();
       return error_of(done);
     }},
};

/// If it failed behind its decision the next open ends it; and if no segment could be had it is done.
fails after_a_cut(scene& s, const result<void>& done, std::uint64_t last) {
  if (s.log->published_sequence().value == last) s.count = last;
  if (s.log->failure()) s.log.reset();
  return error_of(done);
}

const oom_row cutting_rows[] = {
    {"truncate_after", full, [](scene& s) { return after_a_cut(s, s.log->truncate_after({20}), 20); }},
    {"truncate_after, to nothing", full, [](scene& s) { return after_a_cut(s, s.log->truncate_after({0}), 0); }},
    {"reset", full,
     [](scene& s) {
       s.trimmed_to = 41;
       return after_a_cut(s, s.log->reset({41}), 40);
     }},
};

template <class Source>
fails read_all(const Source& from, std::uint64_t count) {
  for (std::uint64_t s = 1; s <= count; ++s) {
    const auto r = from.read({s});
    if (!r) return r.error();
  }
  return {};
}
template <class Source>
fails walk_all(const Source& from) {
  for (const auto& r : from.records())
    if (!r) return r.error();
  return {};
}
template <class Source>
fails move_a_reader(const Source& from, std::uint64_t count) {
  auto made = from.reader();
  if (!made) return made.error();
  if (auto done = made->next(); !done) return done.error();
  if (auto done = made->seek({count}); !done) return done.error();
  if (auto done = made->next(); !done) return done.error();
  if (auto done = made->seek({1}); !done) return done.error();
  if (auto done = made->wait(std::chrono::steady_clock::now()); !done) return done.error();
  if (auto done = made->seek({count + 1}); !done) return done.error();
  return error_of(made->wait(std::chrono::steady_clock::now() + std::chrono::milliseconds{1}));
}

const oom_row reading_rows[] = {
    {"read", opened, [](scene& s) { return read_all(*s.log, s.count); }},
    {"records", opened, [](scene& s) { return walk_all(*s.log); }},
    {"reader, next, seek, wait", opened, [](scene& s) { return move_a_reader(*s.log, s.count); }},
    {"view::read", viewed, [](scene& s) { return read_all(*s.view, s.count); }},
    {"view::records", viewed, [](scene& s) { return walk_all(*s.view); }},
    {"view::reader, next, seek, wait", viewed, [](scene& s) { return move_a_reader(*s.view, s.count); }},
    {"view::read beside a writer", viewed_beside_a_writer, [](scene& s) { return read_all(*s.view, s.count); }},
    {"view::records beside a writer", viewed_beside_a_writer, [](scene& s) { return walk_all(*s.view); }},
    {"view::reader beside a writer", viewed_beside_a_writer, [](scene& s) { return move_a_reader(*s.view, s.count); }},
    {"view::stats", viewed_beside_a_writer, [](scene& s) { return error_of(s.view->stats()); }},
    {"view::describe", viewed_beside_a_writer, [](scene& s) { return error_of(s.view->describe()); }},
    {"view::segments", viewed_beside_a_writer, [](scene& s) { return error_of(s.view->segments()); }},
    {"verify", closed, [](scene& s) { return error_of(verify(s.dir)); }},
    {"verify beside a writer", opened, [](scene& s) { return error_of(verify(s.dir)); }},
};

}  // namespace

TEST_CASE("opening: each allocation fails in turn", "[oom][G7]") { sweep(opening_rows); }
TEST_CASE("appending, syncing, trimming, closing: each allocation fails in turn", "[oom][slow][G1][G7]") {
  sweep(appending_rows);
}
TEST_CASE("cutting: each allocation fails in turn", "[oom][truncate][slow][G6][G7]") { sweep(cutting_rows); }
TEST_CASE("reading, and looking on: each allocation fails in turn", "[oom][slow][G7]") { sweep(reading_rows); }

TEST_CASE("the sentence of an error is the one thing that throws without memory", "[oom]") {
  const auto failed = log::open("", {.segment_bytes = 1});
  REQUIRE_FALSE(failed);
  bool threw = false;
  {
    failing_allocation failing{whose::this_thread, 1, true};
    try {
      static_cast<void>(failed.error().message());
    } catch (const std::bad_alloc&) {
      threw = true;
    }
  }
  CHECK(threw);
  CHECK_FALSE(failed.error().message().empty());
}

}  // namespace varve::testing
