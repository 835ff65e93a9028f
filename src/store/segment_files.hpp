// SPDX-License-Identifier: MIT
//
// segment_files.hpp - which segment files a directory holds, and what their headers say. Layer store; only reads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "format/segment_header.hpp"
#include "segment/segment.hpp"
#include "store/log_place.hpp"

namespace varve::core {

/// Not the sectors themselves, but what is asked for: there may be very many files, and a sector is 512 bytes.
struct segment_file {
  struct identity_fields {
    format::feature_bits features;
    std::uint8_t checksum_kind;
    std::uint64_t file_bytes, capacity;
    std::string version_info;
  };
  struct activation_fields {
    std::uint64_t base, salt, epoch, predecessor, predecessor_salt, begun_ns, given_up, generation;

    /// The sequence after the last of the segment before it.
    [[nodiscard]] std::uint64_t follows() const noexcept { return base - given_up; }
  };
  struct end_fields {
    std::uint64_t offset, last;
  };
  std::uint64_t number = 0;
  std::uint64_t file_bytes = 0, allocated_bytes = 0, links = 0, inode = 0;
  std::optional<identity_fields> identity{};
  std::optional<activation_fields> activation{};
  std::optional<end_fields> end{};   // of this activation only
  std::optional<end_fields> seal{};  // likewise
  std::uint64_t successor = 0;       // number of the next segment, by that end; 0: it does not say
  std::uint64_t sealed_time_ns = 0;  // the largest of its records, by the seal; 0: not known
  bool foreign = false;              // a valid identity of another log, or of another number and begun
  bool is_truncated = false;         // the cause of that end
  bool activation_damaged = false;   // it was complete once, and does not validate
  bool may_be_ours = false;          // its identity is ours, or what a power loss leaves of one, or was never written

  [[nodiscard]] segment_facts facts(varve::checksum kind) const noexcept;
};

/// Fills in what the header of a segment file of the log says; f.number and the file's size are known.
///
/// Returns  false if a sector is of a newer version.
[[nodiscard]] bool decode_header(std::span<const std::byte> header, const format::uuid& log, segment_file& f);

struct segment_files {
  std::vector<segment_file> files;  // by number
  std::uint64_t highest = 0;        // of those that are ours
};

/// Files that vanish meanwhile, and names that are no regular file, are left out.
///
/// `above` leaves out numbers up to itself.
///
/// Errors  newer_format, io, out_of_memory.
[[nodiscard]] result<segment_files> read_segment_files(const log_place& place, std::uint64_t above = 0);

/// One of them; nullopt if there is no regular file of that number.
[[nodiscard]] result<std::optional<segment_file>> read_segment_file(const log_place& place, std::uint64_t number);

/// Of a file without a header: something stands after where that would be, so it may have been lost, and records with it.
/// So it looks in a file that was about to be used again. Reads all of a file that is blank.
[[nodiscard]] bool may_hold_frames(const log_place& place, std::uint64_t number);

/// Takes out what a truncation that did not come to its end is to remove: as if it had. `next` is the sequence that the log
/// is to go on with; all of it goes if that is its `first`. `epoch` is that of the truncation: what was begun in it was
/// begun once it was over, and stays. Returns the numbers of the segments that are to go, in order.
[[nodiscard]] std::vector<std::uint64_t> set_truncated_aside(segment_files& found, std::uint64_t next, std::uint64_t first,
                                                             std::uint64_t epoch = UINT64_MAX);

/// Which of `files` were removed once, and are there again in a copy of files of different moments, or as an old file that
/// was put back: those that a segment of a later epoch begins before, those that followed frames which a truncation has cut
/// since, and those that follow such a segment.
[[nodiscard]] std::vector<bool> went_with_a_cut(const segment_files& found);

/// The chain of activated segments from the one that holds `first`: each names its predecessor, by number and salt. Indices
/// into `files`. Empty if no segment reaches `first`.
[[nodiscard]] std::vector<std::size_t> chain_from(const segment_files& found, std::uint64_t first);

}  // namespace varve::core
