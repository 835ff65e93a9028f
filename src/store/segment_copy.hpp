// SPDX-License-Identifier: MIT
//
// segment_copy.hpp - one segment of a log, as far as it is wanted, in another file. Layer store.
//
// Every frame is checked before it is copied, in full. The copy is sealed, wherever it ends: whoever finds it in a log takes
// its end for one. Its identity and activation are those of the segment, written in this version of the format whatever
// version wrote them; nothing stands behind its end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/error.hpp"
#include "format/segment_header.hpp"
#include "os/file.hpp"
#include "segment/segment.hpp"
#include "store/log_place.hpp"

namespace varve::core {

using segment_header = std::array<std::byte, format::segment_header_bytes>;

/// A pinned segment, and how much of it is wanted.
struct copy_source {
  std::shared_ptr<core::segment> segment;
  segment_header header{};         // as it was when the segment was pinned: its activation may be erased meanwhile
  std::uint64_t end_offset = 0;    // where the wanted frames end; none_yet: wherever the frame before end_sequence ends
  std::uint64_t end_sequence = 0;  // the sequence behind the last one that is wanted
};

/// Of a segment that was opened with pinning::yes, and is nobody else's object: its end is set here.
///
/// Errors  damaged if its header has changed since.
[[nodiscard]] result<copy_source> make_copy_source(const log_place& from, std::shared_ptr<core::segment> s,
                                                   std::uint64_t end_offset, std::uint64_t end_sequence);

/// Gets bytes of the segment and their offset, in order, each once, some megabytes at a time.
using copy_sink = std::function<result<void>(std::uint64_t offset, std::span<const std::byte> bytes)>;

/// Checks the wanted frames, and gives them to `take`. What stands in holes is given as it is.
///
/// Returns  where they end.
/// Errors   damaged: segment, offset and sequence; those of `take`.
[[nodiscard]] result<std::uint64_t> read_frames(const log_place& from, const copy_source& source, const copy_sink& take);

/// The header of a copy that ends at `end_offset`: what the segment's own says, if it is sealed there.
[[nodiscard]] segment_header header_of_copy(const copy_source& source, std::uint64_t end_offset) noexcept;

struct copy_outcome {
  std::uint64_t end_offset = 0;
  std::uint64_t bytes_copied = 0, bytes_shared = 0;
};

/// Fills the empty file `to`, and makes it durable. It gets the segment's size, and blocks for what was copied.
///
/// share     where the file system can, the copy has the segment's own blocks. Only for a segment that is wanted up to its
///           seal.
/// on_block  called with how many bytes were copied. False ends it: cancelled.
/// Errors    damaged: as read_frames(). io, no_space: they name `whole`, the directory in which `to` stands.
[[nodiscard]] result<copy_outcome> copy_segment(const log_place& from, const copy_source& source, const os::file& to,
                                                const log_place& whole, bool share,
                                                const std::function<bool(std::uint64_t)>& on_block);

/// Gives the sparse file `to` the size of the segment that it is a copy of.
[[nodiscard]] os::result<void> set_size(const os::file& to, const segment_header& header, std::uint64_t end_offset) noexcept;

}  // namespace varve::core
