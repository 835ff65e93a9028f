// SPDX-License-Identifier: MIT
//
// layout.hpp - the constants of the byte format. Layer format; docs/format.md is the specification.
#pragma once

#include <cstddef>
#include <cstdint>

namespace varve::format {

constexpr std::uint32_t version = 2;
/// The oldest that can be read, for an upgrade. Its fields stand where ours do; only meta, state and live are laid out
/// otherwise, which docs/format.md says.
constexpr std::uint32_t version_oldest = 1;

/// The unit in which a device tears a write: every structure that is rewritten is one sector with a checksum of its own.
constexpr std::size_t sector_bytes = 512;

// ---- Files of a log.
constexpr const char* meta_name = "varve.meta";
constexpr const char* meta_temporary_name = "varve.meta.new";
constexpr const char* state_temporary_name = "varve.state.new";
constexpr const char* state_name = "varve.state";
constexpr const char* live_name = "varve.live";

/// What a device loses, spoils or serves stale at once: whatever must survive that stands in two blocks that are not
/// neighbours.
constexpr std::uint64_t block_bytes = 4096;

/// Copies of the meta.
constexpr std::uint64_t meta_copy_offset[2] = {0, 2 * block_bytes};
constexpr std::uint64_t meta_file_bytes = 3 * block_bytes;

/// Slots of varve.state, and the copies of each: slot 0, slot 1, and both once more.
constexpr std::uint64_t state_copy_offset[2][2] = {{0, 2 * block_bytes}, {block_bytes, 3 * block_bytes}};
constexpr std::uint64_t state_file_bytes = 4 * block_bytes;
/// Of version 1: the first copy of each, and no other.
constexpr std::uint64_t state_file_bytes_1 = 2 * block_bytes;

/// varve.live: the writer's page; the wake page, which is mapped alone; and a page for statistics. 64 KiB is the largest
/// page size in use.
constexpr std::uint64_t live_page_bytes = 64 * 1024;
constexpr std::uint64_t live_file_bytes = 3 * live_page_bytes;
constexpr std::uint64_t wake_page_offset = live_page_bytes;

/// Where the slots of the durable mark, the writer's words, and the word that says that records went stand in the writer's
/// page: in four sectors.
constexpr std::uint64_t mark_slot_offset[2] = {0, sector_bytes};
constexpr std::uint64_t writer_words_offset = 2 * sector_bytes;
constexpr std::uint64_t turn_offset = 3 * sector_bytes;

// ---- Segment.
constexpr std::uint64_t segment_header_bytes = 4096;
constexpr std::uint64_t identity_offset = 0;
constexpr std::uint64_t activation_offset = 512;
constexpr std::uint64_t end_offset = 1024;
constexpr std::uint64_t seal_offset = 1536;

constexpr std::uint64_t segment_bytes_min = 64 * 1024;
constexpr std::uint64_t segment_bytes_max = std::uint64_t{4} << 30;
constexpr std::uint64_t segment_bytes_unit = 64 * 1024;
constexpr std::uint64_t segment_bytes_default = std::uint64_t{64} << 20;

// ---- Frame.
constexpr std::uint64_t frame_alignment = 8;
constexpr std::uint64_t frame_alignment_log2 = 3;
constexpr std::uint64_t frame_header_bytes = 24;
static_assert(std::uint64_t{1} << frame_alignment_log2 == frame_alignment);
static_assert(segment_header_bytes % frame_alignment == 0 && segment_bytes_unit % frame_alignment == 0,
              "frames fill a segment without a rest smaller than the alignment");

/// Salts have the top bit set and sequences have not, so no stamp is ever 0: zeroed bytes are never a frame.
constexpr std::uint64_t salt_top_bit = std::uint64_t{1} << 63;
constexpr std::uint64_t sequence_max = salt_top_bit - 1;

// ---- Index.
/// A power of two. The bounds are arbitrary: below, the index is a sizeable part of the log; above, a read walks 1 MiB.
constexpr std::uint32_t index_stride_min = 512;
constexpr std::uint32_t index_stride_max = std::uint32_t{1} << 20;
constexpr std::uint32_t index_stride_default = 2048;
constexpr std::uint64_t index_header_bytes = 4096;

}  // namespace varve::format
