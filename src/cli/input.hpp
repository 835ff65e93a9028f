// SPDX-License-Identifier: MIT
//
// input.hpp - what append reads: large blocks of whole records, or all of it. Layer tool.
//
// Records are handed to the log as views into these blocks: none is copied on its way, but for the one that a block's end
// cuts in two.
//
// A pipe may never end; then a signal is what ends the input, and only that: the log behind it is closed as ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/failure.hpp"
#include "cli/framing.hpp"
#include "cli/signals.hpp"

namespace varve::cli {

/// A run of whole records. May be used again, and then keeps its storage.
struct block {
  std::vector<char> storage;
  std::size_t bytes = 0;  // of storage, from its start
  input_place first;      // of its first record

  [[nodiscard]] std::string_view text() const noexcept { return {storage.data(), bytes}; }
};

/// Thread-safety  one thread.
class input {
 public:
  /// path  "-" is standard input. Throws failure.
  input(std::string path, framing how);
  input(const input&) = delete;
  input& operator=(const input&) = delete;
  ~input();

  /// From now on the first signal is the end of the input, and no more of the process. See ending_signals.
  void end_at_signal() { signals_.emplace(); }

  /// Fills `b` with what one read brings, up to the last whole record in it: records from a pipe do not wait for later ones.
  ///
  /// record_bytes_max  a longer record is a failure: no log could take it.
  /// Returns           false at the end. A last line without newline counts, unless a signal has cut it short.
  /// Throws            failure: too_large; bad_input if the input ends inside of a length-prefixed record. All records
  ///                   before it have been handed out.
  [[nodiscard]] bool next(block& b, std::uint64_t record_bytes_max);

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
  [[nodiscard]] bool end_with(block& b, std::size_t rest);
  [[nodiscard]] failure too_large(std::string_view text, std::uint64_t bytes_max) const;
  [[nodiscard]] failure cut_short(std::string_view rest) const;

  std::string name_;
  int descriptor_ = -1;
  std::optional<ending_signals> signals_;
  int ended_by_ = 0;
  std::uint64_t incomplete_bytes_ = 0;
  bool ended_ = false;
  std::string carry_;  // the beginning of the record that the last block's end cut
  input_place next_;   // of the next block
  std::uint64_t bytes_read_ = 0;
  std::optional<std::uint64_t> bytes_total_;
};

}  // namespace varve::cli
