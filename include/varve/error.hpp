// SPDX-License-Identifier: MIT
//
// error.hpp - what can go wrong, and what to do about it.
//
// Whatever the disk, the kernel, a file or the caller can do is a value of type `error`; the library never prints or aborts,
// and never throws across its interface, but for std::bad_alloc out of error::message(), which makes a
// string. One code = one thing to do next.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <varve/visibility.hpp>

namespace varve {

namespace core {
struct error_access;
struct error_subject;
}  // namespace core

enum class errc : std::uint16_t {
  // ---- open
  locked = 1,               ///< Another writer has the log. Wait for it, stop it, or read through a log_view.
  not_found,                ///< Nothing is there and `create` is false. Check the path.
  not_a_log,                ///< Something is there that is no log; it was not touched. Choose another directory.
  is_archive,               ///< An archive, which its archiver alone writes; it was not touched. Expand it to a log.
  newer_format,             ///< Made by a newer varve; it was not touched. Use that version.
  older_format,             ///< Made by varve 0.1; it was not touched. `varve upgrade` makes a log of this version of it.
  bad_option,               ///< path() names the option or argument. Correct it.
  unsupported_file_system,  ///< A network or FUSE file system. Move the log, or set allow_any_file_system knowingly.
  incomplete,  ///< Records or files that had been durable are missing, as in a copy that lacks some; nothing was changed.
               ///< path() names the file, or the sequences are given. Bring what is missing, or give it up: accept_loss.
  would_cut,   ///< Strict recovery met a torn end; nothing was changed. Look with verify(), then open with `prefix`.
  // ---- append
  no_space,   ///< No new segment can be had. Make room; appends go on by themselves, nothing was lost.
  too_large,  ///< More bytes than the largest segment takes, or than a claim has; nothing was claimed. limit() says how many
              ///< it takes; 0: not even that many empty records.
  // ---- read: the different ways of not being there
  not_yet,    ///< Claimed, or perhaps claimed later, but not published. Ask again.
  past_end,   ///< No append has claimed this sequence.
  trimmed,    ///< Older than the first record that is kept.
  truncated,  ///< The log was truncated before the place where this reader stands. Move it by seek().
  abandoned,  ///< The claim of this sequence was given up, or its writer died. There is no record; go on behind it.
  // ---- any
  damaged,             ///< Bytes that had been written fail validation: segment(), offset(), sequences. Restore them.
  sync_failed,         ///< Making records durable failed. It is latched: reopen the log after the device has been mended.
  io,                  ///< A system call failed: os_errno().
  out_of_memory,       ///< Free some, then try again; the log is unchanged and usable.
  would_block_itself,  ///< This thread holds an open claim that it would wait for: first_sequence(). Finish that first.
  timed_out,           ///< The deadline passed first. Nothing is lost; wait again.
  forked,              ///< This process is a fork of the one that opened the log. Open a log_view of its own.
  closed,              ///< The log was closed. Open it again.
  cancelled,           ///< A function that you gave to the log answered no. Ask it why.
  bug,                 ///< A fault in varve. Please report the sentence of message().
};

/// One failure: a code, what it concerns, and errno. 48 bytes, trivially copyable, so that one latched error can be handed
/// to every waiter without allocating.
class VARVE_EXPORT error {
 public:
  [[nodiscard]] errc code() const noexcept { return code_; }

  /// errno of the system call that failed; 0 if none did.
  [[nodiscard]] int os_errno() const noexcept { return errno_; }

  /// The file or directory concerned; for bad_option the option's name. Empty if there is none.
  ///
  /// Lifetime  as long as the program.
  [[nodiscard]] std::string_view path() const noexcept;

  /// The segment concerned; 0 if none.
  [[nodiscard]] std::uint64_t segment() const noexcept { return code_ == errc::locked ? 0 : segment_; }

  /// For locked: the process that has the log, if it is known. Otherwise 0.
  [[nodiscard]] std::uint64_t process() const noexcept { return code_ == errc::locked ? segment_ : 0; }

  /// Byte offset in the segment file; 0 if none.
  [[nodiscard]] std::uint64_t offset() const noexcept { return code_ == errc::too_large ? 0 : offset_; }

  /// For too_large: how many bytes would have been taken. Otherwise 0.
  [[nodiscard]] std::uint64_t limit() const noexcept { return code_ == errc::too_large ? offset_ : 0; }

  /// The first and the last sequence concerned; 0 if none.
  [[nodiscard]] std::uint64_t first_sequence() const noexcept { return first_; }
  [[nodiscard]] std::uint64_t last_sequence() const noexcept { return last_; }

  /// True if a trim, a truncation, a reset, a checkpoint, an open or a close may have taken effect all the same: it could
  /// not be made durable, nor be taken back, or its last steps failed. The next open tells. False for these: nothing
  /// happened, and nothing of it comes back after a power loss.
  [[nodiscard]] bool may_have_happened() const noexcept { return may_have_happened_; }

  /// One sentence for people: what happened, where, and what to do. May allocate and then throw std::bad_alloc.
  [[nodiscard]] std::string message() const;

 private:
  friend struct core::error_access;
  error() = default;

  const core::error_subject* subject_ = nullptr;
  std::uint64_t segment_ = 0, offset_ = 0, first_ = 0, last_ = 0;
  std::int32_t errno_ = 0;
  errc code_ = errc::bug;
  bool may_have_happened_ = false;
};
static_assert(sizeof(error) == 48, "the append path hands errors over by value");

template <class T>
using result = std::expected<T, error>;

/// The code's name as it stands in `errc`, for logs and tools.
VARVE_EXPORT [[nodiscard]] std::string_view name_of(errc code) noexcept;

}  // namespace varve
