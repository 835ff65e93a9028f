// SPDX-License-Identifier: MIT
//
// evidence.hpp - all that the files of a log still say, whatever an open would make of it. Layer recovery; only reads.
//
// The first of four steps by which damaged logs are read: collect (here), place (placed_segments.hpp), judge
// (reading_plan.hpp), read (maintain/salvage.cpp). Nothing is believed yet; each file may be missing, damaged, or not be the
// log's.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "format/live.hpp"
#include "format/meta.hpp"
#include "format/segment_header.hpp"
#include "format/state.hpp"
#include "os/file.hpp"
#include "segment/segment.hpp"

namespace varve::core {

/// One file that may be a segment. Of its header only what is needed is kept: there may be very many.
struct segment_evidence {
  struct identity_part {
    format::uuid log;
    std::uint64_t number, capacity;
    std::uint32_t index_stride_bytes;
    std::uint8_t checksum_kind;
  };
  struct activation_part {
    std::uint64_t base, salt, epoch, predecessor, predecessor_salt, begun_ns;
  };
  struct end_part {
    std::uint64_t salt, offset, last, successor;
    format::end_cause cause;
  };
  struct seal_part {
    std::uint64_t salt, offset, last;
  };
  std::size_t directory = 0;  // which of log_evidence::directories it lies in
  std::string name;
  std::uint64_t number = 0;  // by the identity, otherwise by the name; 0: neither says
  std::uint64_t file_bytes = 0;
  std::optional<identity_part> identity{};
  std::optional<activation_part> activation{};
  std::optional<end_part> end{};
  std::optional<seal_part> seal{};
  bool has_torn_activation = false;  // something stands there, and is none
  std::uint64_t torn_base = 0, torn_salt = 0;
  bool mended = false;  // one byte of a sector was wrong
};

struct evidence_directory {
  os::file opened;
  const error_subject* path = nullptr;
};

struct log_evidence {
  const error_subject* path = nullptr;
  std::vector<evidence_directory> directories;  // the log's own first, if there is one
  std::optional<format::meta> meta{};
  /// The newest slot that can be read.
  std::optional<format::state> state{};
  bool state_is_newest = false;    // the one before it can be read as well, so none was lost
  bool state_is_in_place = false;  // this is the very file that was written: no copy
  std::vector<format::mark> marks;
  std::uint64_t published = 0, published_epoch = 0;  // the writer's last word; a hint
  std::vector<segment_evidence> segments;
  std::vector<std::string> foreign;  // segment files of another log
  format::uuid log{};
};

/// Collects from a directory, unless that is empty, and from single files or further directories.
///
/// Errors  not_found, not_a_log: there is nothing of a log; newer_format, io, out_of_memory.
[[nodiscard]] result<log_evidence> collect_evidence(const std::filesystem::path& directory,
                                                    std::span<const std::filesystem::path> more);

/// Maps what is left of a file, as the segment of `facts`; null if it cannot be had at all. Pages that the device does not
/// give back, and what is missing of a file that was cut short, read as zeros, which are never valid.
[[nodiscard]] std::shared_ptr<segment> map_evidence(const log_evidence& all, const segment_evidence& of,
                                                    const segment_facts& facts);

}  // namespace varve::core
