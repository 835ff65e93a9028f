// SPDX-License-Identifier: MIT
//
// entry.hpp - write several chunks piece by piece, and make all of them visible at once, or none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <varve/error.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

namespace core {
class entry_object;
}

/// An entry in the making, made by log::begin_entry(). Its chunks are records like any other, with neighbouring sequences,
/// each to be read by its own; record::is_chunk() tells them apart, and record::batch_goes_on() where the entry ends. All
/// are published at once, or none: atomic as a batch is, for readers and for recovery.
///
/// Nothing of the log is claimed before publish(), so an entry may be held as long as one likes. Its chunks are gathered in
/// memory while a segment of the log could take them all. An entry of more is written to the file of a segment of its own:
/// it takes memory for about a segment, up to 4 GiB of chunks, and space on the disk from then on, which counts against
/// log_options::max_disk_bytes. It holds up neither log::close(), after which it answers `closed`, nor anything else; but
/// under when_full::wait those that wait for room may wait for what it holds. publish() makes the file durable before it
/// claims anything, so it may take as long as a sync of it all, while others go on appending.
///
/// Thread-safety  one entry, one thread at a time. It must not outlive the log.
/// Moved-from     only assign or destroy.
/// Source         okaywal's EntryWriter.
class VARVE_EXPORT entry {
 public:
  entry(entry&&) noexcept;
  entry& operator=(entry&&) noexcept;
  /// roll_back().
  ~entry();

  /// Adds one chunk. 0 bytes are legal.
  ///
  /// Errors  too_large: no segment could take all of the entry. out_of_memory; no_space, io and what else log::append() may
  ///         answer. In all these cases the entry is as it was.
  ///         closed, forked; closed also after publish() or roll_back().
  [[nodiscard]] result<void> write_chunk(std::span<const std::byte> payload) noexcept;
  [[nodiscard]] result<void> write_chunk(std::string_view payload) noexcept;

  [[nodiscard]] std::uint64_t chunks() const noexcept;
  /// Payload bytes of all chunks. Both are 0 after publish() or roll_back().
  [[nodiscard]] std::uint64_t bytes() const noexcept;

  /// Makes the chunks records, as log::append_batch() would.
  ///
  /// Returns  their sequences.
  /// Errors   bad_option without a chunk; otherwise as log::append_batch(). What failed before anything was claimed can be
  ///          tried again. What was published and could not be made durable is over, and so is a large entry whose file
  ///          could not (io): then chunks() is 0, and nothing was published. closed after publish() or roll_back().
  [[nodiscard]] result<sequence_range> publish() noexcept;

  /// Gives the entry up; nothing of it was ever claimed. Does nothing if it is published.
  void roll_back() noexcept;

 private:
  friend class log;
  explicit entry(std::unique_ptr<core::entry_object>) noexcept;
  std::unique_ptr<core::entry_object> object_;
};

}  // namespace varve
