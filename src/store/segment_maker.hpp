// SPDX-License-Identifier: MIT
//
// segment_maker.hpp - makes one segment file, new or out of one that the log has dropped, ready to be begun; and seals one.
// Layer store.
//
// A file that is used again keeps its blocks, which are written already: nothing is allocated, and a sync of its pages needs
// no journal. Its old frames cannot come back: their stamps are of another salt, and the next one is not drawn before the
// segment is begun.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "segment/control_block.hpp"
#include "segment/time_table.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// How segment files are made.
struct segment_recipe {
  std::uint32_t permissions = 0600;
  std::string version_info{};
  /// Zeros are written to the disk ahead. Without that the first sync of each page also turns a block that was merely
  /// allocated into one that was written, by the file system's journal: milliseconds, if anybody else keeps that busy.
  bool write_ahead = false;
};

/// A file that is to be a segment.
struct unfinished_segment {
  os::file file{};
  std::uint64_t number = 0, bytes = 0;  // of its name, and allocated
};

/// Makes segment file `number` and its index, ready to be begun. EEXIST if there is something of that name.
[[nodiscard]] os::result<std::unique_ptr<control_block>> prepare_segment(const log_place& place, std::uint64_t number,
                                                                         const segment_recipe& recipe);

/// Makes segment `number` out of the file of segment `dropped`, all of which lies durably below the trim point, and which
/// nobody in this process has mapped. EEXIST as above.
///
/// Errors  EBUSY: another process has pinned it; EINVAL: it is not fit for use: it has another name or size, or shares its
///         blocks. Either way, and if a system call fails, what is left of it is no part of the log.
[[nodiscard]] os::result<std::unique_ptr<control_block>> recycle_segment(const log_place& place, std::uint64_t dropped,
                                                                         std::uint64_t number, const segment_recipe& recipe);

/// Makes a file that was allocated segment `number`, under that name, of the size that it has. EEXIST as above.
///
/// If it fails the file is of the number that `of` says. It is closed if it is of no more use: a sync has failed, and what
/// was not written then counts as written. Otherwise it can be tried again.
[[nodiscard]] os::result<std::unique_ptr<control_block>> complete_segment(const log_place& place, unfinished_segment& of,
                                                                          std::uint64_t number,
                                                                          const segment_recipe& recipe);

/// Writes the seal of a segment whose every byte, like everything before it in the log, is durable, and makes it durable.
///
/// times  of its records; {} in a log that keeps none.
[[nodiscard]] os::result<void> write_seal(const os::file& file, const segment_facts& facts, std::uint64_t end_offset,
                                          std::uint64_t end_sequence, const time_range& times) noexcept;

/// Removes a segment file, should it be there, and its index; not durably. For what is no part of the log, or not any more.
os::result<void> remove_segment(const log_place& place, std::uint64_t number) noexcept;

}  // namespace varve::core
