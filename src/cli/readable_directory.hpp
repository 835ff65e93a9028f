// SPDX-License-Identifier: MIT
//
// readable_directory.hpp - the log that a verb reads, which may be in an archive that has to be expanded first. Layer tool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <varve/archiver.hpp>

#include "cli/failure.hpp"
#include "cli/temporary_directory.hpp"

namespace varve::cli {

/// Of a compressed archive a log in a directory under $TMPDIR, which is removed at the end; otherwise the directory itself.
/// Of an archive only those segments are expanded of which something is read.
class readable_directory {
 public:
  /// Throws failure.
  explicit readable_directory(const std::string& directory);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// What `read` answers, which may meet records that are not expanded yet: they are, and it is called again. Whatever reads
  /// records is to be called this way. Throws failure if they cannot be.
  template <class F>
  [[nodiscard]] auto reading(F read) {
    for (;;) {
      auto answer = read();
      if (answer || !expand_for(answer.error())) return answer;
    }
  }
  /// Says on a terminal how far it has come. Throws failure.
  void expand_all();

 private:
  [[nodiscard]] bool expand_for(const error& e);
  void expand(std::uint64_t segment);
  [[nodiscard]] failure why_not(const error& e) const;

  std::string path_;
  std::optional<temporary_directory> temporary_;
  std::optional<archive_outline> outline_;  // of a compressed archive
};

}  // namespace varve::cli
