// SPDX-License-Identifier: MIT
//
// What a view says of the marks, asked for each of them alone, with no other call before it: it is what there is when it is
// asked, through truncations, resets, trims, syncs, deaths and other writers.
#include <memory>
#include <string>
#include <vector>

#include <varve/log_view.hpp>
#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/dice.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"
#include "support/stepwise_writer.hpp"

namespace varve::testing {
namespace {

enum class question : std::uint8_t { first, durable, published, stats, describe };
constexpr question questions[] = {question::first, question::durable, question::published, question::stats,
                                  question::describe};

struct truth {
  std::uint64_t first = 1, durable = 0, published = 0;
  bool operator==(const truth&) const = default;
};
truth of(const marks& m) { return {.first = m.first.value, .durable = m.durable.value, .published = m.published.value}; }

std::string text_of(const truth& t) {
  return "first " + std::to_string(t.first) + ", durable " + std::to_string(t.durable) + ", published " +
         std::to_string(t.published);
}

/// One call, and no other.
void ask(const log_view& v, question q, const truth& expected) {
  INFO("expected: " << text_of(expected) << ", question " << static_cast<int>(q));
  switch (q) {
    case question::first: CHECK(v.first_sequence().value == expected.first); break;
    case question::durable: CHECK(v.durable_sequence().value == expected.durable); break;
    case question::published: CHECK(v.published_sequence().value == expected.published); break;
    case question::stats: {
      const auto s = v.stats();
      REQUIRE(s);
      CHECK(text_of(of(s->at)) == text_of(expected));
      break;
    }
    case question::describe: {
      const auto d = v.describe();
      REQUIRE(d);
      CHECK(text_of(of(d->at)) == text_of(expected));
      break;
    }
  }
}

struct planned {
  std::string name;
  stepwise_writer::step does;
  truth after;
};

/// What a writer may do to the marks, and what they are then.
planned any_step(dice& d, truth t) {
  switch (d.below(7)) {
    case 0:
    case 1: {
      const std::uint64_t count = d.between(1, 20);
      t.published += count;
      return {"append " + std::to_string(count), [count](log& l) { append_all(l, std::string(count, 'x')); }, t};
    }
    case 2: {  // over rolls; synced, for when they are sealed is up to the background
      t.published += 3;
      t.durable = t.published;
      return {"roll",
              [](log& l) {
                for (int i = 0; i < 3; ++i) must(l.append(std::string(30'000, 'y')).has_value());
                must(l.sync().has_value());
              },
              t};
    }
    case 3: t.durable = t.published; return {"sync", [](log& l) { must(l.sync().has_value()); }, t};
    case 4: {
      const std::uint64_t target = d.between(t.first, t.published + 1);
      if (target > t.first && target - 1 > t.durable) t.durable = t.published;
      t.first = target;
      return {"trim " + std::to_string(target), [target](log& l) { must(l.trim_before({target}).has_value()); }, t};
    }
    case 5: {
      const std::uint64_t last = d.between(t.first - 1, t.published);
      t.durable = t.published = last;
      return {"truncate " + std::to_string(last), [last](log& l) { must(l.truncate_after({last}).has_value()); }, t};
    }
    default: {
      const std::uint64_t next = d.between(1, t.published + 30);
      t = {.first = next, .durable = next - 1, .published = next - 1};
      return {"reset " + std::to_string(next), [next](log& l) { must(l.reset({next}).has_value()); }, t};
    }
  }
}

/// The question is the same all the time, or another one each time.
void live_and_ask(std::uint64_t seed, const question* always) {
  dice d{seed};
  const fast_dir dir;
  truth now;
  static_cast<void>(*log::open(dir.path(), {.segment_bytes = 65'536}));
  const auto view = log_view::open(dir.path());
  REQUIRE(view);
  std::string story;
  const auto look = [&](const std::string& event) {
    story += event + "; ";
    INFO("seed " << seed << ": " << story);
    if (d.one_in(3)) return;  // several things may have happened since it was asked last
    ask(*view, always != nullptr ? *always : d.pick(questions), now);
  };
  for (int life = 0; life < 4; ++life) {
    now.durable = now.published;  // an open syncs
    std::vector<planned> plan;
    std::vector<stepwise_writer::step> steps;
    for (auto t = now; plan.size() < 8; t = plan.back().after) {
      plan.push_back(any_step(d, t));
      steps.push_back(plan.back().does);
    }
    const bool closes = d.one_in(2);
    steps.push_back([](log& l) { must(l.close().has_value()); });
    stepwise_writer w{dir.path(), steps};
    look("open");
    for (const auto& each : plan) {
      w.go();
      now = each.after;
      look(each.name);
    }
    if (closes) {
      w.go();
      now.durable = now.published;
      look("close");
    }
    w.kill();
    look("end");
  }
}

}  // namespace

TEST_CASE("each mark of a view is what there is when it is asked for, also if nothing else of the view is asked",
          "[view][marks][truncate][trim][G8]") {
  for (const question& q : questions)
    for (std::uint64_t seed = 0; seed < 4; ++seed) live_and_ask(seed, &q);
  for (std::uint64_t seed = 100; seed < 110; ++seed) live_and_ask(seed, nullptr);
}

TEST_CASE("a view that was open when a writer died says of each mark what a new view says", "[view][marks][truncate][G8]") {
  for (const char* point :
       {"truncate.before_state", "truncate.decided", "truncate.before_clear", "trim.before_state", "trim.before_drop"})
    for (const question& q : questions) {
      INFO(point << ", question " << static_cast<int>(q));
      const fast_dir dir;
      die_after(dir.path(), std::string(20, 'a'), 20);
      const auto view = log_view::open(dir.path());
      REQUIRE(view);
      ask(*view, question::describe, {.first = 1, .durable = 20, .published = 20});
      die_with(dir.path(), {.segment_bytes = 65'536}, [&](log& l) {
        append_all(l, "bcdef");
        die_at(point);
        if (std::string_view{point}.starts_with("trim")) {
          static_cast<void>(l.trim_before({7}));
        } else {
          static_cast<void>(l.truncate_after({9}));
        }
      });
      const auto other = log_view::open(dir.path());
      REQUIRE(other);
      const auto d = other->describe();
      REQUIRE(d);
      ask(*view, q, of(d->at));
    }
}

TEST_CASE("a segment that a view has not come to yet is in its statistics", "[view][marks][G8]") {
  const fast_dir dir;
  stepwise_writer w{dir.path(), {[](log& l) {
                      for (int i = 0; i < 8; ++i) must(l.append(std::string(20'000, 'x')).has_value());
                    }}};
  const auto view = log_view::open(dir.path());
  REQUIRE(view);
  w.go();
  const auto s = view->stats();
  REQUIRE(s);
  CHECK(s->segments == 3);
  CHECK(s->bytes_used == view->describe()->bytes_used);
}

}  // namespace varve::testing
