// SPDX-License-Identifier: MIT
//
// recovery.cpp - fuzz target: a whole directory of files. Whatever stands there, looking at it and opening it ends in an
// answer; a refusal changes nothing; what an open keeps is what a view has shown, and what the next open finds.
//
// Input: packed_log.hpp. Bit 0 of the flags: the machine was started anew since.
#include <optional>
#include <string>

#include <varve/varve.hpp>

#include "log_contents.hpp"

namespace varve::fuzz {
namespace {

struct findings {
  std::optional<contents> seen{};  // nothing if a view does not open
  bool damaged = false;
  bool live_is_short = false;
};

findings look_on() {
  const auto before = files_now();
  const auto live = before.find(format::live_name);
  findings found{.live_is_short = live != before.end() && live->second.size() < format::live_file_bytes};
  auto& seen = found.seen;
  if (const auto view = log_view::open(log_directory)) {
    seen = contents_of(*view);
    static_cast<void>(view->stats());
    static_cast<void>(view->describe());
    static_cast<void>(view->segments());
  } else {
    trace("the view does not open", view.error().message());
    if (view.error().code() == errc::not_found) seen = contents{};  // opening makes a log
  }
  const auto report = verify(log_directory);
  if (report) {
    for (const auto& f : report->findings) {
      found.damaged = found.damaged || f.kind() == finding_kind::damage;
      trace("verify finds",
            std::string{f.row} + " in segment " + std::to_string(f.segment) + " at " + std::to_string(f.offset));
    }
  } else {
    trace("verify", report.error().message());
  }
  if (seen) trace("the view, up to", std::to_string(seen->published) + '\n' + seen->text);
  check(files_now() == before, "looking on has changed something");
  return found;
}

void open_strictly() {
  const auto before = files_now();
  const auto log = log::open(log_directory, {.recovery = recovery_mode::strict, .prepared_segments = 1});
  if (log) return;
  trace("a strict open", log.error().message());
  const errc code = log.error().code();
  if (code != errc::damaged && code != errc::would_cut && code != errc::not_a_log && code != errc::newer_format) return;
  check_unchanged(before, "a refusal has changed something");
}

void open_and_go_on(const findings& found) {
  std::optional<contents> kept;
  {
    auto log = log::open(log_directory, {.prepared_segments = 1});
    if (!log) {
      trace("the log does not open", log.error().message());
      return;
    }
    kept = contents_of(*log);
    trace("the open keeps", std::to_string(kept->published) + '\n' + kept->text);
    check(found.seen.has_value(), "the log opens, and a view does not");
    // A view takes a varve.live that was cut short for lost. The open makes it whole, and then believes its marks.
    // And sums that match can be on sectors that contradict each other: then the two may believe different ones.
    const bool contradiction = found.damaged && found.seen->published != kept->published;
    check(found.live_is_short || contradiction || *found.seen == *kept, "the view has shown something else");
    if (const auto added = log->append("one more")) {
      const auto back = log->read(*added);
      trace("appended", std::to_string(added->value) + ' ' + (back ? std::string{back->text()} : back.error().message()));
      check(added->value == kept->published + 1, "appending does not go on");
      check(found.damaged || (back && back->text() == "one more"), "what was appended is not there");
      kept->published = added->value;
      note(*kept, added->value, "one more");
    }
    machine::process_death();
  }
  // An open of a closed log believes its headers; after a death it walks, and refuses what is damaged. A reader need not
  // meet that: a batch of which a part is missing is damage to those who walk.
  if (found.damaged) return;
  auto again = log::open(log_directory, {.prepared_segments = 1});
  if (!again) trace("the next open", again.error().message());
  check(again.has_value(), "it opens once, and then no more");
  trace("the next open keeps", contents_of(*again).text);
  check(contents_of(*again) == *kept, "the next open finds something else");
  static_cast<void>(again->close());
}

}  // namespace

void run(std::span<const std::byte> input) {
  set_up(input);
  const auto image = machine::snapshot();
  const auto found = look_on();
  open_strictly();
  machine::restore(image);
  open_and_go_on(found);
}

void repair(byte_vector& input, std::uint64_t seed) {
  auto log = unpack(input);
  repair_log(log, seed);
  input = pack(log);
}

}  // namespace varve::fuzz
