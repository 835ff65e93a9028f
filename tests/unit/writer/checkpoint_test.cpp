// SPDX-License-Identifier: MIT
//
// Checkpoints: when they begin, what they hand out, what goes then, and what an open replays.
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;

/// Somewhere else: what was saved, by sequence.
class elsewhere {
 public:
  [[nodiscard]] checkpoint_options options(std::uint64_t after_bytes = 0) {
    return {.save = [this](const checkpoint_request& r) { return save(r); }, .after_bytes = after_bytes};
  }
  void refuse(int times) { refusals_ = times; }
  [[nodiscard]] int calls() const { return calls_; }
  [[nodiscard]] sequence last() const {
    const std::scoped_lock lock{guard_};
    return last_;
  }
  [[nodiscard]] std::string texts() const {
    const std::scoped_lock lock{guard_};
    return texts_;
  }

 private:
  bool save(const checkpoint_request& r) {
    ++calls_;
    expect(!inside_.exchange(true));  // one call at a time
    const std::scoped_lock lock{guard_};
    expect(r.records.position() == r.first);
    const bool no = refusals_ != 0;
    if (refusals_ > 0) --refusals_;
    std::string texts;
    while (r.records.position() <= r.last) {
      const auto record = r.records.next();
      expect(record.has_value() && record->has_value());
      texts += (*record)->text().substr(0, 8);
      texts += ' ';
    }
    if (!no) {
      expect(r.first > last_);
      texts_ += texts + "| ";
      last_ = r.last;
    }
    inside_ = false;
    return !no;
  }

  mutable std::mutex guard_;
  std::string texts_;
  sequence last_;
  std::atomic<int> refusals_ = 0, calls_ = 0;
  std::atomic<bool> inside_ = false;
};

log_options small(checkpoint_options c) { return {.segment_bytes = 64 * 1024, .checkpoint = std::move(c)}; }

/// Fifteen to a segment.
std::string large(std::uint64_t s) { return std::to_string(s) + std::string(4000, '.'); }
void append_large(log& l, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(l.append(large(l.published_sequence().value + 1)).has_value());
}

template <class Condition>
void wait_until(Condition c) {
  const auto begin = std::chrono::steady_clock::now();
  while (!c()) {
    REQUIRE(std::chrono::steady_clock::now() - begin < 30s);
    std::this_thread::sleep_for(1ms);
  }
}

/// What an open hands out, as "[number: records]" for each segment.
struct replayed {
  std::string text{};
  [[nodiscard]] recovery_handler handler() {
    return {.segment =
                [this](const recovered_segment& s) {
                  text += "[" + std::string{s.version_info} + std::to_string(s.sequences.first.value) + "-" +
                          std::to_string(s.sequences.end.value - 1) + "]";
                  return recovery_handler::choice::recover;
                },
            .record =
                [this](const record& r) {
                  text += ' ' + std::string{r.text()};
                  return true;
                }};
  }
};

}  // namespace

TEST_CASE("checkpoint() saves what is published, once, and the position is durable", "[checkpoint][G2]") {
  const temp_dir dir;
  elsewhere other;
  {
    auto l = log::open(dir.path(), small(other.options()));
    REQUIRE(l);
    CHECK(l->checkpointed_sequence() == sequence{0});
    CHECK(*l->checkpoint() == sequence{0});  // nothing new
    CHECK(other.calls() == 0);
    append_all(*l, "abc");
    CHECK(*l->checkpoint() == sequence{3});
    CHECK(l->durable_sequence() == sequence{3});
    append_all(*l, "de");
    CHECK(*l->checkpoint() == sequence{5});
    CHECK(*l->checkpoint() == sequence{5});
    CHECK(other.texts() == "a b c | d e | ");
    CHECK(l->checkpointed_sequence() == sequence{5});
    append_all(*l, "f");
    REQUIRE(l->close().has_value());
  }
  auto l = log::open(dir.path(), small(other.options()));
  REQUIRE(l);
  CHECK(l->checkpointed_sequence() == sequence{5});
  CHECK(*l->checkpoint() == sequence{6});
  CHECK(other.texts() == "a b c | d e | f | ");
}

TEST_CASE("abandoned sequences are passed over by a checkpoint", "[checkpoint][claim]") {
  const temp_dir dir;
  elsewhere other;
  auto l = log::open(dir.path(), small(other.options()));
  REQUIRE(l);
  {
    auto c = l->claim(1);
  }
  {
    auto c = l->claim(1);
  }
  CHECK(*l->checkpoint() == sequence{2});
  CHECK(other.calls() == 0);
  {
    auto c = l->claim(1);
  }
  append_all(*l, "x");
  CHECK(*l->checkpoint() == sequence{4});
  CHECK(other.texts() == "x | ");
}

