// SPDX-License-Identifier: MIT
//
// options.hpp - what can be chosen when a log is created, opened, viewed or appended to.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include <varve/archive.hpp>
#include <varve/checkpoint.hpp>
#include <varve/checksum.hpp>
#include <varve/durability.hpp>
#include <varve/record.hpp>
#include <varve/recovery.hpp>
#include <varve/retention.hpp>

namespace varve {

struct log_options {
  // ---- Fixed when the log is created. 0 or nullopt when opening: take what the log has; another value is bad_option.

  /// Size of a segment file: 64 KiB to 4 GiB, a multiple of 64 KiB. 64 MiB if 0 at creation. Larger: fewer rolls, more space
  /// preallocated. What is larger than that gets a segment of its own size, which is made while its append waits.
  std::uint64_t segment_bytes = 0;
  /// xxh3 if nullopt at creation.
  std::optional<varve::checksum> checksum{};
  /// How far apart the entries of the index are: a power of two, 512 bytes to 1 MiB; 2 KiB if 0 at creation. Smaller:
  /// reading by number walks over fewer records; the index takes 8 bytes for each stride.
  std::uint32_t index_stride_bytes = 0;
  /// Store with each record when it was appended, for record::time() and seek_time(): 8 bytes each, and one look at the
  /// clock. No if nullopt at creation.
  std::optional<bool> record_times{};

  // ---- Chosen at every open.

  /// The policy of appends that do not bring their own.
  varve::durability durability{};
  /// How long after it moved the durable mark is brought to the disk by itself, in the background; also once 64 MiB more
  /// were synced. Nothing while it stands still, and no records are synced for it. What rots after a power loss above the
  /// mark on the disk is taken for a torn end, and cut; below it is damage, and refused. 0: never, so that it is as old as
  /// the kernel lets it be (about 35 s). At most a day; more is taken for that. See log::mark_failure().
  std::chrono::milliseconds mark_interval{1000};
  /// Up to 255 bytes of the user's own, stored in every segment begun by this open. Copied by open().
  std::string_view version_info{};
  recovery_mode recovery = recovery_mode::prefix;
  /// Replay of what was not checkpointed; nothing is replayed by default.
  recovery_handler on_recovery{};
  /// How many threads check segments while the log is opened, 1 to 64; 0: as many as there are processors.
  std::uint32_t recovery_threads = 1;
  /// Check every byte of every segment while the log is opened, whatever its seals say: damage is then met at once. The
  /// default trusts seals, and meets damage where it is read.
  bool verify_at_open = false;
  /// Nothing is saved, nor archived, by default.
  checkpoint_options checkpoint{};
  archive_hooks archive{};
  /// How many segments are allocated ahead of need, 1 to 64. More: longer bursts before an append waits for allocation;
  /// each takes segment_bytes of disk while the log is open.
  std::uint32_t prepared_segments = 2;
  /// How many files of segments that were dropped are kept to be used again, 0 to 64: their blocks are there and written
  /// already, so that neither appending into them nor a sync has to allocate. Each takes segment_bytes of disk while the log
  /// is open.
  std::uint32_t spare_segments = 2;
  /// What the log drops by itself, in the background. Nothing by default.
  retention_rules retention{};
  /// The most disk that segment files may take: those that hold records, prepared and spare ones, and those that were
  /// dropped but are still read. 0: no limit. At least prepared_segments + 2 segments. What happens then is up to
  /// `when_full`.
  std::uint64_t max_disk_bytes = 0;
  varve::when_full when_full = varve::when_full::refuse;
  /// How far ahead of the appends the pages of segments are brought into memory, in the background. An append that comes
  /// to another page takes a fault of some microseconds. 0: 4 MiB, and 32 MiB once appends come by the megabyte. At most
  /// what is prepared; each page takes memory, and is written to the disk even if nothing is appended.
  std::uint64_t warm_bytes = 0;
  /// Make the directory and the log if nothing is there.
  bool create = true;
  /// Accept network and FUSE file systems, whose mappings and locks may not hold what varve promises.
  bool allow_any_file_system = false;
  /// Readers of this log check the payload's checksum of every record they hand out.
  bool verify_on_read = true;
  /// Permissions of new files, whatever the umask.
  std::uint32_t file_mode = 0600;
  /// Called by open() itself while it scans after an unclean end. Must not throw or call into varve.
  std::function<void(const recovery_progress&)> on_progress{};
};

struct append_options {
  /// The user's own tag, kept with the record.
  std::uint16_t type = 0;
  /// Overrides the log's policy for this append.
  std::optional<varve::durability> durability{};
  /// When the record came about, for who copies a log; the moment of the append if it is 0, or before 1970. A log without
  /// times ignores it.
  record_time time{};
};

struct view_options {
  /// Check the payload's checksum of every record that is handed out.
  bool verify_on_read = true;
};

}  // namespace varve
