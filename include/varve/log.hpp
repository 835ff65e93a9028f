// SPDX-License-Identifier: MIT
//
// log.hpp - append records to a segmented, memory-mapped log, and read them back.
//
// A log is one directory, written by one process at a time. append() *finishes* a record: it survives the death of this
// process from then on. It is *published*, that is, seen by every reader in every process, as soon as all earlier claims are
// finished too. sync(), close() and policies other than none() make it *durable*: it then survives power loss. So does the
// next open(), of what it keeps of a log that was not closed.
//
// Invariants
//   I1  first <= published + 1 and durable <= published <= claimed; each only grows.
//   I2  The bytes of a published record never change.
//
// Thread-safety  any member may run at the same time as any other, except moving, assigning and destruction.
// Not promised   an order between the appends of two threads that do not synchronise otherwise.
// Limits         a file system that is shut down, or a device that vanishes, under a mapping raises SIGBUS in whoever
//                touches it; snapshots and reflink copies of live segments, and thin devices, can run out of space late.
// Byte format: docs/format.md. Design: docs/design.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <varve/claim.hpp>
#include <varve/entry.hpp>
#include <varve/error.hpp>
#include <varve/event.hpp>
#include <varve/options.hpp>
#include <varve/reader.hpp>
#include <varve/record.hpp>
#include <varve/recovery.hpp>
#include <varve/retention.hpp>
#include <varve/sequence.hpp>
#include <varve/visibility.hpp>

namespace varve {

namespace core {
class log_object;
}

struct marks {
  sequence first, durable, published;  ///< first <= published + 1; durable reads as at least first - 1.
};

struct statistics {
  marks at;
  sequence claimed;                    ///< The last sequence given out; a view shows the published one.
  sequence oldest_unfinished;          ///< The claim that holds up publication; 0 if none does. A view shows 0: describe().
  std::uint64_t segments = 0;          ///< Files that hold records.
  std::uint64_t prepared = 0;          ///< Files allocated ahead; a view shows 0.
  std::uint64_t spare = 0;             ///< Files of dropped segments, kept to be used again; a view shows 0.
  std::uint64_t recycled = 0;          ///< Segments made of such files since this open; a view shows 0.
  std::uint64_t warm_bytes = 0;        ///< Ahead of the appends, pages that are in memory already; a view shows 0.
  std::uint64_t bytes_used = 0;        ///< Headers and frames.
  std::uint64_t bytes_allocated = 0;   ///< Disk space taken by segments, prepared and spare ones included.
  std::uint64_t syncs = 0, rolls = 0;  ///< Since this open; a view shows 0.
  std::uint64_t waits = 0;             ///< Appends that had to wait for a roll, since this open; a view shows 0.
  std::uint64_t mark_syncs = 0;        ///< Of the durable mark, by itself, since this open; a view shows 0.
};

/// Moved-from     only assign or destroy.
class VARVE_EXPORT log {
 public:
  /// Opens the log in `directory`, making it if nothing is there, and recovers it.
  ///
  /// Returns        a log all of whose records are durable; recovery() says what was found.
  /// Errors         locked, not_found, not_a_log, is_archive, newer_format, bad_option, unsupported_file_system, would_cut;
  ///                damaged: records that were durable fail validation; nothing was changed;
  ///                no_space, io, out_of_memory: nothing that was durable changed; if error::may_have_happened() the log
  ///                may be noted as opened, and the next open goes on from there.
  ///                cancelled: log_options::on_recovery said no; the log is closed again.
  /// Blocks         after a clean close it reads headers only; otherwise it scans and syncs what was not durable.
  /// Starts         three threads, which end with close(); one more each for log_options::checkpoint and ::archive.
  [[nodiscard]] static result<log> open(const std::filesystem::path& directory, const log_options& options = {});

  log(log&&) noexcept;
  log& operator=(log&&) noexcept;
  /// close(), with its answer lost. Claims that this thread still holds are abandoned first.
  ~log();