TEST_CASE("a checkpoint that is refused is asked for again, with at least the same records", "[checkpoint]") {
  const temp_dir dir;
  elsewhere other;
  other.refuse(1);
  auto l = log::open(dir.path(), small(other.options()));
  REQUIRE(l);
  append_all(*l, "ab");
  const auto no = l->checkpoint();
  REQUIRE_FALSE(no.has_value());
  CHECK(no.error().code() == errc::cancelled);
  CHECK(l->checkpointed_sequence() == sequence{0});
  append_all(*l, "c");
  CHECK(*l->checkpoint() == sequence{3});
  CHECK(other.texts() == "a b c | ");
}

TEST_CASE("a checkpoint begins by itself when so much was appended", "[checkpoint]") {
  const temp_dir dir;
  elsewhere other;
  {
    auto l = log::open(dir.path(), small(other.options(std::uint64_t{200} << 10)));
    REQUIRE(l);
    append_large(*l, 30);
    std::this_thread::sleep_for(20ms);
    CHECK(other.calls() == 0);
    append_large(*l, 50);
    wait_until([&] { return other.last() >= sequence{50}; });
    REQUIRE(l->close().has_value());
  }
  // What an earlier opening left unsaved counts.
  const auto before = other.last();
  {
    auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
    append_large(*l, 70);
  }
  auto l = log::open(dir.path(), small(other.options(std::uint64_t{200} << 10)));
  REQUIRE(l);
  wait_until([&] { return other.last() == l->published_sequence(); });
  CHECK(other.last() > before);
}

TEST_CASE("a refusal by the way is repaired after a second", "[checkpoint]") {
  const temp_dir dir;
  elsewhere other;
  other.refuse(1);
  auto l = log::open(dir.path(), small(other.options(std::uint64_t{100} << 10)));
  REQUIRE(l);
  append_large(*l, 60);
  wait_until([&] { return other.last() == sequence{60} || other.calls() == 2; });
  wait_until([&] { return l->checkpointed_sequence() >= sequence{15}; });
}

TEST_CASE("segments before a checkpoint go, and no others, whatever the rules say", "[checkpoint][retention]") {
  const temp_dir dir;
  elsewhere other;
  auto options = small(other.options());
  options.retention.max_segments = 1;
  auto l = log::open(dir.path(), options);
  REQUIRE(l);
  append_large(*l, 100);
  wait_until([&] { return (*l->plan_retention({.max_segments = 1}))[0].reason == retention_reason::checkpoint; });
  CHECK(l->first_sequence() == sequence{1});
  CHECK(text_of(retention_reason::checkpoint) == "not all of it was checkpointed");

  SECTION("by itself") {
    REQUIRE(l->checkpoint().has_value());
    wait_until([&] { return l->stats().segments == 1; });
    CHECK(l->first_sequence() > sequence{80});
  }
  SECTION("held by keep_records") {
    REQUIRE(l->close().has_value());
    auto again = log::open(dir.path(), [&] {
      auto o = small(other.options());
      o.retention.keep_records = 50;
      return o;
    }());
    REQUIRE(again);
    REQUIRE(again->checkpoint().has_value());
    wait_until([&] { return again->first_sequence() > sequence{1}; });
    // What goes is dropped after the log has begun behind it.
    wait_until([&] { return (*again->plan_retention({.keep_records = 50}))[0].reason == retention_reason::records; });
    const auto free = again->plan_retention({});
    CHECK(free->front().reason == retention_reason::checkpointed);
    CHECK(again->published_sequence().value - again->first_sequence().value >= 49);
  }
}

TEST_CASE("the cap never drops what was not checkpointed, but has a checkpoint made", "[checkpoint][retention]") {
  const temp_dir dir;
  elsewhere other;
  const bool on_request_only = GENERATE(true, false);
  auto options = small(other.options(on_request_only ? 0 : std::uint64_t{1} << 30));
  options.max_disk_bytes = 8 * 64 * 1024;
  options.when_full = on_request_only ? when_full::drop_oldest : when_full::wait;
  auto l = log::open(dir.path(), options);
  REQUIRE(l);
  if (on_request_only) {
    result<sequence> s = sequence{};
    while (s) s = l->append(large(l->published_sequence().value + 1));
    CHECK(s.error().code() == errc::no_space);
    CHECK(l->first_sequence() == sequence{1});
    REQUIRE(l->checkpoint().has_value());
    wait_until([&] { return l->append(large(l->published_sequence().value + 1)).has_value(); });
  } else {
    append_large(*l, 500);
    CHECK(other.last() > sequence{300});
  }
}

