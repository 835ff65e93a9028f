// SPDX-License-Identifier: MIT
//
// Archive hooks: which segments they are told of, when, and what waits for them.
#include <atomic>
#include <condition_variable>
#include <filesystem>
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
namespace fs = std::filesystem;

/// What hooks were told, and what they say.
class archive {
 public:
  [[nodiscard]] archive_hooks hooks() {
    return {.sealed = [this](const sealed_segment& s) { return see(s); },
            .dropping =
                [this](const sealed_segment& s) {
                  expect(fs::exists(s.path));
                  const std::scoped_lock lock{guard_};
                  dropped_.push_back(s);
                }};
  }
  /// Says no so many times; -1: always.
  void refuse(int times) { refusals_ = times; }
  [[nodiscard]] std::vector<sealed_segment> kept() const {
    const std::scoped_lock lock{guard_};
    return kept_;
  }
  [[nodiscard]] std::vector<sealed_segment> dropped() const {
    const std::scoped_lock lock{guard_};
    return dropped_;
  }
  [[nodiscard]] int calls() const { return calls_; }
  /// The last sequence that is safe.
  [[nodiscard]] sequence last() const {
    const auto all = kept();
    return all.empty() ? sequence{} : sequence{all.back().sequences.end.value - 1};
  }

 private:
  bool see(const sealed_segment& s) {
    ++calls_;
    expect(!inside_.exchange(true));  // one call at a time
    expect(s.path.parent_path() == s.directory);
    expect(fs::file_size(s.path) >= s.used_bytes);
    const bool no = refusals_ != 0;
    if (refusals_ > 0) --refusals_;
    if (!no) {
      const std::scoped_lock lock{guard_};
      kept_.push_back(s);
    }
    inside_ = false;
    return !no;
  }

  mutable std::mutex guard_;
  std::vector<sealed_segment> kept_, dropped_;
  std::atomic<int> refusals_ = 0, calls_ = 0;
  std::atomic<bool> inside_ = false;
};

/// Fifteen to a segment.
std::string large(std::uint64_t s) { return std::to_string(s) + std::string(4000, '.'); }
void append_large(log& l, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(l.append(large(l.published_sequence().value + 1)).has_value());
}
constexpr std::uint64_t per_segment = 16;

template <class Condition>
void wait_until(Condition c) {
  const auto begin = std::chrono::steady_clock::now();
  while (!c()) {
    REQUIRE(std::chrono::steady_clock::now() - begin < 30s);
    std::this_thread::sleep_for(1ms);
  }
}

log_options with(archive& a) { return {.segment_bytes = 64 * 1024, .archive = a.hooks()}; }

result<log> open_with(const temp_dir& dir, archive& a) { return log::open(dir.path(), with(a)); }

std::uint64_t rolled(const log& l) { return l.stats().segments - 1; }

}  // namespace

