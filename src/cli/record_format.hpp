// SPDX-License-Identifier: MIT
//
// record_format.hpp - the ways in which cat, get and tail print a record. Layer tool.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/output.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace varve::cli {

struct shown_record {
  std::uint64_t sequence;
  std::uint32_t epoch;
  std::uint16_t type;
  std::int64_t time_ns;  // 0: it has none
  bool is_chunk;         // of an entry
  std::string_view payload;
};

/// Of a record or a pinned_record.
template <class Record>
[[nodiscard]] shown_record shown(const Record& r) {
  return {.sequence = r.sequence().value,
          .epoch = r.epoch(),
          .type = r.type(),
          .time_ns = r.time().time_since_epoch().count(),
          .is_chunk = r.is_chunk(),
          .payload = r.text()};
}

/// format  text (payload and newline), jsonl, hex (a dump to read), raw (the payload alone) or length-prefixed (what
///         append --split length-prefixed reads).
void write_record(output& out, std::string_view format, const shown_record& r);

/// Adds --format, and --json, which stands for `--format jsonl`.
void add_format(CLI::App& app, std::string& format);

}  // namespace varve::cli
