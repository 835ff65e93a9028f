// SPDX-License-Identifier: MIT
//
// output.hpp - standard output, buffered, every write checked. Layer tool.
//
// A full disk behind `>` must never pass for success: whatever cannot be written is thrown. Nothing is flushed by a
// destructor, where it could only be lost: main() calls flush().
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace varve::cli {

/// Thrown when whoever read standard output has closed it (SIGPIPE is ignored).
struct closed_pipe {};

/// Thread-safety  one thread.
class output {
 public:
  explicit output(int descriptor) noexcept : descriptor_(descriptor) {}
  output(const output&) = delete;
  output& operator=(const output&) = delete;

  /// Throws  closed_pipe, failure.
  void write(std::string_view bytes);
  void flush();

  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    write(fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  void write_through(std::string_view bytes) const;

  int descriptor_;
  std::string buffer_;
};

/// Columns padded to their widest cell; `to_the_right` names those of numbers. The first row is the heading.
struct table {
  std::vector<bool> to_the_right;
  std::vector<std::vector<std::string>> rows;

  [[nodiscard]] std::string text() const;
};

/// The text with what could move a terminal's cursor replaced by '.'.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace varve::cli