  /// Waits for the appends and claims that are under way, makes everything durable, and lets the directory go. Readers and
  /// records that are still held stay valid. Calling it again does nothing.
  ///
  /// Errors         sync_failed, io: the log is let go, and recovered at the next open (perhaps found closed, if
  ///                error::may_have_happened()). forked.
  ///                would_block_itself: this thread holds an open claim; nothing was changed.
  [[nodiscard]] result<void> close() noexcept;

  /// Appends one record.
  ///
  /// payload        copied before the call returns. 0 bytes are legal. A payload that another thread changes meanwhile
  ///                is stored as some mixture, never as damage.
  /// Returns        the record's sequence; by then the record is finished, and durable if the policy says so.
  /// Errors         too_large, no_space: nothing was appended.
  ///                would_block_itself: the policy waits for the device, and this thread holds an open claim; nothing was
  ///                appended.
  ///                sync_failed: under immediate() or grouped() the record may be published, but it is not durable. Later
  ///                appends answer with it under every policy.
  ///                io, out_of_memory (of a roll; nothing was appended), closed, forked.
  /// Thread-safety  any number of threads. Lock-free within a segment; one append per segment rolls, and those that come
  ///                meanwhile wait for it.
  /// Cost           one fetch_add, one copy, one checksum, one store; no lock, no system call, no allocation.
  /// Source         space by fetch-and-add, the word that publishes stored last: Aeron's term buffers.
  [[nodiscard]] result<sequence> append(std::span<const std::byte> payload, const append_options& options = {}) noexcept;
  [[nodiscard]] result<sequence> append(std::string_view payload, const append_options& options = {}) noexcept;

  /// Appends one record gathered from several pieces. As append() otherwise.
  [[nodiscard]] result<sequence> append_pieces(std::span<const std::span<const std::byte>> pieces,
                                               const append_options& options = {}) noexcept;

  /// Appends several records with neighbouring sequences, all or nothing: no reader, and no recovery, ever keeps a part.
  ///
  /// payloads       at least one. Those that do not fit what a segment holds get a segment of their own, up to 4 GiB.
  /// Errors         bad_option for an empty batch; otherwise as append().
  /// Cost           one fetch_add for all of them.
  [[nodiscard]] result<sequence_range> append_batch(std::span<const std::span<const std::byte>> payloads,
                                                    const append_options& options = {}) noexcept;
  [[nodiscard]] result<sequence_range> append_batch(std::span<const std::string_view> payloads,
                                                    const append_options& options = {}) noexcept;

  /// Begins an entry of several chunks, which are published together.
  ///
  /// Errors         out_of_memory, closed, forked.
  /// Cost           one allocation; nothing is claimed.
  [[nodiscard]] result<entry> begin_entry(const append_options& options = {}) noexcept;

  /// Reserves space for a record of up to `bytes`, to be written in place.
  ///
  /// Errors         too_large, no_space, io, out_of_memory, sync_failed, closed, forked: nothing was claimed.
  /// Thread-safety  any number of threads; the claim belongs to the one that made it.
  /// Cost           one fetch_add, whatever the size up to 64 KiB; nothing is copied.
  /// Source         Aeron's tryClaim.
  [[nodiscard]] result<varve::claim> claim(std::size_t bytes, const append_options& options = {}) noexcept;

  /// Makes everything durable that was claimed when it was called.
  ///
  /// Returns        the durable mark, which may be further.
  /// Errors         sync_failed, closed, forked. would_block_itself: this thread holds an open claim.
  /// Blocks         until earlier appends are finished, then for the device. One caller syncs for all that wait.
  [[nodiscard]] result<sequence> sync() noexcept;

  /// Makes every record up to and including `target` durable.
  ///
  /// deadline       checked while waiting; a sync of the device that has begun is not interrupted.
  /// Errors         past_end: `target` was never claimed. timed_out, sync_failed, closed, forked.
  ///                would_block_itself: this thread holds an open claim up to `target`.
  [[nodiscard]] result<void> sync(sequence target, std::chrono::steady_clock::time_point deadline =
                                                       std::chrono::steady_clock::time_point::max()) noexcept;

