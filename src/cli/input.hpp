// SPDX-License-Identifier: MIT
//
// input.hpp - what append reads: large blocks of whole lines, or all of it. Layer tool.
//
// Records are handed to the log as views into these blocks: a line is never copied on its way, but for the one that a
// block's end cuts in two.
//
// A pipe may never end; then a signal is what ends the input, and only that: the log behind it is closed as ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace varve::cli {

/// A run of whole lines. May be used again, and then keeps its storage.
struct block {
  std::vector<char> storage;
  std::size_t bytes = 0;   // of storage, from its start
  std::uint64_t line = 1;  // number of the first line in the input

  [[nodiscard]] std::string_view text() const noexcept { return {storage.data(), bytes}; }
};

/// Thread-safety  one thread.
class input {
 public:
  /// path  "-" is standard input. Throws failure.
  explicit input(std::string path);
  input(const input&) = delete;
  input& operator=(const input&) = delete;
  ~input();

  /// From now on the first SIGINT, SIGTERM or SIGHUP is the end of the input, and no more of the process; the second one
  /// ends the process at once. A signal that is ignored, as under nohup, stays ignored. For one input of a process.
  void end_at_signal();

  /// Fills `b` with what one read brings, up to the last newline in it: lines from a pipe do not wait for later ones.
  ///
  /// line_bytes_max  a longer line is a failure: no log could take it.
  /// Returns         false at the end. A last line without newline counts, unless a signal has cut it short.
  [[nodiscard]] bool next(block& b, std::uint64_t line_bytes_max);

  /// Reads everything that is left as one.
  ///
  /// Returns  false if a signal came before the end.
  [[nodiscard]] bool read_all(block& b, std::uint64_t bytes_max);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  /// The signal that ended it; 0 if none did.
  [[nodiscard]] int ended_by() const noexcept { return ended_by_; }
  /// Bytes that were read, and then left out because a signal came before their record was complete.
  [[nodiscard]] std::uint64_t incomplete_bytes() const noexcept { return incomplete_bytes_; }
  /// nullopt if it is no regular file.
  [[nodiscard]] std::optional<std::uint64_t> bytes_total() const noexcept { return bytes_total_; }

 private:
  std::size_t read_some(block& b, std::size_t at);
  [[nodiscard]] bool wait_for_bytes();

  std::string name_;
  int descriptor_ = -1;
  int signals_ = -1;  // becomes readable when a signal comes; -1: none is waited for
  int ended_by_ = 0;
  std::uint64_t incomplete_bytes_ = 0;
  bool ended_ = false;
  std::string carry_;       // the beginning of the line that the last block's end cut
  std::uint64_t line_ = 1;  // of the next block
  std::uint64_t bytes_read_ = 0;
  std::optional<std::uint64_t> bytes_total_;
};

/// Calls `take(line)`, without the newline, until it returns false.
template <class F>
bool each_line(std::string_view text, F take) {
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    if (!take(text.substr(0, newline))) return false;
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
  return true;
}

}  // namespace varve::cli