TEST_CASE("each sealed segment is handed out once, oldest first, without a gap", "[archive]") {
  const temp_dir dir;
  archive a;
  {
    auto l = open_with(dir, a);
    REQUIRE(l);
    CHECK(l->archived_sequence() == sequence{0});
    append_large(*l, 100);
    const auto ended = rolled(*l);
    REQUIRE(ended >= 5);
    wait_until([&] { return a.kept().size() == ended; });
    wait_until([&] { return l->archived_sequence() == a.last(); });
    REQUIRE(l->close().has_value());
  }
  sequence next{1};
  for (const auto& s : a.kept()) {
    CHECK(s.sequences.first == next);
    next = s.sequences.end;
    CHECK(s.directory == dir.path());
    CHECK(s.path == segment_path(dir.path(), s.number));
    CHECK(s.used_bytes > 60'000);
    CHECK(s.used_bytes <= 64 * 1024);
  }
  // In the next life it goes on where it was.
  const int calls = a.calls();
  const auto last = a.last();
  auto l = open_with(dir, a);
  REQUIRE(l);
  CHECK(l->archived_sequence() == last);
  append_large(*l, per_segment);
  wait_until([&] { return a.calls() > calls; });
  CHECK(a.kept()[static_cast<std::size_t>(calls)].sequences.first == last + 1);
}

TEST_CASE("what the hook refuses is handed out again, after a second or with the next seal", "[archive]") {
  const temp_dir dir;
  archive a;
  a.refuse(2);
  auto l = open_with(dir, a);
  REQUIRE(l);
  append_large(*l, per_segment + 1);
  const auto begin = std::chrono::steady_clock::now();
  wait_until([&] { return a.kept().size() == 1; });
  CHECK(std::chrono::steady_clock::now() - begin > 1500ms);
  CHECK(a.calls() == 3);
  a.refuse(1);
  append_large(*l, per_segment);
  wait_until([&] { return a.calls() == 4; });
  const auto then = std::chrono::steady_clock::now();
  append_large(*l, per_segment);
  wait_until([&] { return a.kept().size() >= 2; });
  CHECK(std::chrono::steady_clock::now() - then < 900ms);
  CHECK(a.kept()[1].sequences.first == a.kept()[0].sequences.end);
}

TEST_CASE("no rule drops what was not archived, in no life that has the hook", "[archive][retention]") {
  const temp_dir dir;
  archive a;
  a.refuse(-1);
  auto options = with(a);
  options.retention.max_segments = 2;
  options.max_disk_bytes = 8 * 64 * 1024;
  options.when_full = when_full::drop_oldest;
  {
    auto l = log::open(dir.path(), options);
    REQUIRE(l);
    result<sequence> s = sequence{};
    while (s) s = l->append(large(l->published_sequence().value + 1));
    CHECK(s.error().code() == errc::no_space);  // as under when_full::refuse
    CHECK(l->first_sequence() == sequence{1});
    const auto plan = l->retain(options.retention);
    REQUIRE(plan);
    CHECK_FALSE(plan->front().goes);
    CHECK(plan->front().reason == retention_reason::archive);
    CHECK(text_of(plan->front().reason) == "no copy of it is safe yet");
    REQUIRE(l->close().has_value());
  }
  {
    auto l = log::open(dir.path(), options);
    REQUIRE(l);
    REQUIRE(l->retain(options.retention).has_value());
    CHECK(l->first_sequence() == sequence{1});
    a.refuse(0);
    const auto more = [&] { return l->append(large(l->published_sequence().value + 1)).has_value(); };
    wait_until(more);
    wait_until([&] { return l->stats().segments <= 3 && more(); });
    CHECK(l->first_sequence() > sequence{1});
    CHECK(a.kept().front().sequences.first == sequence{1});
  }
  // Without the hook nothing holds them.
  a.refuse(-1);
  auto again = log::open(dir.path(), options);
  REQUIRE(again);
  append_large(*again, 2);
  REQUIRE(again->close().has_value());
  auto l = log::open(dir.path(), {});
  REQUIRE(l);
  REQUIRE(l->retain({.max_segments = 1}).has_value());
  CHECK(l->stats().segments == 1);
}

TEST_CASE("trim_before has everything archived that ends before its target", "[archive][trim]") {
  const temp_dir dir;
  archive a;
  auto l = open_with(dir, a);
  REQUIRE(l);
  append_large(*l, 100);

  SECTION("in the middle of a segment") {
    REQUIRE(l->trim_before({70}).has_value());
    CHECK(l->first_sequence() == sequence{70});
    for (const auto& s : a.dropped()) CHECK(s.sequences.end <= sequence{70});
    CHECK(a.last() + 1 >= a.dropped().back().sequences.end);
    CHECK(l->archived_sequence() >= sequence{69});
  }
  SECTION("to the last record: its segment ends, and is archived as well") {
    REQUIRE(l->trim_before({101}).has_value());
    CHECK(l->first_sequence() == sequence{101});
    CHECK(a.last() == sequence{100});
    CHECK(a.dropped().size() == a.kept().size());
    CHECK(*l->append("next") == sequence{101});
    CHECK(l->archived_sequence() == sequence{100});
  }
  SECTION("the hook says no: nothing is trimmed") {
    a.refuse(-1);
    const auto before = a.kept().size();
    append_large(*l, 100);
    const auto done = l->trim_before(l->published_sequence());
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().code() == errc::cancelled);
    CHECK(l->first_sequence() == sequence{1});
    CHECK(a.dropped().empty());
    CHECK(a.kept().size() <= before + 1);
    a.refuse(0);
    CHECK(l->trim_before(l->published_sequence()).has_value());
  }
  SECTION("what is gone already needs no archive") {
    REQUIRE(l->trim_before({50}).has_value());
    a.refuse(-1);
    CHECK(l->trim_before({50}).has_value());
    CHECK(l->trim_before({}).has_value());
  }
  REQUIRE(l->close().has_value());
}

