// SPDX-License-Identifier: MIT
//
// copier.hpp - a new log that gets the records of another, each under its own sequence. Layer tool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <varve/log.hpp>
#include <varve/log_view.hpp>

#include "cli/signals.hpp"

namespace varve::cli {

/// How the new log is made; what is not said is as in the other one.
struct copy_settings {
  std::string from, to;
  std::uint64_t segment_bytes = 0;
  std::uint32_t index_stride_bytes = 0;
  std::string checksum_name;
  bool times = false, no_times = false, json = false;
};
void add_copy_settings(CLI::App& app, copy_settings& settings);
[[nodiscard]] log_options options_of(const copy_settings& settings, const log_description& from);

/// Throws  failure: `exists` if there is anything of that name.
void refuse_if_there(const std::string& directory);

/// Makes the log; unless finish() returns it is removed again, also if a signal ends it (the first one: a second ends the
/// process at once).
class copier {
 public:
  /// Throws  failure, as refuse_if_there().
  copier(std::string directory, const log_options& options, sequence first);
  copier(const copier&) = delete;
  copier& operator=(const copier&) = delete;
  ~copier();

  /// What the new log will hold next.
  [[nodiscard]] sequence next() const noexcept { return {next_ + pending_.size()}; }
  /// True between the records of a batch or entry.
  [[nodiscard]] bool inside_batch() const noexcept { return !pending_.empty(); }
  /// Sequences before it that did not come become abandoned ones. A batch or entry stays one, also one of which the end is
  /// missing: its last record then says, as in the other log, that it goes on. Throws  failure, also if a signal has come.
  void add(const record& r);
  /// The log that is copied has lost these: readers of the new one answer `damaged` for them as well. The next record comes
  /// after them.
  void lose(sequence_range lost);
  /// Abandons what is left before `end`, and closes the log.
  void finish(sequence end);

  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  [[nodiscard]] std::uint64_t abandoned() const noexcept { return abandoned_; }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  void look_for_signal();
  [[nodiscard]] bool is_of_pending(const record& r) const noexcept;
  void flush();
  [[nodiscard]] std::uint64_t append_pending(bool one_more);
  void abandon_before(std::uint64_t end);

  std::string directory_;
  ending_signals signals_;
  std::optional<log> target_;
  std::vector<pinned_record> pending_;  // of one batch or entry
  std::uint64_t next_ = 1, records_ = 0, abandoned_ = 0, lost_ = 0, added_ = 0;
};

}  // namespace varve::cli
