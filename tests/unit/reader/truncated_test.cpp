// SPDX-License-Identifier: MIT
//
// A log that is truncated, and grows again, in the middle of what a reader does: at each point that the reader reaches in
// turn. It learns that its place went before it is given what came there, and learns nothing if its place did not go.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <varve/log_view.hpp>
#include <varve/varve.hpp>

#include "os/point.hpp"
#include "support/catch.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"
#include "support/stepwise_writer.hpp"

namespace varve::testing {
namespace {

const log_options small{.segment_bytes = 64 * 1024};

/// While it lives, `what` is done once, in the thread that made this, when that thread reaches a point for the `nth` time.
/// So nothing depends on who is faster. What is done must not wait for what the reader holds.
class meanwhile {
 public:
  /// `point`: which one; nothing: any counts.
  meanwhile(const char* point, std::uint64_t nth, std::function<void()> what) {
    mine = {.point = point, .left = nth, .what = std::move(what)};
    on_point.store(&reached_here);
  }
  ~meanwhile() {
    on_point.store(nullptr);
    mine = {};
  }
  meanwhile(const meanwhile&) = delete;
  meanwhile& operator=(const meanwhile&) = delete;
  [[nodiscard]] static bool happened() noexcept { return mine.left == 0; }

 private:
  struct order {
    const char* point = nullptr;
    std::uint64_t left = 0;
    std::function<void()> what{};
  };
  static void reached_here(const char* name) noexcept {
    if (mine.left == 0 || (mine.point != nullptr && std::strcmp(name, mine.point) != 0) || --mine.left > 0) return;
    mine.what();
  }
  static thread_local order mine;
};
thread_local meanwhile::order meanwhile::mine;

/// Where a reader is interrupted. In the process of the log it may hold what a truncation needs: so only where it does not.
struct interruption {
  bool by_view = false;
  const char* point = nullptr;
  std::uint64_t times = 200;  // how often it may be reached
};
const interruption interruptions[] = {{.by_view = true},
                                      {.point = "turn:C"},
                                      {.point = "first:A"},
                                      {.point = "frontier:A", .times = 1}};  // behind that it asks with a lock

struct scene {
  explicit scene(std::string_view letters) {
    auto made = log::open(dir.path(), small);
    REQUIRE(made.has_value());
    l.emplace(std::move(*made));
    append_all(*l, letters);
    auto seen = log_view::open(dir.path());
    REQUIRE(seen.has_value());
    v.emplace(std::move(*seen));
  }
  /// Stands at `at`.
  reader reader_at(bool by_view, std::uint64_t at) {
    auto made = by_view ? v->reader() : l->reader();
    REQUIRE(made.has_value());
    while (made->position().value < at) REQUIRE(made->next()->has_value());
    return std::move(*made);
  }
  fast_dir dir;
  std::optional<log> l{};
  std::optional<log_view> v{};
};

std::string text_of(const result<std::optional<record>>& r) {
  if (!r) return std::string{name_of(r.error().code())};
  return *r ? std::string{(*r)->text()} : "";
}

/// What next() returns from now on, up to the end or an error.
std::string rest_of(reader& at) {
  std::string all;
  for (;;) {
    const auto text = text_of(at.next());
    all += text;
    if (text.size() != 1) return all;
  }
}

/// Calls `round(interruption, nth)` for each point in turn, until it says that there is none behind it.
template <class Round>
void at_each_point(Round round) {
  for (const auto& where : interruptions)
    for (std::uint64_t nth = 1; nth <= where.times; ++nth) {
      INFO((where.by_view ? "a view" : "a reader in the process")
           << ", at point " << nth << " " << (where.point != nullptr ? where.point : ""));
      if (!round(where, nth)) break;
    }
}

}  // namespace

TEST_CASE("whenever a log is cut before a reader and grows beyond it, it says so before it gives what came there",
          "[truncate][view][G6]") {
  const auto letters = GENERATE(as<std::string>{}, "abc", "abcdef");  // the reader stands at the end, or before it
  const auto cut = GENERATE(0, 2);
  const bool waits = GENERATE(false, true);
  at_each_point([&](const interruption& where, std::uint64_t nth) {
    scene s{letters};
    reader at = s.reader_at(where.by_view, 4);
    std::string first;
    bool happened = false;
    {
      const meanwhile cuts{where.point, nth, [&] {
                             must(s.l->truncate_after({static_cast<std::uint64_t>(cut)}).has_value());
                             append_all(*s.l, "UVWXYZ");
                           }};
      if (waits) {
        const auto there = at.wait(std::chrono::steady_clock::now());
        first = there ? "" : std::string{name_of(there.error().code())};
      } else {
        first = text_of(at.next());
      }
      happened = meanwhile::happened();
    }
    INFO("letters " << letters << ", cut behind " << cut << ", first " << first);
    if (!happened) return false;
    // It had not begun to look, or has the record that stood there before, or is told.
    if (first != "truncated" && first != (waits || letters.size() == 3 ? "" : "d")) FAIL("it was given " << first);
    CHECK(rest_of(at) == "truncated");
    CHECK(rest_of(at) == "truncated");
    REQUIRE(at.seek({static_cast<std::uint64_t>(cut) + 1}).has_value());
    CHECK(rest_of(at) == "UVWXYZ");
    return true;
  });
}

TEST_CASE("a reader that stands where a log is cut is not told, and goes on with what is appended there",
          "[truncate][view][G6]") {
  const auto letters = GENERATE(as<std::string>{}, "abc", "abcdef");
  at_each_point([&](const interruption& where, std::uint64_t nth) {
    scene s{letters};
    reader at = s.reader_at(where.by_view, 4);
    std::string read;
    bool happened = false;
    {
      const meanwhile cuts{where.point, nth, [&] {
                             if (letters.size() == 3) append_all(*s.l, "d");
                             must(s.l->truncate_after({3}).has_value());
                             append_all(*s.l, "XYZ");
                           }};
      read = text_of(at.next());
      happened = meanwhile::happened();
    }
    INFO("letters " << letters << ", first " << read);
    if (!happened) return false;
    if (read == "d") {  // it had this before the cut, and so stands behind it
      CHECK(rest_of(at) == "truncated");
    } else {
      CHECK(read + rest_of(at) == "XYZ");
    }
    return true;
  });
}

TEST_CASE("a seek in the middle of which a log is cut and grows leads to what stands there then", "[truncate][view][G6]") {
  at_each_point([&](const interruption& where, std::uint64_t nth) {
    scene s{"abcdef"};
    reader at = s.reader_at(where.by_view, 2);
    result<void> moved;
    bool happened = false;
    {
      const meanwhile cuts{where.point, nth, [&] {
                             must(s.l->truncate_after({1}).has_value());
                             append_all(*s.l, "VWXYZ");
                           }};
      moved = at.seek({4});
      happened = meanwhile::happened();
    }
    if (!happened) return false;
    const auto read = moved ? rest_of(at) : std::string{name_of(moved.error().code())};
    // A view may learn of it at the next step.
    if (read != "XYZ" && !(where.by_view && read == "truncated")) FAIL("it was given " << read);
    return true;
  });
}

TEST_CASE("a read in the middle of which a log is cut and grows gives what stood there, or what stands there now",
          "[truncate][view][G6]") {
  const auto cut = GENERATE(1, 4);
  at_each_point([&](const interruption& where, std::uint64_t nth) {
    scene s{"abcdef"};
    if (where.by_view) REQUIRE(s.v->read({6}).has_value());
    const meanwhile cuts{where.point, nth, [&] {
                           must(s.l->truncate_after({static_cast<std::uint64_t>(cut)}).has_value());
                           append_all(*s.l, "VWXYZ");
                         }};
    const auto r = where.by_view ? s.v->read({5}) : s.l->read({5});
    if (!meanwhile::happened()) return false;
    REQUIRE(r.has_value());
    if (r->text() != "e" && r->text() != (cut == 1 ? "Y" : "V")) FAIL("it was given " << r->text());
    return true;
  });
}

TEST_CASE("a reader that is made in the middle of a reset, where that takes everything, is told", "[truncate][G6]") {
  scene s{"abcdef"};
  REQUIRE(s.l->trim_before({4}).has_value());
  std::optional<reader> at;
  {
    const meanwhile makes{"first:B", 1, [&] {
                            auto made = s.l->reader({6});
                            must(made.has_value());
                            at.emplace(std::move(*made));
                          }};
    REQUIRE(s.l->reset({2}).has_value());
  }
  REQUIRE(at.has_value());
  append_all(*s.l, "UVWXYZ");
  CHECK(rest_of(*at) == "truncated");
}

TEST_CASE("a reader of a view is told nothing when a writer died whose last segment was empty", "[truncate][view][G6]") {
  const fast_dir dir;
  die_after(dir.path(), "abc");  // so that the next one begins a segment, and appends nothing to it
  std::optional<log_view> view;
  std::optional<reader> at;
  std::uint64_t empty = 0;
  {
    stepwise_writer w{dir.path(), {}};
    auto opened = log_view::open(dir.path());
    REQUIRE(opened.has_value());
    view.emplace(std::move(*opened));
    auto made = view->reader();
    REQUIRE(made.has_value());
    at.emplace(std::move(*made));
    CHECK(rest_of(*at) == "abc");
    const auto segments = view->segments();
    REQUIRE(segments.has_value());
    const auto active = std::ranges::find(*segments, segment_description::state::active, &segment_description::state);
    REQUIRE(active != segments->end());
    empty = active->number;
    w.kill();
    CHECK(rest_of(*at).empty());
  }
  auto l = log::open(dir.path(), small);
  REQUIRE(l.has_value());
  CHECK_FALSE(std::filesystem::exists(segment_path(dir.path(), empty)));  // that one is gone
  CHECK(rest_of(*at).empty());
  append_all(*l, "de");
  CHECK(rest_of(*at) == "de");
  REQUIRE(l->close().has_value());
}

// What the view knew of the log is gone, and so is where it was cut.
TEST_CASE("a view's reader is told of a cut although all that it knew was cut or trimmed since",
          "[truncate][trim][view][G6]") {
  const fast_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l.has_value());
  const auto append_until = [&](std::uint64_t last) {
    while (l->published_sequence().value < last) REQUIRE(l->append(std::string(4'000, 'x')).has_value());
  };
  append_until(100);
  const auto view = log_view::open(dir.path());
  REQUIRE(view.has_value());
  auto at = view->reader({1});
  REQUIRE(at.has_value());
  while (at->position().value < 90) REQUIRE(at->next()->has_value());
  REQUIRE(l->truncate_after({79}).has_value());
  append_until(200);
  REQUIRE(l->trim_before({90}).has_value());
  CHECK(at->next().error().code() == errc::truncated);
  REQUIRE(at->seek({90}).has_value());
  CHECK((*at->next())->sequence() == sequence{90});
}

}  // namespace varve::testing
