// SPDX-License-Identifier: MIT
//
// log_view.hpp - read a log from another process, or one that nobody writes.
//
// A view never writes a byte and takes no lock that a writer waits for. It works beside a living writer, and goes on when
// that writer rolls, dies and comes back. Of a log without a living writer it shows what opening it would keep.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <varve/error.hpp>
#include <varve/log.hpp>
#include <varve/options.hpp>
#include <varve/reader.hpp>
#include <varve/record.hpp>
#include <varve/sequence.hpp>

namespace varve {

namespace core {
class view_object;
}

struct segment_description {
  enum class state : std::uint8_t {
    prepared,  ///< Made ahead of need, and no part of the log yet.
    active,    ///< Takes appends.
    ended,     ///< Its end is known.
    sealed,    ///< Ended, complete and durable.
    damaged,   ///< Its header is damaged or of something else, or one before it is missing: its records are out of reach.
  };

  std::uint64_t number = 0;      ///< The file's number, and name.
  std::uint64_t file_bytes = 0;  ///< Size of the file.
  std::uint64_t used_bytes = 0;  ///< Header and frames.
  sequence_range sequences{};
  varve::segment_description::state state = state::prepared;
  std::string version_info{};  ///< What the open that began it gave as version_info.
};

/// Thread-safety  any member from any number of threads, except moving, assigning and destruction.
/// Moved-from     only assign or destroy.
class log_view {
 public:
  /// Errors  not_found, not_a_log, newer_format, damaged, io, out_of_memory;
  ///         timed_out if writers come and go all the time.
  [[nodiscard]] static result<log_view> open(const std::filesystem::path& directory, const view_options& options = {});

  log_view(log_view&&) noexcept;
  log_view& operator=(log_view&&) noexcept;
  ~log_view();

  /// As in log; what is not published answers not_yet, since a view cannot know what was claimed.
  [[nodiscard]] result<pinned_record> read(sequence at) const;
  [[nodiscard]] record_range records(sequence from = {}) const;
  [[nodiscard]] result<varve::reader> reader(sequence from = {}) const;

  [[nodiscard]] sequence first_sequence() const noexcept;
  [[nodiscard]] sequence published_sequence() const noexcept;
  [[nodiscard]] sequence durable_sequence() const noexcept;
  [[nodiscard]] result<statistics> stats() const;

  /// One line per segment file, in the order of the records, prepared ones last.
  [[nodiscard]] result<std::vector<segment_description>> segments() const;

 private:
  explicit log_view(std::shared_ptr<core::view_object>) noexcept;
  std::shared_ptr<core::view_object> object_;
};

/// Reads every frame of a log and checks it, strictly read-only, also beside a living writer. What stands twice (ends,
/// seals, states and marks) is no finding while one of the two is valid.
///
/// on_finding  called for each finding before verify() returns: first what concerns whole files, then in the order of the
///             log. May be empty. Must not throw.
/// Returns     what opening it would keep, cut and step over. No findings: the log is whole.
/// Errors      what stopped it: not_found, not_a_log, newer_format, io, out_of_memory; damaged if varve.meta or varve.state
///             do not say what log it is. Damage to a segment does not stop it, it is a finding.
[[nodiscard]] result<recovery_report> verify(const std::filesystem::path& directory,
                                             const std::function<void(const recovery_report::finding&)>& on_finding = {});

}  // namespace varve
