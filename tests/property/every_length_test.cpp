// SPDX-License-Identifier: MIT
//
// A segment file that was cut short, to each of the 65536 lengths that it can have: never taken for the log's end.
#include "property/full_segment.hpp"

namespace varve::testing {

TEST_CASE("a log whose segment was cut short, to any length, is refused and not changed", "[property][G5][G7]") {
  const full_segment golden;
  const std::uint64_t size = golden.bytes.size();
  for (std::uint64_t length = 0; length < size; ++length) {
    INFO("cut to " << length << " bytes");
    memory_os::put(golden.path, std::span{golden.bytes}.first(length));
    const auto l = log::open(golden.directory);
    // Without its activation it is no segment of the log any more: one is missing.
    const bool may_be_missing = length < format::activation_offset + format::sector_bytes;
    const bool is_missing = !l && may_be_missing && l.error().code() == errc::incomplete;
    if (!is_missing && (l || l.error().code() != errc::damaged)) FAIL((l ? "it opens" : l.error().message()));
    if (memory_os::contents(golden.path).size() != length) FAIL("it was changed");
    if (length % 16 != 0 && length > format::segment_header_bytes) continue;
    const auto report = verify(golden.directory);
    if (!report || report->findings.empty()) FAIL("verify finds nothing");
    const auto v = log_view::open(golden.directory);
    if (!v) continue;
    // What is read is right. What is there of it is in pages that a mapping has.
    for (std::uint64_t s = 1; s <= golden.frames.size(); s += 1 + length % 41) {
      const auto r = v->read({s});
      if (r && r->text() != golden.frames[s - 1].text) FAIL("a wrong record: " << s);
    }
  }
}

}  // namespace varve::testing
