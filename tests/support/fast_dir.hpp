// SPDX-License-Identifier: MIT
//
// fast_dir.hpp - a fresh directory in memory where that is to be had, for tests with thousands of opens, each with a few
// syncs.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

namespace varve::testing {

class fast_dir {
 public:
  fast_dir() {
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    std::string pattern = std::filesystem::path{memory ? "/dev/shm" : "/tmp"} / "varve-test-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error{errno, std::generic_category(), pattern};
    path_ = pattern;
  }
  ~fast_dir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  fast_dir(const fast_dir&) = delete;
  fast_dir& operator=(const fast_dir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace varve::testing
