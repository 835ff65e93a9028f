// SPDX-License-Identifier: MIT
//
// The same of what keeps a log alive: checkpoints, an archive, times, copies, and records larger than a segment.
#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "oom/sweep.hpp"

namespace varve::testing {
namespace {

// ---- How a log is before the call.

/// Goes through all that it is given; what a checkpoint without memory for that is worth is its own affair.
bool go_through(const checkpoint_request& r) {
  for (;;) {
    const auto record = r.records.next();
    if (!record || !*record) return true;
  }
}
void checkpointed(scene& s) {
  s.with.checkpoint = {.save = go_through, .after_bytes = 0};
  s.with.retention.keep_records = 1'000;  // or what was saved would go while it is looked at
  opened(s);
}
void archived(scene& s) {
  s.with.archive = {.sealed = [](const sealed_segment&) { return true; }, .dropping = [](const sealed_segment&) {}};
  full(s);
}
void replayed(scene& s) {
  dead(s);
  s.with.on_recovery.segment = [](const recovered_segment&) { return recovery_handler::choice::recover; };
  s.with.on_recovery.record = [](const record&) { return true; };
}
void timed(scene& s) {
  s.with.record_times = true;
  full(s);
}
void timed_and_viewed(scene& s) {
  timed(s);
  s.open_view();
}
void will_be_copied(scene& s) {
  s.copy = s.dir.string() + ".copy";
  fs::remove_all(s.copy);
}
void to_copy(scene& s) {
  will_be_copied(s);
  full(s);
  must(s.log->sync().has_value());  // what is not durable is not copied
}
void to_copy_dead(scene& s) {
  will_be_copied(s);
  dead(s);
}

// ---- Calls.

fails open_again(scene& s) {
  auto made = log::open(s.dir, s.options());
  if (!made) return made.error();
  s.log.emplace(std::move(*made));
  return {};
}

/// From where the search begins, the middle, and beyond the last.
template <class Source>
fails find_times(const Source& from) {
  const auto now = std::chrono::system_clock::now();
  for (const auto at : {now - std::chrono::hours{1}, now, now + std::chrono::hours{1}})
    if (auto done = from.find_time(at); !done) return done.error();
  auto reader = from.reader();
  if (!reader) return reader.error();
  if (auto done = reader->seek_time(now); !done) return done.error();
  return error_of(reader->next());
}

constexpr std::size_t larger_than_a_segment = 5;

fails copy(scene& s) { return error_of(backup(s.dir, s.copy)); }
/// All of it, or nothing under its name; without memory for a list of them, files of a part may be left.
std::string wrong_with_copy(scene& s, bool succeeded) {
  if (!succeeded) return fs::exists(s.copy) ? "a part of a copy" : "";
  const auto v = log_view::open(s.copy);
  if (!v) return "the copy: " + v.error().message();
  return v->published_sequence().value == s.count ? "" : "the copy ends elsewhere";
}

const oom_row saving_rows[] = {
    {"checkpoint", checkpointed, [](scene& s) { return error_of(s.log->checkpoint()); },
     [](scene& s, bool succeeded) -> std::string {
       const auto at = s.log->checkpointed_sequence().value;
       return at == (succeeded ? s.count : 0) ? "" : "checkpointed " + std::to_string(at);
     }},
    {"trim_before, with an archive", archived,
     [](scene& s) {
       s.trimmed_to = 20;
       return error_of(s.log->trim_before({20}));
     }},
    {"truncate_after, with an archive", archived,
     [](scene& s) -> fails {
       const auto done = s.log->truncate_after({20});
       if (s.log->published_sequence().value == 20) s.count = 20;
       if (s.log->failure()) s.log.reset();
       return error_of(done);
     }},
    {"open that replays", replayed, open_again},
};

const oom_row reading_rows[] = {
    {"find_time and seek_time", timed, [](scene& s) { return find_times(*s.log); }},
    {"view::find_time and seek_time", timed_and_viewed, [](scene& s) { return find_times(*s.view); }},
    {"backup beside a writer", to_copy, copy, wrong_with_copy},
    {"backup after a death", to_copy_dead, copy, wrong_with_copy},
};

const oom_row large_rows[] = {
    {"append_batch larger than a segment", opened,
     [](scene& s) -> fails {
       std::array<std::string_view, larger_than_a_segment> batch;
       for (std::size_t i = 0; i < batch.size(); ++i) batch[i] = payload_of(s.count + 1 + i);
       const auto done = s.log->append_batch(batch);
       if (done) s.count += batch.size();
       return error_of(done);
     }},
    {"an entry larger than a segment", opened,
     [](scene& s) -> fails {
       auto begun = s.log->begin_entry();
       if (!begun) return begun.error();
       for (std::uint64_t i = 1; i <= larger_than_a_segment; ++i)
         if (auto done = begun->write_chunk(payload_of(s.count + i)); !done) return done.error();
       const auto done = begun->publish();
       if (done) s.count += larger_than_a_segment;
       return error_of(done);
     }},
    {"claim larger than a segment, and give it up for less", opened,
     [](scene& s) -> fails {
       auto claimed = s.log->claim(larger_than_a_segment * payload_bytes);
       if (!claimed) return claimed.error();
       std::ranges::copy(std::as_bytes(std::span{payload_of(s.count + 1)}), claimed->bytes().begin());
       const auto done = claimed->publish(payload_bytes);
       if (done) ++s.count;
       return error_of(done);
     }},
};

}  // namespace

TEST_CASE("checkpoints and an archive: each allocation fails in turn", "[oom][checkpoint][archive][slow][G7]") {
  sweep(saving_rows);
}
TEST_CASE("times and copies: each allocation fails in turn", "[oom][backup][slow][G7]") { sweep(reading_rows); }
TEST_CASE("what is larger than a segment: each allocation fails in turn", "[oom][slow][G1][G7]") { sweep(large_rows); }

}  // namespace varve::testing
