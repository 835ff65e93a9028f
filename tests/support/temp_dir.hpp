// SPDX-License-Identifier: MIT
//
// temp_dir.hpp - a fresh directory for one test, on a real file system.
#pragma once

#include <stdlib.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace varve::testing {

/// Under $TMPDIR, or /tmp. Removed with all that is in it at the end.
class temp_dir {
 public:
  temp_dir() {
    const char* const chosen = std::getenv("TMPDIR");
    const std::filesystem::path base = chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
    std::string pattern = base / "varve-test-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error{errno, std::generic_category(), pattern};
    path_ = pattern;
  }
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  ~temp_dir() {
    std::error_code ignored;  // a test that failed already says why; a directory left behind does not matter more
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace varve::testing
