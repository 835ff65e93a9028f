// SPDX-License-Identifier: MIT
//
// scene.hpp - a log and a view of it, and one call on them while memory runs out. What stands between the first and the last
// line of a call allocates nothing but in varve.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include <varve/varve.hpp>

#include "oom/failing_allocation.hpp"
#include "support/fast_dir.hpp"

namespace varve::testing {

namespace fs = std::filesystem;

/// Three to a segment. Filled with letters, by their sequence.
inline constexpr std::size_t payload_bytes = 19'000;
[[nodiscard]] inline std::string_view payload_of(std::uint64_t sequence) {
  static const auto all = [] {
    std::array<std::string, 26> made;
    for (std::size_t i = 0; i < made.size(); ++i) made[i].assign(payload_bytes, static_cast<char>('a' + i));
    return made;
  }();
  return all[sequence % all.size()];
}

struct scene {
  static constexpr std::uint64_t records = 29;  // the next one but one rolls
  // Chosen so that a roll waits for the segment that is then prepared.
  static constexpr std::uint32_t prepared = 1;

  explicit scene(const fs::path& directory) : dir(directory) {}
  [[nodiscard]] const log_options& options() const { return with; }

  fs::path dir;
  log_options with{.segment_bytes = 64 * 1024, .prepared_segments = prepared};
  std::uint64_t count = 0;       // the last record that is there
  std::uint64_t trimmed_to = 1;  // where the log may begin since
  std::optional<varve::log> log{};
  std::optional<log_view> view{};
  fs::path copy{};  // where a call puts one

  void open() {
    auto opened = varve::log::open(dir, options());
    if (opened) log.emplace(std::move(*opened));
  }
  void open_view() {
    auto opened = log_view::open(dir);
    if (opened) view.emplace(std::move(*opened));
  }
  std::optional<error> append() {
    const auto done = log->append(payload_of(count + 1));
    if (!done) return done.error();
    ++count;
    return {};
  }
};

/// One call. `prepare` runs while memory is there, `call` while it is not, and `check` when it is there again.
struct oom_row {
  const char* name;
  void (*prepare)(scene& s);
  std::optional<error> (*call)(scene& s);
  /// What is wrong besides; empty if nothing is.
  std::string (*check)(scene& s, bool succeeded) = nullptr;
};

template <class Result>
[[nodiscard]] std::optional<error> error_of(const Result& r) {
  return r ? std::optional<error>{} : r.error();
}

/// All that may be wrong with the log afterwards, in words; empty if nothing is.
[[nodiscard]] inline std::string trouble_with(scene& s) {
  const auto all_there = [&s](const auto& l) -> std::string {
    if (l.published_sequence().value != s.count) return "published " + std::to_string(l.published_sequence().value);
    const std::uint64_t first = l.first_sequence().value;
    if (first != 1 && first != s.trimmed_to) return "it begins at " + std::to_string(first);
    std::uint64_t seen = first - 1;
    for (const auto& r : l.records()) {
      if (!r) return r.error().message();
      if (r->text() != payload_of(++seen)) return "another record at " + std::to_string(seen);
    }
    return seen == s.count ? "" : "records end at " + std::to_string(seen);
  };
  if (s.view) {
    if (const auto wrong = all_there(*s.view); !wrong.empty()) return "the view: " + wrong;
  }
  for (const bool again : {false, true}) {
    if (!s.log || again) {
      s.log.reset();
      auto opened = varve::log::open(s.dir, s.options());
      if (!opened) return "it does not open: " + opened.error().message();
      s.log.emplace(std::move(*opened));
    }
    if (const auto wrong = all_there(*s.log); !wrong.empty()) return wrong;
    for (int i = 0; i < 4; ++i)  // over a roll
      if (const auto failed = s.append()) return "append: " + failed->message();
    if (const auto done = s.log->close(); !done) return "close: " + done.error().message();
  }
  const auto report = verify(s.dir);
  return report && report->findings.empty() ? "" : "verify finds something";
}

[[nodiscard]] inline std::ptrdiff_t descriptors_in_use() {
  return std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{});
}

}  // namespace varve::testing