TEST_CASE("without a save function nothing is held, and checkpoint() says so", "[checkpoint]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024});
  REQUIRE(l);
  append_large(*l, 50);
  const auto no = l->checkpoint();
  REQUIRE_FALSE(no.has_value());
  CHECK(no.error().code() == errc::bad_option);
  CHECK(no.error().path() == "checkpoint");
  wait_until([&] { return (*l->plan_retention({.max_segments = 1}))[2].goes; });
  REQUIRE(l->retain({.max_segments = 1}).has_value());
  CHECK(l->first_sequence() > sequence{30});
  CHECK(l->checkpointed_sequence() + 1 == l->first_sequence());
}

TEST_CASE("trimming beyond the checkpoint raises it", "[checkpoint][trim]") {
  const temp_dir dir;
  elsewhere other;
  auto l = log::open(dir.path(), small(other.options()));
  REQUIRE(l);
  append_all(*l, "abcdef");
  REQUIRE(l->checkpoint().has_value());
  append_all(*l, "ghij");
  REQUIRE(l->trim_before({9}).has_value());
  CHECK(l->checkpointed_sequence() == sequence{8});
  CHECK(*l->checkpoint() == sequence{10});
  CHECK(other.texts() == "a b c d e f | i j | ");
  REQUIRE(l->trim_before({10}).has_value());
  CHECK(l->checkpointed_sequence() == sequence{10});
}

TEST_CASE("a save may use the log, and what waits for it is told when the log is closed", "[checkpoint][close]") {
  const temp_dir dir;
  std::atomic<log*> used = nullptr;
  std::atomic<int> step = 0;
  auto l = log::open(dir.path(), small({.save = [&](const checkpoint_request& r) {
                       log& mine = *used.load();
                       if (step != 0) return true;
                       expect(mine.append("from it").has_value());
                       expect(mine.trim_before(r.first + 1).has_value());
                       expect(r.records.next().error().code() == errc::trimmed);
                       expect(r.records.seek({}).has_value());
                       expect((*r.records.next())->text() == "b");
                       expect((*r.records.next())->text() == "from it");
                       expect(mine.checkpoint().error().code() == errc::would_block_itself);
                       expect(mine.close().error().code() == errc::would_block_itself);
                       step = 1;
                       step.notify_all();
                       step.wait(1);
                       const auto none = r.records.wait(std::chrono::steady_clock::time_point::max());
                       expect((!none && none.error().code() == errc::closed));
                       return true;
                     }}));
  REQUIRE(l);
  used = &*l;
  append_all(*l, "ab");
  std::thread waits{[&] {
    const auto done = l->checkpoint();
    expect(done ? *done == sequence{2} : done.error().code() == errc::closed);
  }};
  step.wait(0);
  std::thread closes{[&] { expect(l->close().has_value()); }};
  std::this_thread::sleep_for(5ms);  // so that it is likely to be at it
  step = 2;
  step.notify_all();
  waits.join();
  closes.join();
  CHECK(l->checkpointed_sequence() == sequence{2});
  CHECK(l->checkpoint().error().code() == errc::closed);
}

TEST_CASE("who asks for a checkpoint while one runs waits for another", "[checkpoint]") {
  const temp_dir dir;
  std::atomic<int> calls = 0;
  std::atomic<bool> go_on = false;
  std::vector<sequence> lasts;
  auto l = log::open(dir.path(), small({.save = [&](const checkpoint_request& r) {
                       ++calls;
                       calls.notify_all();
                       go_on.wait(false);
                       lasts.push_back(r.last);
                       return true;
                     }}));
  REQUIRE(l);
  append_all(*l, "a");
  std::thread first{[&] { expect(l->checkpoint().has_value()); }};
  calls.wait(0);
  append_all(*l, "b");
  std::thread second{[&] { expect(*l->checkpoint() >= sequence{2}); }};
  std::this_thread::sleep_for(2ms);
  go_on = true;
  go_on.notify_all();
  first.join();
  second.join();
  CHECK(calls == 2);
  CHECK(lasts == std::vector<sequence>{{1}, {2}});
}