  /// Waits until others, or the background, have made everything up to `target` durable. Syncs nothing by itself.
  ///
  /// Returns        false: not by then.
  /// Errors         bad_option if the log's own policy is none(), whatever single appends brought: nobody might ever do
  ///                it. Otherwise as sync().
  [[nodiscard]] result<bool> wait_durable(sequence target, std::chrono::steady_clock::time_point deadline) noexcept;

  /// Drops every record before `target`, which becomes the first sequence. Exact and durable when it returns, whatever
  /// happens then; disk space comes back by whole segments. `target` may be the next sequence: the log is then empty, and
  /// goes on with that number. Dropping what is gone already does nothing.
  ///
  /// What is not durable yet is synced first. Records and readers that are held keep their bytes; at its next step a reader
  /// that stands before `target` answers trimmed, until it is moved by seek(). A checkpoint position before it moves there.
  /// While there is an archive hook, what would go is archived first, for which an active segment that holds nothing else
  /// is ended.
  ///
  /// Errors         past_end: `target` lies behind the next sequence. io: a file could not be removed, and takes space until
  ///                another call, or the next open, removes it; or varve.state could not be written, and nothing went.
  ///                Unless error::may_have_happened(): then the trim point may be durable, and this log goes on with the
  ///                old one until another trim succeeds, or it is opened again.
  ///                sync_failed, closed, forked. would_block_itself: this thread holds an open claim before `target`, or
  ///                is the one that archives. cancelled, no_space: something could not be archived, or ended; nothing went.
  /// Blocks         for two syncs at most, and for the archive hook.
  /// Cost           two small writes; for each segment that goes, one removal, or none if its file is used again.
  [[nodiscard]] result<void> trim_before(sequence target) noexcept;

  /// Drops every record behind `last`, which becomes the newest one; the next append gets `last` + 1. Exact also inside a
  /// batch, and durable when it returns, whatever happens then: what it keeps is made durable, what it drops never comes
  /// back. `last` may be the first sequence minus one: the log is then empty. Dropping what is not there does nothing.
  ///
  /// Appends and syncs that come meanwhile wait. Records that are held keep their bytes. A reader that stands behind
  /// `last` + 1 answers `truncated` at its next step, until it is moved by seek(), however far the log has grown since; one
  /// that reads at the same time may still be handed what is being dropped. A checkpoint or archive position behind `last`
  /// moves back to it.
  ///
  /// Errors         past_end: `last` was never claimed. trimmed: it lies before first_sequence() - 1. damaged: it lies in
  ///                a gap of lost records; drop the gap as well, or keep what follows it. io: varve.state or a
  ///                segment could not be written, and nothing went. Unless error::may_have_happened(): the log then takes
  ///                no more appends, and the next open ends the work, if there is any. no_space, with that: it is
  ///                truncated; appends answer so until a segment can be had.
  ///                sync_failed, closed, forked. would_block_itself: this thread holds an open claim.
  /// Blocks         until all claims are finished, then for some syncs; for one more for each segment that goes.
  /// Source         what Raft asks of a log: the suffix that a leader contradicts.
  [[nodiscard]] result<void> truncate_after(sequence last) noexcept;

  /// Drops all records, and goes on with the sequence `next`, which may be any but 0: what a snapshot from elsewhere needs.
  /// Durable when it returns. Readers that stand before it answer `trimmed`, those behind it `truncated`.
  ///
  /// Errors         bad_option (0, or beyond the last possible sequence); otherwise as truncate_after().
  [[nodiscard]] result<void> reset(sequence next) noexcept;

  /// Has a checkpoint made now, see checkpoint_options, and waits for it.
  ///
  /// Returns        the position: everything up to it was saved. At once if there is nothing new.
  /// Errors         bad_option: the log has no checkpoint_options::save. cancelled: it answered false. sync_failed, io,
  ///                closed, forked. would_block_itself: this thread holds an open claim, or is the one that saves.
  [[nodiscard]] result<sequence> checkpoint() noexcept;
  /// The last sequence that was checkpointed, and the last one whose segment was archived; first - 1 at least.
  [[nodiscard]] sequence checkpointed_sequence() const noexcept;
  [[nodiscard]] sequence archived_sequence() const noexcept;

