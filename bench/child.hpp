// SPDX-License-Identifier: MIT
//
// child.hpp - another process, which is this program again with other arguments.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace bench {

/// Runs until it ends by itself or this object dies, which kills it.
class child {
 public:
  explicit child(const std::vector<std::string>& arguments);
  ~child();
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  [[nodiscard]] bool started() const noexcept { return process_ > 0; }
  /// Waits for its end. True if that was exit code 0.
  [[nodiscard]] bool succeeded() noexcept;

 private:
  pid_t process_ = 0;
};

}  // namespace bench
