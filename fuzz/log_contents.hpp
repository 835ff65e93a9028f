// SPDX-License-Identifier: MIT
//
// log_contents.hpp - what the targets that open whole logs compare: all that reading a log answers, and all of its files.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "packed_log.hpp"
#include "support/memory_os.hpp"

namespace varve::fuzz {

namespace machine = testing::memory_os;

inline constexpr const char* log_directory = "log";
inline constexpr std::uint64_t disk_bytes = std::uint64_t{8} << 20;  // whatever the files say, not more
inline constexpr unsigned records_max = 4096, errors_max = 16;

/// All that reading a log answers, in order.
struct contents {
  std::uint64_t published = 0;
  std::string text;
  unsigned errors = 0;
  bool operator==(const contents&) const = default;
};

inline void note(contents& all, std::uint64_t sequence, std::string_view what) {
  all.text += std::to_string(sequence);
  all.text += ' ';
  all.text += what;
  all.text += '\n';
}

template <class Log>
contents contents_of(const Log& log) {
  contents all{.published = log.published_sequence().value, .text = {}};
  auto reader = log.reader();
  if (!reader) {
    note(all, 0, name_of(reader.error().code()));
    ++all.errors;
    return all;
  }
  for (unsigned i = 0; i < records_max && all.errors < errors_max; ++i) {
    const std::uint64_t at = reader->position().value;
    const auto record = reader->next();
    if (record && !*record) break;
    if (record) {
      const auto s = (*record)->sequence();
      check(s.value >= at && s.value <= log.published_sequence().value, "a record out of order");
      note(all, s.value, (*record)->text());
      const auto same = log.read(s);
      check(same && same->text() == (*record)->text() && same->type() == (*record)->type(), "read() says otherwise");
      continue;
    }
    note(all, at, name_of(record.error().code()));
    ++all.errors;
    std::uint64_t behind = at;
    while (all.errors < errors_max && !reader->seek({++behind})) ++all.errors;
  }
  return all;
}

using files = std::map<std::string, std::string>;  // strings are compared as memory is

inline files files_now() {
  files all;
  for (const auto& name : machine::names(log_directory)) {
    const auto bytes = machine::contents(std::string{log_directory} + '/' + name);
    all[name].assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return all;
}

/// Who opens a log makes varve.live anew first, if it is missing or too short: it bears a lock, and nothing that is missed.
inline void check_unchanged(files before, const char* what) {
  auto now = files_now();
  if (before[format::live_name].size() < format::live_file_bytes) before[format::live_name] = now[format::live_name];
  for (const auto& [name, bytes] : now)
    if (before[name] != bytes)
      trace("differs", name + " at " + std::to_string(std::ranges::mismatch(before[name], bytes).in2 - bytes.begin()));
  check(before == now, what);
}

/// The input's log, on a machine of its own. Bit 0 of the flags: it was started anew since.
inline void set_up(std::span<const std::byte> input) {
  const auto log = unpack(input);
  machine::reset();
  put_files(log, log_directory);
  machine::limit_disk(machine::disk_bytes_used() + disk_bytes);
  if ((log.flags & 1) != 0) machine::power_loss(1, {.bytes = machine::fate::kept, .entries = machine::fate::kept});
}

}  // namespace varve::fuzz
