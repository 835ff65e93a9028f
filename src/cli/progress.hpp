// SPDX-License-Identifier: MIT
//
// progress.hpp - one line on standard error that says how far long work has come. Layer tool.
//
// Only a person gets it: nothing is written unless standard error is a terminal. At most ten lines a second, and the line
// is erased before anything else is said.
#pragma once

#include <chrono>
#include <string_view>

namespace varve::cli {

/// Thread-safety  one thread at a time.
class progress {
 public:
  progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress() { erase(); }

  /// make_line  called only if a line is due.
  template <class F>
  void tick(F make_line) {
    if (due()) show(make_line());
  }

  void erase() noexcept;

  [[nodiscard]] bool on_terminal() const noexcept { return on_terminal_; }

 private:
  [[nodiscard]] bool due() noexcept;
  void show(std::string_view line) noexcept;

  std::chrono::steady_clock::time_point next_;
  bool on_terminal_;
  bool shown_ = false;
};

}  // namespace varve::cli
