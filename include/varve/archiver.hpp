// SPDX-License-Identifier: MIT
//
// archiver.hpp - keeps verified copies of a log's sealed segments in another directory, compressed if wanted. Of the library
// varve::archive, which needs zstd; varve::varve does not.
//
// An archive is marked as such: only its archiver writes it, and log::open() answers `is_archive`. log_view and the tool
// read one that is not compressed as it stands; expand_archive() makes a log of any.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <varve/archive.hpp>
#include <varve/error.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

struct archiver_options {
  /// zstd's level, 1 to 19; 0: copies are not compressed.
  int compression_level = 0;
  std::uint32_t file_mode = 0600;
};

/// Thread-safety  the hooks of one archiver serve one log.
/// Moved-from     only assign or destroy.
class VARVE_EXPORT archiver {
 public:
  /// Opens the archive in `directory`, or makes one if nothing is there.
  ///
  /// While it lives, and its hooks, nobody else opens the archive for writing.
  ///
  /// Errors  not_a_log: something else is there, or a log. locked: another archiver has it, or it is a log that is written.
  ///         newer_format, bad_option, damaged (names the copy), io, no_space, out_of_memory.
  [[nodiscard]] static result<archiver> open(const std::filesystem::path& directory, const archiver_options& options = {});

  archiver(archiver&&) noexcept;
  archiver& operator=(archiver&&) noexcept;
  ~archiver();

  /// Is this the archive of the log in `directory`, or of none yet? To be asked before that log is opened: its hooks find
  /// out only when a segment comes. A log that is not there yet has no archive.
  ///
  /// Errors  not_a_log, with the archive's path: it is of another log. newer_format, damaged, io: `directory` cannot be
  ///         read.
  [[nodiscard]] result<void> check_owner(const std::filesystem::path& directory) const;

  /// For log_options::archive. A copy is written under a temporary name, synced, read back and compared, renamed, and the
  /// directory synced, before the hook answers true. One that is there already is compared, and made anew if it is not what
  /// it should be. They keep what they need, and may outlive the archiver.
  ///
  /// It answers false, and failure() says why, if the segment does not follow what the archive holds: not_a_log (of another
  /// log), damaged (others are missing before it, or another one has its number). What the log has truncated goes from the
  /// archive when the segment that was begun instead comes.
  [[nodiscard]] archive_hooks hooks() const;

  /// Why the last copy failed; nullopt if it did not.
  [[nodiscard]] std::optional<error> failure() const noexcept;

 private:
  struct state;
  explicit archiver(std::shared_ptr<state>) noexcept;
  std::shared_ptr<state> state_;
};

/// True if `directory` is an archive whose copies are compressed.
VARVE_EXPORT [[nodiscard]] bool is_compressed_archive(const std::filesystem::path& directory) noexcept;

/// Writes the log that the archive in `from` holds into the new directory `to`, compressed or not.
///
/// keep_going  asked between blocks of about a megabyte: false ends it. May be empty. Must not throw.
/// Errors      not_a_log, damaged (names the segment), bad_option (`to` exists), io, no_space, out_of_memory, cancelled.
///             What was written so far is removed.
VARVE_EXPORT [[nodiscard]] result<sequence_range> expand_archive(const std::filesystem::path& from,
                                                                 const std::filesystem::path& to,
                                                                 const std::function<bool()>& keep_going = {});

/// The log that an archive holds, in a new directory, for readers of a part: its segments have their headers, and get their
/// records when they are asked for. Until then reading them answers `damaged`, with the segment's number: fill() it, and
/// read again. Not durable, and not to be written to.
///
/// Thread-safety  one thread at a time, beside any number of readers.
/// Moved-from     only assign or destroy.
class VARVE_EXPORT archive_outline {
 public:
  /// Errors  as expand_archive().
  /// Cost    reads the beginning of each copy, and writes a block for each.
  [[nodiscard]] static result<archive_outline> make(const std::filesystem::path& from, const std::filesystem::path& to);

  archive_outline(archive_outline&&) noexcept;
  archive_outline& operator=(archive_outline&&) noexcept;
  ~archive_outline();

  /// Brings the records of this segment. Does nothing if they are there, or there is no such segment.
  ///
  /// Errors  damaged: the copy in the archive. io, no_space, out_of_memory: it may be tried again.
  [[nodiscard]] result<void> fill(std::uint64_t segment);
  /// The numbers of those whose records are not there yet.
  [[nodiscard]] std::vector<std::uint64_t> unfilled() const;

 private:
  struct state;
  explicit archive_outline(std::unique_ptr<state>) noexcept;
  std::unique_ptr<state> state_;
};

}  // namespace varve
