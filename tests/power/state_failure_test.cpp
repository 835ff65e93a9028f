// SPDX-License-Identifier: MIT
//
// Every call of what changes varve.state fails: a trim, a truncation, a reset, a checkpoint, an open, a close. What it
// answered agrees with what the log, a view beside it, the next open in the same boot and the next one after a power loss
// have: done if it said so; not done if it failed; either only if it said that it may have happened.
#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <varve/varve.hpp>

#include "os/point.hpp"
#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

using memory_os::call;

constexpr const char* directory = "log";
constexpr std::uint64_t records = 30;

std::string payload(std::uint64_t i) {
  return "record " + std::to_string(i) + std::string(9'000, static_cast<char>('a' + i % 26));
}

log_options options() {
  log_options o{.segment_bytes = 64 * 1024, .prepared_segments = 1};
  o.checkpoint.save = [](const checkpoint_request&) { return true; };
  o.checkpoint.after_bytes = 0;
  o.retention.keep_records = 1'000;  // what is checkpointed would go by itself
  o.on_recovery.segment = [](const recovered_segment&) { return recovery_handler::choice::skip; };
  return o;
}

/// What operations change of a log.
struct positions {
  std::uint64_t first = 1, published = records, checkpointed = 0;
  bool operator==(const positions&) const = default;
};
std::string text_of(const positions& p) {
  return "first " + std::to_string(p.first) + ", published " + std::to_string(p.published) + ", checkpointed " +
         std::to_string(p.checkpointed);
}
positions of(const log& l) {
  return {l.first_sequence().value, l.published_sequence().value, l.checkpointed_sequence().value};
}
positions of(const log_view& v) {
  const auto d = v.describe();
  REQUIRE(d);
  return {d->at.first.value, d->at.published.value, d->checkpointed.value};
}

template <class T>
result<void> outcome_of(const result<T>& r) {
  return r ? result<void>{} : std::unexpected(r.error());
}

struct operation {
  const char* name;
  std::function<result<void>(log&)> run;
  positions after;
};
const operation operations[] = {
    {"trim", [](log& l) { return l.trim_before({20}); }, {20, records, 19}},
    {"truncate", [](log& l) { return l.truncate_after({17}); }, {1, 17, 0}},
    {"truncate all", [](log& l) { return l.truncate_after({0}); }, {1, 0, 0}},
    {"reset", [](log& l) { return l.reset({100}); }, {100, 99, 99}},
    {"checkpoint", [](log& l) { return outcome_of(l.checkpoint()); }, {1, records, records}},
};

bool agrees(const operation& op, const result<void>& answer, const positions& now) {
  const bool is_before = now == positions{}, is_after = now == op.after;
  if (answer) return is_after;
  return answer.error().may_have_happened() ? is_before || is_after : is_before;
}

std::string told(const result<void>& answer) { return answer ? "done" : answer.error().message(); }

void check_records(const log& l) {
  std::uint64_t at = l.first_sequence().value;
  for (const auto& r : l.records()) {
    REQUIRE(r);
    REQUIRE(r->sequence().value == at);
    REQUIRE(r->text() == payload(at));
    ++at;
  }
  REQUIRE(at == l.published_sequence().value + 1);
}

log open_full() {
  auto l = log::open(directory, options());
  REQUIRE(l);
  for (std::uint64_t i = 1; i <= records; ++i) REQUIRE(l->append(payload(i)));
  REQUIRE(l->sync());
  return std::move(*l);
}

/// The next open, after a death and after power losses.
void check_later(const operation& op, const result<void>& answer, const memory_os::image& image) {
  memory_os::restore(image);
  memory_os::process_death();
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    INFO((seed == 0 ? "after a death" : "after a power loss"));
    if (seed != 0) {
      memory_os::restore(image);
      memory_os::power_loss(seed, {.bytes = seed == 1 ? memory_os::fate::lost : memory_os::fate::random});
    }
    const auto again = log::open(directory, options());
    REQUIRE(again);
    const auto now = of(*again);
    INFO(text_of(now));
    CHECK(agrees(op, answer, now));
    check_records(*again);
  }
}

