// SPDX-License-Identifier: MIT
//
// readable_directory.hpp - the log that a verb reads, which may be in an archive that has to be expanded first. Layer tool.
#pragma once

#include <filesystem>
#include <string>

namespace varve::cli {

/// Of a compressed archive a log in a directory under $TMPDIR, which is removed at the end; otherwise the directory itself.
class readable_directory {
 public:
  /// Says on a terminal that it expands. Throws failure.
  explicit readable_directory(const std::string& directory);
  readable_directory(const readable_directory&) = delete;
  readable_directory& operator=(const readable_directory&) = delete;
  ~readable_directory();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::filesystem::path temporary_;  // empty: none
  std::string path_;
};

}  // namespace varve::cli