  /// What retain() would do by these rules, and why, oldest segment first; changes nothing.
  ///
  /// Errors         out_of_memory, forked.
  /// Cost           O(segments); with keep_for_readers one open and lock for each that would go.
  [[nodiscard]] result<std::vector<retention_verdict>> plan_retention(const retention_rules& rules) const;
  /// Drops the oldest segments that these rules let go, whatever log_options::retention says.
  ///
  /// Returns        a verdict for each segment, those that went first.
  /// Errors         as trim_before(). out_of_memory.
  [[nodiscard]] result<std::vector<retention_verdict>> retain(const retention_rules& rules);

  /// A descriptor for an event loop that becomes readable when the mark has reached `target`, which need not have been
  /// claimed yet; also when it never will, since making something durable failed or the log was closed: look at the mark.
  /// Both only look on, as wait_durable() does.
  ///
  /// Errors         io (no descriptor or thread can be had), out_of_memory, forked.
  /// Starts         published_event(): at its first call a thread, which ends with close(). While such events wait, each
  ///                append may pay for a wake-up.
  [[nodiscard]] result<event> durable_event(sequence target) noexcept;
  [[nodiscard]] result<event> published_event(sequence target) noexcept;

  /// Returns one record by its number. No record has the number 0: {} answers trimmed.
  ///
  /// Errors         trimmed, abandoned, not_yet (claimed, not published), past_end (never claimed), damaged, io,
  ///                out_of_memory, forked.
  /// Cost           O(log n): a search in the index, and a walk over at most a stride of the segment.
  [[nodiscard]] result<pinned_record> read(sequence at) const;

  /// The records from `from` ({}: the first) to what is published now, for a range-based for. A `from` that cannot be
  /// reached is an error, the first and only element.
  [[nodiscard]] record_range records(sequence from = {}) const;

  /// The first record, in the order of the sequences, that was appended at `time` or later; if there is none, the sequence
  /// that comes next. Exact although clocks are set back and threads overtake each other: no record before it is that young.
  ///
  /// Errors         bad_option: the log stores no times. damaged, io, out_of_memory, forked.
  /// Cost           O(log segments). The first look into a segment walks through it; later ones walk 64 KiB of it.
  [[nodiscard]] result<sequence> find_time(record_time time) const;

  /// A reader that stands at `from`; see reader::seek.
  [[nodiscard]] result<varve::reader> reader(sequence from = {}) const;

  /// The marks. Published walks over what was finished since the last call.
  [[nodiscard]] sequence first_sequence() const noexcept;
  [[nodiscard]] sequence published_sequence() const noexcept;
  [[nodiscard]] sequence durable_sequence() const noexcept;
  [[nodiscard]] statistics stats() const noexcept;

  /// The largest payload that append() takes: 4 GiB less a header, whatever the size of segments.
  [[nodiscard]] std::uint64_t record_bytes_max() const noexcept;

  /// What open() found.
  [[nodiscard]] const recovery_report& recovery() const noexcept;

  /// The first failure to make something durable, also one that a background thread met; nullopt while there is none.
  [[nodiscard]] std::optional<error> failure() const noexcept;

  /// Why the durable mark could not be brought to the disk the last time (log_options::mark_interval); nullopt once it was.
  /// It is tried again after each interval. What is durable is durable all the same, and the log goes on: only what a
  /// power loss leaves cannot be told from a torn end as far. The device is worth a look.
  [[nodiscard]] std::optional<error> mark_failure() const noexcept;

 private:
  explicit log(std::shared_ptr<core::log_object>) noexcept;
  void let_go() noexcept;
  std::shared_ptr<core::log_object> object_;
};

}  // namespace varve
