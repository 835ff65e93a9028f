// SPDX-License-Identifier: MIT
//
// log_export.hpp - a closed log in the making, out of segments of another one: for backups, and archives that are expanded.
// Layer store.
//
// It grows in a directory beside the one that it is to become, under a name of its own, and gets the wanted name when every
// byte of it is durable. So whatever dies meanwhile, under that name there is a whole log or none. What a process that died
// has left behind is called NAME.partial-, 16 digits; nobody holds a writer's lock on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.hpp"
#include "format/state.hpp"
#include "segment/segment.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// What the segments of a log say of the state under which they were begun: a state of an older one would be stale.
struct newest_begun {
  std::uint32_t epoch = 0;
  std::uint64_t generation = 0;

  void note(std::uint64_t its_epoch, std::uint64_t its_generation) noexcept;
};

/// How a closed log ends: what its state is to say.
struct closed_end {
  std::uint64_t first = 1;    // the first sequence that it keeps
  std::uint64_t next = 1;     // the one that comes next
  std::uint64_t segment = 0;  // the last one; 0: it has none
  std::uint64_t offset = 0;   // where it ends there
  newest_begun newest{};      // of its segments
};

/// The state of a closed log that was made of another one: nobody has opened it yet.
[[nodiscard]] format::state closed_state(const format::state& of_source, const closed_end& end) noexcept;

class log_export {
 public:
  /// Of `meta` all but the kind: what is made is a log, also of an archive.
  ///
  /// Errors  bad_option: there is something called `to`, or it is no name. io, no_space, out_of_memory.
  [[nodiscard]] static result<log_export> begin(const std::filesystem::path& to, const format::meta& meta,
                                                std::uint32_t permissions);

  log_export(log_export&& other) noexcept;
  log_export& operator=(log_export&&) = delete;
  /// Removes what was written, unless it was finished.
  ~log_export();

  /// The directory as it grows. Errors name the wanted one.
  [[nodiscard]] const log_place& place() const noexcept { return place_; }
  /// A file for a copy of the segment.
  [[nodiscard]] result<os::file> make_segment(std::uint64_t number);
  /// Forgets all segments: for who has to start over.
  [[nodiscard]] result<void> clear();

  /// All segments are durable. Writes the rest, and gives the log its name, durably.
  [[nodiscard]] result<void> finish(const format::state& state);

 private:
  log_export() = default;
  [[nodiscard]] result<void> write_all(const format::state& state);
  void remove_all() noexcept;

  log_place place_;
  std::string wanted_, path_;  // path_: where it is now; empty: nothing to remove
  std::uint32_t permissions_ = 0;
};

/// May files have these permissions? The owner must be able to open what he made.
[[nodiscard]] constexpr bool is_file_mode(std::uint32_t mode) noexcept { return (mode & 0600) == 0600 && mode <= 0777; }

}  // namespace varve::core
