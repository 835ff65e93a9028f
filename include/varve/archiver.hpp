// SPDX-License-Identifier: MIT
//
// archiver.hpp - keeps verified copies of a log's sealed segments in another directory, compressed if wanted. Of the library
// varve::archive, which needs zstd; varve::varve does not.
//
// An archive is a log: log_view, log::open and the tool read one that is not compressed as it stands, and one that is
// compressed after expand_archive().
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

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
  /// Errors  not_a_log: something else is there. locked: another archiver has it, or it is a log that somebody writes.
  ///         newer_format, bad_option, damaged (names the copy), io, no_space, out_of_memory.
  [[nodiscard]] static result<archiver> open(const std::filesystem::path& directory, const archiver_options& options = {});

  archiver(archiver&&) noexcept;
  archiver& operator=(archiver&&) noexcept;
  ~archiver();

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
/// Errors  not_a_log, damaged (names the segment), bad_option (`to` exists), io, no_space, out_of_memory. What was written
/// so         far is removed.
VARVE_EXPORT [[nodiscard]] result<sequence_range> expand_archive(const std::filesystem::path& from,
                                                                 const std::filesystem::path& to);

}  // namespace varve