TEST_CASE("each drop is announced once, with the file still there", "[archive][trim][retention]") {
  const temp_dir dir;
  archive a;
  auto options = with(a);
  options.retention.max_segments = 2;
  auto l = log::open(dir.path(), options);
  REQUIRE(l);
  append_large(*l, 200);
  wait_until([&] { return l->stats().segments <= 2; });
  wait_until([&] { return a.dropped().size() + 1 >= a.kept().size(); });
  sequence next{1};
  for (const auto& s : a.dropped()) {
    CHECK(s.sequences.first == next);
    next = s.sequences.end;
  }
  CHECK(next == l->first_sequence());
}

TEST_CASE("segments without records are handed out and dropped like others, what is truncated is not told",
          "[archive][trim][truncate]") {
  const temp_dir dir;
  archive a;
  auto l = open_with(dir, a);
  REQUIRE(l);
  append_large(*l, 5);
  REQUIRE(l->truncate_after({4}).has_value());
  REQUIRE(l->append(std::string(100'000, 'l')).has_value());  // passes by the segment that was begun
  append_large(*l, 3 * per_segment);
  REQUIRE(l->trim_before({22}).has_value());
  const auto kept = a.kept(), dropped = a.dropped();
  REQUIRE(kept.size() >= 3);
  CHECK((kept[0].sequences == sequence_range{{1}, {5}}));
  CHECK((kept[1].sequences == sequence_range{{5}, {5}}));
  CHECK(kept[1].used_bytes == 4096);
  CHECK(kept[2].sequences.first == sequence{5});
  REQUIRE(dropped.size() >= 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(dropped[i].number == kept[i].number);

  REQUIRE(l->truncate_after({23}).has_value());
  REQUIRE(l->reset({30}).has_value());
  CHECK(a.dropped().size() == dropped.size());
}

TEST_CASE("a segment without records goes at once where the log begins", "[archive]") {
  const temp_dir dir;
  archive a;
  auto l = open_with(dir, a);
  REQUIRE(l);
  REQUIRE(l->append(std::string(100'000, 'l')).has_value());
  append_large(*l, 2 * per_segment);
  wait_until([&] { return !a.kept().empty(); });
  CHECK(a.kept()[0].sequences.first == sequence{1});
  REQUIRE(a.dropped().size() == 1);
  CHECK((a.dropped()[0].sequences == sequence_range{{1}, {1}}));
}

TEST_CASE("a drop that a death kept from being done is announced again, a file without records is not", "[archive][trim]") {
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = 64 * 1024, .spare_segments = 0}, [](log& l) {
    for (int i = 0; i < 40; ++i) must(l.append(large(1)).has_value());
    must(l.sync().has_value());
    die_at("trim.before_drop");
    static_cast<void>(l.trim_before({40}));
  });
  archive a;
  auto l = open_with(dir, a);
  REQUIRE(l);
  CHECK(l->first_sequence() == sequence{40});
  REQUIRE(a.dropped().size() == 2);
  CHECK(a.dropped()[0].sequences.first == sequence{1});
  CHECK(a.dropped()[1].sequences.first == a.dropped()[0].sequences.end);
}

TEST_CASE("a position survives a death, and never passes what was archived", "[archive][G2]") {
  const temp_dir dir;
  die_with(dir.path(),
           {.segment_bytes = 64 * 1024,
            .archive = {.sealed = [](const sealed_segment& s) { return s.sequences.first < sequence{20}; }, .dropping = {}}},
           [](log& l) {
             for (int i = 0; i < 100; ++i) must(l.append(large(1)).has_value());
             while (l.archived_sequence() < sequence{20}) std::this_thread::sleep_for(1ms);
           });
  archive a;
  auto l = open_with(dir, a);
  REQUIRE(l);
  CHECK(l->archived_sequence() >= sequence{20});
  CHECK(l->archived_sequence() < sequence{40});
  wait_until([&] { return l->archived_sequence() == sequence{100} || a.kept().size() >= 4; });
  CHECK(a.kept().front().sequences.first.value > 20);
}

TEST_CASE("close waits for a hook that is being called, and the hook may use the log", "[archive][close]") {
  const temp_dir dir;
  std::atomic<log*> used = nullptr;
  std::atomic<int> step = 0;
  {
    auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024,
                                    .archive = {.sealed =
                                                    [&](const sealed_segment& s) {
                                                      log& mine = *used.load();
                                                      expect(mine.read(s.sequences.first).has_value());
                                                      expect(mine.append("from the hook").has_value());
                                                      expect(mine.trim_before({1}).has_value());
                                                      // What waits for this very thread is refused.
                                                      const auto own = mine.trim_before(s.sequences.end);
                                                      expect((!own && own.error().code() == errc::would_block_itself));
                                                      const auto end = mine.close();
                                                      expect((!end && end.error().code() == errc::would_block_itself));
                                                      step = 1;
                                                      step.notify_all();
                                                      step.wait(1);
                                                      auto r = mine.reader(mine.published_sequence() + 1);
                                                      expect(r.has_value());
                                                      const auto none =
                                                          r->wait(std::chrono::steady_clock::time_point::max());
                                                      expect((!none && none.error().code() == errc::closed));
                                                      expect(mine.append("x").error().code() == errc::closed);
                                                      expect(mine.trim_before({5}).error().code() == errc::closed);
                                                      return true;
                                                    },
                                                .dropping = {}}});
    REQUIRE(l);
    used = &*l;
    append_large(*l, per_segment);
    step.wait(0);
    std::thread closes{[&] { expect(l->close().has_value()); }};
    std::this_thread::sleep_for(5ms);  // so that it is likely to be at it
    step = 2;
    step.notify_all();
    closes.join();
    CHECK(l->archived_sequence().value > 10);
  }
  archive a;
  auto again = open_with(dir, a);
  REQUIRE(again);
  CHECK(again->recovery().clean);
  CHECK(again->archived_sequence().value > 10);
}

TEST_CASE("who waits in trim_before for the hook is told when the log is closed", "[archive][close]") {
  const temp_dir dir;
  std::atomic<bool> inside = false, go_on = false;
  auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024,
                                  .archive = {.sealed =
                                                  [&](const sealed_segment&) {
                                                    inside = true;
                                                    inside.notify_all();
                                                    go_on.wait(false);
                                                    return false;
                                                  },
                                              .dropping = {}}});
  REQUIRE(l);
  append_large(*l, 2 * per_segment);
  inside.wait(false);
  std::thread trims{[&] {
    const auto done = l->trim_before({20});
    expect((!done && (done.error().code() == errc::closed || done.error().code() == errc::cancelled)));
  }};
  std::thread closes{[&] { expect(l->close().has_value()); }};
  go_on = true;
  go_on.notify_all();
  trims.join();
  closes.join();
}

TEST_CASE("a view says how far a log was archived", "[archive][view]") {
  const temp_dir dir;
  archive a;
  auto l = open_with(dir, a);
  REQUIRE(l);
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  append_large(*l, 3 * per_segment);
  wait_until([&] { return l->archived_sequence() > sequence{20}; });
  const auto at_least = l->archived_sequence();
  const auto d = v->describe();
  REQUIRE(d);
  CHECK(d->archived >= at_least);
  REQUIRE(l->trim_before({40}).has_value());
  CHECK(v->describe()->archived >= sequence{39});
  CHECK(v->describe()->checkpointed == sequence{39});
}

TEST_CASE("of a copy that lacks segments the positions are not beyond its end", "[archive]") {
  const temp_dir dir, copy;
  archive a;
  {
    auto l = open_with(dir, a);
    REQUIRE(l);
    append_large(*l, 3 * per_segment);
    wait_until([&] { return l->archived_sequence() > sequence{20}; });
    REQUIRE(l->close().has_value());
  }
  const auto target = copy.path() / "log";
  fs::copy(dir.path(), target);
  const auto numbers = segment_numbers(target);
  for (std::size_t i = 1; i < numbers.size(); ++i) fs::remove(segment_path(target, numbers[i]));
  archive none;
  none.refuse(-1);
  CHECK(log::open(target, with(none)).error().code() == errc::incomplete);
  auto options = with(none);
  options.recovery = recovery_mode::accept_loss;
  auto l = log::open(target, options);
  REQUIRE(l);
  CHECK(l->recovery().given_up > 0);
  CHECK(l->archived_sequence() <= l->published_sequence());
}

}  // namespace varve::testing