TEST_CASE("a thread that holds a claim may not ask for a checkpoint, others may", "[checkpoint][claim]") {
  const temp_dir dir;
  elsewhere other;
  auto l = log::open(dir.path(), small(other.options()));
  REQUIRE(l);
  append_all(*l, "a");
  auto c = l->claim(1);
  REQUIRE(c.has_value());
  CHECK(l->checkpoint().error().code() == errc::would_block_itself);
  std::thread asks{[&] { expect(*l->checkpoint() == sequence{1}); }};
  asks.join();
}

TEST_CASE("an open replays what was not checkpointed, by segment and record", "[checkpoint][recovery]") {
  const temp_dir dir;
  elsewhere other;
  {
    auto options = small(other.options());
    options.version_info = "one:";
    options.retention.keep_records = 1'000;
    auto l = log::open(dir.path(), options);
    REQUIRE(l);
    append_all(*l, "abc");
    REQUIRE(l->checkpoint().has_value());
    {
      auto c = l->claim(1);
    }
    append_all(*l, "de");
    for (int i = 0; i < 2; ++i) REQUIRE(l->append(std::string(32'000, '-')).has_value());
    append_all(*l, "f");
    REQUIRE(l->close().has_value());
  }
  auto options = small({});
  options.version_info = "two:";
  SECTION("all of it, as often as it is opened") {
    for (int i = 0; i < 2; ++i) {
      replayed seen;
      options.on_recovery = seen.handler();
      const auto l = log::open(dir.path(), options);
      REQUIRE(l);
      const auto dashes = seen.text.find("---");
      CHECK(seen.text.substr(0, dashes) == "[one:4-7] d e ");
      CHECK(seen.text.substr(seen.text.rfind('[')) == "[one:8-9] " + std::string(32'000, '-') + " f");
    }
  }
  SECTION("after a death as well") {
    die_with(dir.path(), options, [](log& l) { must(l.append("g").has_value()); });
    replayed seen;
    options.on_recovery = seen.handler();
    const auto l = log::open(dir.path(), options);
    REQUIRE(l);
    CHECK(seen.text.ends_with(" f g"));
  }
  SECTION("segments can be skipped, and stay") {
    int records = 0;
    options.on_recovery = {.segment =
                               [](const recovered_segment& s) {
                                 return s.sequences.first == sequence{4} ? recovery_handler::choice::skip
                                                                         : recovery_handler::choice::recover;
                               },
                           .record =
                               [&](const record&) {
                                 ++records;
                                 return true;
                               }};
    const auto l = log::open(dir.path(), options);
    REQUIRE(l);
    CHECK(records == 2);
    CHECK(l->read({5}).has_value());
  }
  SECTION("without a function for segments, or for records") {
    replayed seen;
    options.on_recovery = {.segment = {}, .record = seen.handler().record};
    REQUIRE(log::open(dir.path(), options).has_value());
    CHECK(seen.text.starts_with(" d e -"));
    CHECK(seen.text.ends_with("- f"));
    options.on_recovery = {.segment = seen.handler().segment, .record = {}};
    REQUIRE(log::open(dir.path(), options).has_value());
    CHECK(seen.text.ends_with("[one:4-7][one:8-9]"));
  }
  SECTION("a function says no: the open is cancelled, and the log is closed") {
    options.on_recovery = {.segment = {}, .record = [](const record& r) { return r.text() != "e"; }};
    const auto no = log::open(dir.path(), options);
    REQUIRE_FALSE(no.has_value());
    CHECK(no.error().code() == errc::cancelled);
    options.on_recovery = {};
    const auto l = log::open(dir.path(), options);
    REQUIRE(l);
    CHECK(l->recovery().clean);
    CHECK(l->published_sequence() == sequence{9});
  }
  SECTION("damage there ends the open with what it is") {
    flip_payload_bit(dir.path(), 5);
    replayed seen;
    options.on_recovery = seen.handler();
    const auto no = log::open(dir.path(), options);
    REQUIRE_FALSE(no.has_value());
    CHECK(no.error().code() == errc::damaged);
    CHECK(no.error().first_sequence() == 5);
  }
}

TEST_CASE("a log that was never checkpointed is replayed whole, an empty one not at all", "[checkpoint][recovery]") {
  const temp_dir dir;
  replayed seen;
  auto options = small({});
  options.on_recovery = seen.handler();
  {
    auto l = log::open(dir.path(), options);
    REQUIRE(l);
    CHECK(seen.text.empty());
    append_all(*l, "abc");
    REQUIRE(l->trim_before({2}).has_value());
  }
  const auto l = log::open(dir.path(), options);
  REQUIRE(l);
  CHECK(seen.text == "[2-3] b c");
}

}  // namespace varve::testing