/// The kernel may have written what is then said to have failed: the first time, so that what undoes it may not be there.
bool is_written = false;
void write_back_once(const char* name) noexcept {
  if (std::string_view{name} != "state.before_sync" || is_written) return;
  is_written = true;
  for (std::uint64_t seed = 0; seed < 10; ++seed) memory_os::write_back(seed);  // each takes about half the pages
}

/// True if the fault came to pass.
bool fail_once(const operation& op, const memory_os::fault& what) {
  memory_os::reset();
  memory_os::seed_random(what.nth);
  memory_os::image image;
  result<void> answer, retried;
  bool was_reached = false;
  {
    auto l = open_full();
    const auto view = log_view::open(directory);
    REQUIRE(view);
    CHECK(of(*view) == positions{});
    const std::uint64_t before = memory_os::count();
    memory_os::fail(what);
    is_written = false;
    on_point.store(write_back_once);
    answer = op.run(l);
    on_point.store(nullptr);
    was_reached = memory_os::count() - before >= what.nth;
    memory_os::heal();
    INFO(op.name << ", call " << what.nth << (what.for_ever ? " and all that follow" : "") << ": " << told(answer));
    INFO("the log: " << text_of(of(l)));
    CHECK(agrees(op, answer, of(l)));
    INFO("a view that was open: " << text_of(of(*view)));
    CHECK(agrees(op, answer, of(*view)));
    const auto other = log_view::open(directory);
    REQUIRE(other);
    INFO("a new view: " << text_of(of(*other)));
    CHECK(agrees(op, answer, of(*other)));
    image = memory_os::snapshot();
    if (!answer) retried = op.run(l);
    if (!l.failure() && l.append(payload(op.after.published + 1))) {
      INFO("tried again: " << told(retried));
      CHECK(retried);
    }
    memory_os::process_death();  // nothing is closed
  }
  INFO(op.name << ", call " << what.nth << (what.for_ever ? " and all that follow" : "") << ": " << told(answer));
  check_later(op, answer, image);
  return was_reached;
}

}  // namespace

