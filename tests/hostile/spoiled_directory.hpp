// SPDX-License-Identifier: MIT
//
// spoiled_directory.hpp - a log whose directory somebody has changed, and what then is to be seen of it. One row is one
// change and all that follows from it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <varve/varve.hpp>

#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"

namespace varve::testing {

namespace fs = std::filesystem;

/// Nine records, three to a segment: segment files 1 to 3.
struct nine_records {
  fast_dir place;
  const fs::path dir = place.path() / "log";

  explicit nine_records(bool closed = true) {
    die_with(dir, {.segment_bytes = format::segment_bytes_min}, [closed](log& l) {
      for (std::uint64_t s = 1; s <= 9; ++s) must(l.append(text(s)).has_value());
      must(closed ? l.close().has_value() : l.sync().has_value());
    });
  }
  [[nodiscard]] static std::string text(std::uint64_t s) { return std::to_string(s) + std::string(19'000, 'x'); }
};

/// Code, segment, offset, sequences, errno, and which file of the log: the whole of an error, in a form that fits a table.
[[nodiscard]] inline std::string facts_of(const error& e, const fs::path& dir = {}) {
  std::string text{name_of(e.code())};
  const auto add = [&text](const char* what, std::uint64_t value) {
    if (value != 0) (text += what) += std::to_string(value);
  };
  if (!dir.empty() && e.path() != dir.string() && !e.path().empty()) text += ' ' + fs::path{e.path()}.filename().string();
  add(" segment ", e.segment());
  add(" offset ", e.offset());
  add(" sequence ", e.first_sequence());
  add(" to ", e.last_sequence() > e.first_sequence() ? e.last_sequence() : 0);
  add(" errno ", static_cast<std::uint64_t>(e.os_errno()));
  return text;
}

/// What read() says of the nine, one character each: the number of a record that is right, "?" of any other; "-" abandoned,
/// "!" damaged, "<" trimmed, "." not there, "*" something else.
template <class Log>
[[nodiscard]] std::string digits_of(const Log& log) {
  std::string all;
  for (std::uint64_t s = 1; s <= 9; ++s) {
    const auto r = log.read({s});
    if (r) {
      all += r->text() == nine_records::text(s) ? r->text()[0] : '?';
      continue;
    }
    switch (r.error().code()) {
      case errc::abandoned: all += '-'; break;
      case errc::damaged: all += '!'; break;
      case errc::trimmed: all += '<'; break;
      case errc::not_yet:
      case errc::past_end: all += '.'; break;
      default: all += '*';
    }
  }
  return all;
}

struct directory_row {
  const char* name;
  void (*spoil)(const fs::path& dir);  // none: done already
  const char* opened = "123456789";    // what log::open() answers: an error, or which records are there
  const char* found = "";              // what verify() answers: an error, or the rows of its findings
  const char* seen = "123456789";      // what a view answers
  bool goes_on = true;                 // what is then appended can be read
};

/// Without the bytes of files that are too large for it.
[[nodiscard]] inline directory_image image_of_small(const fs::path& dir) {
  for (const auto& entry : fs::directory_iterator{dir})
    if (fs::is_regular_file(entry.symlink_status()) && entry.file_size() > std::uint64_t{1} << 30) return {};
  return image_of(dir);
}

/// The view and verify() come first, since they change nothing; an open that refuses changes nothing either.
inline void check_row(const directory_row& row, const fs::path& dir) {
  INFO(row.name);
  if (row.spoil != nullptr) row.spoil(dir);
  const auto before = image_of_small(dir);
  {
    const auto v = log_view::open(dir);
    const std::string seen_now = v ? digits_of(*v) : facts_of(v.error(), dir);
    CHECK(seen_now == row.seen);
  }
  const auto report = verify_on_threads(dir);
  const std::string found_now = report ? rows_of(*report) : facts_of(report.error(), dir);
  CHECK(found_now == row.found);
  CHECK((image_of_small(dir) == before));
  auto l = log::open(dir);
  const std::string opened_now = l ? digits_of(*l) : facts_of(l.error(), dir);
  CHECK(opened_now == row.opened);
  if (!l) {
    // io is met on the way, when varve.state has been written onto itself.
    if (l.error().code() != errc::io) CHECK((image_of_small(dir) == before));
    return;
  }
  const auto last = l->published_sequence();
  CHECK(l->first_sequence() <= last + 1);
  CHECK(l->recovery().kept == last.value + 1 - l->first_sequence().value);
  const auto added = l->append("and more");
  if (!added) FAIL_CHECK(added.error().message());
  if (!added) return;
  CHECK(*added == last + 1);
  const auto r = l->read(*added);
  CHECK((r && r->text() == "and more") == row.goes_on);
  for (int i = 0; i < 4; ++i) CHECK(l->append(nine_records::text(9)).has_value());  // over a roll
  CHECK(l->close().has_value());
}

/// Each on a log of its own.
inline void check_rows(std::span<const directory_row> rows, bool closed = true) {
  for (const auto& row : rows) {
    const nine_records log{closed};
    check_row(row, log.dir);
  }
}

/// Changes the fields of a sector, with a checksum that matches.
template <class S, class Change>
void edit_sector(const fs::path& file, std::uint64_t offset, Change change) {
  auto fields = read_sector<S>(file, offset);
  change(fields);
  write_sector(file, offset, fields);
}

/// Changes what no encoder would write: magic, version, what is reserved. The checksum matches.
inline void put_in_sector(const fs::path& file, std::uint64_t offset, std::size_t at, std::uint64_t value,
                          std::size_t size) {
  auto bytes = read_part(file, offset, format::sector_bytes);
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<std::byte>(value >> 8 * i & 0xff);
  const std::uint64_t sum = core::sum_of_structure(std::span{bytes}.first(504));
  for (std::size_t i = 0; i < 8; ++i) bytes[504 + i] = static_cast<std::byte>(sum >> 8 * i & 0xff);
  patch(file, offset, bytes);
}

}  // namespace varve::testing
