// SPDX-License-Identifier: MIT
//
// A view whose looks fail: the next look makes up for it.
#include <cerrno>
#include <cstdint>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

constexpr const char* directory = "log";
const log_options small{.segment_bytes = 64 * 1024};

void append(log& l, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(l.append("record").has_value());
}

}  // namespace

TEST_CASE("whatever call of a look fails, the next look sees what there is", "[power][view][truncate][G3][G8]") {
  const bool is_truncated = GENERATE(false, true);
  bool was_failing = true;
  for (std::uint64_t nth = 1; was_failing; ++nth) {
    INFO("call " << nth << (is_truncated ? ", truncated" : ""));
    memory_os::reset();
    auto l = log::open(directory, small);
    REQUIRE(l.has_value());
    append(*l, 5);
    REQUIRE(l->close().has_value());
    const auto view = log_view::open(directory);
    REQUIRE(view.has_value());
    CHECK(view->published_sequence() == sequence{5});
    l = log::open(directory, small);  // it goes on in the same segment
    REQUIRE(l.has_value());
    append(*l, 3);
    if (is_truncated) {
      CHECK(view->published_sequence() == sequence{8});
      REQUIRE(l->truncate_after({2}).has_value());
      append(*l, 4);
    }
    const std::uint64_t end = is_truncated ? 6 : 8;
    memory_os::fail({.number = EMFILE, .nth = nth, .for_ever = true});
    was_failing = !view->read({end}).has_value();  // by the writer's threads as well: they have nothing to do
    memory_os::heal();
    CHECK(view->published_sequence() == sequence{end});
    CHECK(view->read({end}).has_value());
    REQUIRE(nth < 1'000);
  }
  memory_os::reset();
}

}  // namespace varve::testing