TEST_CASE("what a change of the log answered when a call failed agrees with what is there, now and later",
          "[power][trim][truncate][checkpoint][G2][G5][G6]") {
  for (const auto& op : operations)
    for (const int number : {EIO, ENOSPC})
      for (const bool for_ever : {false, true})
        for (std::uint64_t nth = 1; fail_once(op, {.number = number, .nth = nth, .for_ever = for_ever}); ++nth)
          REQUIRE(nth < 1'000);
  // Nothing but the syncs: what was written, and what undoes it, stands in the cache.
  for (const auto& op : operations)
    for (const std::uint64_t nth : {1, 2, 3})
      CHECK(fail_once(op, {.calls = call::sync_data, .nth = nth, .for_ever = true, .name = "varve.state"}));
  memory_os::reset();
}

namespace {

std::optional<log_view> seen;
void look(const char* name) noexcept {
  if (std::string_view{name} != "state.before_sync" || seen) return;
  auto opened = log_view::open(directory);
  if (opened) seen.emplace(std::move(*opened));
}

}  // namespace

TEST_CASE("a view that saw a change before that was undone looks again", "[power][view][trim][truncate][G8]") {
  for (const auto& op : operations) {
    INFO(op.name);
    memory_os::reset();
    auto l = open_full();
    seen.reset();
    memory_os::fail({.calls = call::sync_data, .name = "varve.state"});
    on_point.store(look);
    const auto answer = op.run(l);
    on_point.store(nullptr);
    REQUIRE(!answer);
    CHECK(!answer.error().may_have_happened());
    REQUIRE(seen);
    CHECK(text_of(of(*seen)) == text_of(positions{}));
    seen.reset();
    CHECK(op.run(l));  // nothing keeps it from being done
    CHECK(of(l) == op.after);
  }
  memory_os::reset();
}

TEST_CASE("a view that saw an open before that was undone looks again", "[power][view][recovery][G8]") {
  memory_os::reset();
  REQUIRE(open_full().close());
  seen.reset();
  memory_os::fail({.calls = call::sync_data, .nth = 2, .name = "varve.state"});  // the first makes durable what was read
  on_point.store([](const char* name) noexcept {
    static int times = 0;
    if (std::string_view{name} == "state.before_sync" && ++times == 2) look(name);
  });
  const auto opened = log::open(directory, options());
  on_point.store(nullptr);
  REQUIRE(!opened);
  CHECK(!opened.error().may_have_happened());
  REQUIRE(seen);
  const auto d = seen->describe(), other = log_view::open(directory)->describe();
  REQUIRE((d && d->next_open && other && other->next_open));
  CHECK(other->next_open->found == log_description::ending::closed);
  CHECK(d->next_open->found == log_description::ending::closed);
  CHECK(d->epoch == other->epoch);
  seen.reset();
  memory_os::reset();
}

TEST_CASE("an error says that it may have happened when varve.state can be written no more", "[power][trim][truncate][G2]") {
  for (const auto& op : operations) {
    memory_os::reset();
    auto l = open_full();
    memory_os::fail({.calls = call::sync_data, .for_ever = true, .name = "varve.state"});
    const auto answer = op.run(l);
    REQUIRE(!answer);
    CHECK(answer.error().may_have_happened());
    CHECK(answer.error().message().ends_with("it may have taken effect; open the log again to see."));
    CHECK(of(l) == positions{});
    const auto appended = l.append("more");
    if (!appended) CHECK(!appended.error().may_have_happened());
    memory_os::heal();
  }
  memory_os::reset();
}

TEST_CASE("an open and a close that fail to write varve.state did nothing, or say that they may have",
          "[power][recovery][close][G2][G5]") {
  for (const bool closes : {false, true})
    for (const bool was_closed : {false, true})
      for (const bool is_copy : {false, true})
        for (const bool for_ever : {false, true})
          for (std::uint64_t nth = 1, failed = 1; failed != 0; ++nth) {
            INFO((closes ? "close" : "open")
                 << (was_closed ? ", closed before" : ", died before") << (is_copy ? ", a copy" : "") << ", call " << nth
                 << (for_ever ? " and all that follow" : ""));
            memory_os::reset();
            memory_os::seed_random(nth);
            {
              auto l = open_full();
              if (was_closed) REQUIRE(l.close());
              memory_os::process_death();
            }
            if (is_copy) {
              memory_os::copy_directory(directory, "copy");
            }
            const char* const where = is_copy ? "copy" : directory;
            const auto epoch = [&] { return log_view::open(where)->describe()->epoch; };
            const auto before = epoch();
            const memory_os::fault what{.nth = nth, .for_ever = for_ever, .name = "varve.state"};
            result<void> answer;
            if (closes) {
              auto l = log::open(where, options());
              REQUIRE(l);
              memory_os::fail(what);
              answer = l->close();
              memory_os::heal();
            } else {
              memory_os::fail(what);
              auto l = log::open(where, options());
              memory_os::heal();
              answer = outcome_of(l);
              const auto now = epoch();
              INFO(told(answer) << ": epoch " << before << ", then " << now);
              CHECK((answer || answer.error().may_have_happened() || now == before));
              CHECK((!answer || now == before + 1));
              memory_os::process_death();
            }
            failed = answer ? 0 : 1;
            const auto image = memory_os::snapshot();
            for (std::uint64_t seed = 0; seed < 3; ++seed) {
              memory_os::restore(image);
              if (seed == 0) {
                memory_os::process_death();
              } else {
                memory_os::power_loss(seed);
              }
              const auto again = log::open(where, options());
              INFO(told(answer));
              REQUIRE(again);
              if (closes && (answer || !answer.error().may_have_happened()))
                CHECK(again->recovery().clean == answer.has_value());
              CHECK(again->published_sequence().value == records);
              check_records(*again);
            }
            REQUIRE(nth < 1'000);
          }
  memory_os::reset();
}

}  // namespace varve::testing
