// SPDX-License-Identifier: MIT
//
// archive_directory.hpp - what an archive holds, and how a segment comes to it. Layer archive.
//
// An archive is a log's directory: its varve.meta, a varve.state that says `clean`, and a copy of each segment. What it
// holds is read from the headers of the copies, and the state only follows: a copy is durable under its name before the
// state speaks of it. So whoever dies in between is made up for by the next call, which finds the copy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <varve/archive.hpp>

#include "archive/archived_copy.hpp"
#include "base/error.hpp"
#include "store/log_place.hpp"
#include "store/segment_files.hpp"
#include "store/state_file.hpp"

namespace varve::core {

/// A copy that belongs to the chain.
struct archived_segment {
  segment_file header;
  packing how = packing::plain;
  std::uint64_t end_sequence = 0;  // the base of the one behind it
};

struct archive_listing {
  std::vector<archived_segment> chain;       // oldest first
  std::vector<copy_name_parts> unconnected;  // copies of no use: of what the log has truncated, or of a missing one
};

/// Reads the headers of all copies. `first`: what the archive begins with.
///
/// Errors  damaged: a copy that cannot be unpacked, is cut short or of another log; not_a_log: a segment is there that was
///         never sealed, so this is no archive; newer_format, io, out_of_memory.
[[nodiscard]] result<archive_listing> list_archive(const log_place& archive, std::uint64_t first);

class archive_directory {
 public:
  struct settings {
    int level = 0;  // 0: not compressed
    std::uint32_t permissions = 0600;
  };
  /// Makes the directory if nothing is there, and locks it, so that there is one archiver. What it holds is looked at.
  ///
  /// Errors  locked, not_a_log, newer_format, damaged, io, no_space, out_of_memory.
  [[nodiscard]] static result<archive_directory> open(const std::filesystem::path& directory, const settings& chosen);

  /// Is it the archive of the log in `log`, or of none yet? A log that is not there yet is another one.
  ///
  /// Errors  not_a_log, with the archive's path: of another log. What reading varve.meta of `log` answers.
  [[nodiscard]] result<void> check_owner(const std::filesystem::path& log) const;

  /// Takes a sealed segment, or makes sure that it is there.
  ///
  /// Errors  not_a_log: it is of another log than the rest. bad_option: the archive is the log. damaged: the segment itself;
  ///         or, with the archive's path, it does not fit: others are missing before it, or another one has its number. io,
  ///         no_space, out_of_memory.
  [[nodiscard]] result<void> take(const sealed_segment& s);

 private:
  archive_directory() = default;
  [[nodiscard]] result<void> begin_with(const log_place& log, const copy_source& first);
  [[nodiscard]] result<void> look();
  [[nodiscard]] result<void> make_room(const segment_file& next);
  [[nodiscard]] result<void> store(const log_place& log, const copy_source& source, archived_segment* there);
  [[nodiscard]] result<void> forget_from(std::size_t position);
  [[nodiscard]] result<void> remove(std::uint64_t number, packing how);
  [[nodiscard]] result<void> settle();
  [[nodiscard]] std::unexpected<error> does_not_fit(std::uint64_t number, std::uint64_t from,
                                                    std::uint64_t to) const noexcept;

  log_place place_;
  settings settings_;
  bool begun_ = false;    // it has a meta, and a state
  bool has_gap_ = false;  // there are copies without a connection
  std::optional<state_file> state_;
  std::vector<archived_segment> chain_;
};

}  // namespace varve::core
