// SPDX-License-Identifier: MIT
//
// What the open of a closed log of many segments asks of the system: headers, and nothing else.
#include <map>
#include <string>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace {

using namespace varve;
namespace memory_os = varve::testing::memory_os;
using memory_os::call;

struct use {
  unsigned opens = 0, looks = 0, reads = 0, others = 0;
  std::uint64_t bytes = 0;
};

}  // namespace

TEST_CASE("a clean open reads the header of each segment, and nothing of its frames", "[power][recovery]") {
  memory_os::reset();
  constexpr std::uint64_t segments = 200;
  {
    auto l = log::open("log", {.segment_bytes = 64 * 1024});
    REQUIRE(l);
    for (std::uint64_t s = 1; s <= 3 * segments; ++s) REQUIRE(l->append(std::string(19'000, 'x')).has_value());
    REQUIRE(l->stats().segments >= segments);
  }
  memory_os::record(true);
  const auto l = log::open("log");
  const auto events = memory_os::events();
  memory_os::record(false);
  REQUIRE(l);
  CHECK(l->recovery().clean);
  std::map<std::string, use> uses;
  unsigned lists = 0;
  for (const auto& e : events) {
    auto& u = uses[e.name];
    switch (e.what) {
      case call::list: ++lists; break;
      case call::open_file: ++u.opens; break;
      case call::status_of: ++u.looks; break;
      case call::read_at:
        ++u.reads;
        u.bytes += e.bytes;
        break;
      default: ++u.others;
    }
  }
  CHECK(lists <= 2);
  unsigned segment_files = 0, indexes = 0;
  for (const auto& [name, u] : uses) {
    const bool is_segment = name.ends_with(".seg"), is_index = name.ends_with(".idx");
    const std::uint64_t number = is_segment || is_index ? std::stoull(name) : segments;
    if (number >= segments) continue;  // the last is mapped, to go on in it; another is made ahead
    CAPTURE(name);
    segment_files += is_segment ? 1 : 0;
    indexes += is_index ? 1 : 0;
    CHECK(u.opens == 1);
    CHECK(u.looks == 1);
    CHECK(u.reads == 1);
    CHECK(u.others == 0);
    CHECK(u.bytes <= (is_segment ? 4096 : 512));
  }
  CHECK(segment_files == segments - 1);
  CHECK(indexes == segments - 1);
}
