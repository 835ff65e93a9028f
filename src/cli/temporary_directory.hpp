// SPDX-License-Identifier: MIT
//
// temporary_directory.hpp - a directory under $TMPDIR that is gone when it is not needed any more. Layer tool.
//
// Whatever ends the process but kill -9 and a crash removes it, a signal as well. Of what those leave the lock is free, and
// the next one that is made removes it.
#pragma once

#include <filesystem>
#include <string>

#include "cli/signals.hpp"

namespace varve::cli {

/// What backup and expand were making of `to`, and have left since they were killed.
void remove_dead_partials(const std::string& to);

class temporary_directory {
 public:
  /// Throws failure, which names $TMPDIR.
  temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// In which it stands, as $TMPDIR says.
  [[nodiscard]] static std::filesystem::path base();

 private:
  bool make_one();

  std::filesystem::path path_;
  int lock_ = -1;  // of the directory: a proof of life, until it is closed
  removal_at_signal removal_;
};

}  // namespace varve::cli
