// SPDX-License-Identifier: MIT
//
// salvage.cpp - fuzz target: a whole directory of files is salvaged. Whatever stands there, it ends in an answer, the same
// one each time; nothing changes; every sequence that is told of is handed out once, in order, or accounted for.
//
// Input: packed_log.hpp. Bit 0 of the flags: the machine was started anew since.
#include <string>

#include <varve/varve.hpp>

#include "log_contents.hpp"

namespace varve::fuzz {
namespace {

struct salvaged {
  std::string text;  // all that was handed out, and the report
  bool operator==(const salvaged&) const = default;
};

std::string text_of(const sequence_range& r) { return std::to_string(r.first.value) + '-' + std::to_string(r.end.value); }

void check_report(const salvage_report& r, std::uint64_t records) {
  check(r.records == records, "salvage counts other records than it hands out");
  check(r.records + r.abandoned + r.missing + r.unfinished == r.sequences.size(), "salvage does not account for all");
  std::uint64_t in_gaps = 0;
  for (const auto& g : r.gaps) in_gaps += g.sequences.size();
  check(in_gaps == r.missing + r.unfinished, "gaps are not what is missing");
}

salvaged salvage_all() {
  salvaged all;
  std::uint64_t next = 0, records = 0;
  const auto add = [&](std::string_view what, std::string_view more) { all.text.append(what).append(more) += '\n'; };
  const auto report =
      salvage(log_directory, {.record =
                                  [&](const record& r) {
                                    check(r.sequence().value >= next, "salvage hands out a record twice, or late");
                                    next = r.sequence().value + 1;
                                    ++records;
                                    add(std::to_string(r.sequence().value), r.text());
                                    return true;
                                  },
                              .gap =
                                  [&](const recovery_report::finding& g) {
                                    check(g.sequences.first.value >= next && g.sequences.end > g.sequences.first,
                                          "a gap where something was");
                                    next = g.sequences.end.value;
                                    add("gap ", text_of(g.sequences));
                                    return true;
                                  },
                              .removed =
                                  [&](const record& r) {
                                    add("removed " + std::to_string(r.sequence().value), r.text());
                                    return true;
                                  }});
  if (!report) {
    add("refused ", name_of(report.error().code()));
    return all;
  }
  check_report(*report, records);
  check(next <= report->sequences.end.value || next == 0, "more is handed out than there was");
  add("of ", text_of(report->sequences));
  return all;
}

}  // namespace

void run(std::span<const std::byte> input) {
  set_up(input);
  const auto before = files_now();
  const auto once = salvage_all();
  trace("salvage", once.text);
  check(once == salvage_all(), "salvage says two things");
  check(files_now() == before, "salvage has changed something");
}

void repair(byte_vector& input, std::uint64_t seed) {
  auto log = unpack(input);
  repair_log(log, seed);
  input = pack(log);
}

}  // namespace varve::fuzz
