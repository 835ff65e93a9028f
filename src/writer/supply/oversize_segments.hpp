// SPDX-License-Identifier: MIT
//
// oversize_segments.hpp - files of segments that have a size of their own, for records and batches that no segment of the
// log's size holds, and for entries. Layer writer/supply.
//
// A file belongs to whoever made it until it is begun, and an entry may be held for long. So only who works at one is
// waited for, see `work`; those at which nobody does are known here, and removed with the log.
//
// Invariants
//   I1  end() waits for whoever works at a file, and nobody begins to then. So once the directory is let go nothing is
//       done in it any more, and there is no file in it that somebody believes to have.
//   I2  What is made becomes part of the log, or is removed: by whoever made it, or by end().
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include <boost/intrusive/list.hpp>

#include "base/error.hpp"
#include "store/log_place.hpp"
#include "store/segment_maker.hpp"

namespace varve::core {

class preparer;
class trimmer;

/// A file that is to be a segment: none yet, then one that may grow, then one that is ready to be begun. Touched by whoever
/// works at it.
class own_file : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>> {
 public:
  own_file() noexcept = default;
  own_file(const own_file&) = delete;
  own_file& operator=(const own_file&) = delete;

  [[nodiscard]] bool is_there() const noexcept { return file_.number != 0; }
  [[nodiscard]] bool is_ready() const noexcept { return ready_ != nullptr; }
  [[nodiscard]] std::uint64_t number() const noexcept { return file_.number; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return file_.bytes; }
  /// Of one that may grow.
  [[nodiscard]] const os::file& file() const noexcept { return file_.file; }

 private:
  friend class own_segments;
  unfinished_segment file_{};  // its descriptor is in ready_ while that is there
  std::unique_ptr<control_block> ready_{};
  bool is_idle_ = false;  // guarded by own_segments::guard_: it is in the list of those
};

class own_segments {
 public:
  struct parts {
    const log_place& place;
    core::preparer& preparer;
    core::trimmer& trimmer;
  };
  explicit own_segments(const parts& p) noexcept : with_(p) {}

  void start(const segment_recipe& recipe) {
    recipe_ = recipe;
    recipe_.write_ahead = false;  // what stands in such a file is written, and synced, at once
    is_over_ = false;
  }
  /// Refuses everything from then on, waits for those who work at a file, and removes the others. Claims were stopped:
  /// nobody waits for a roll.
  void end() noexcept;

  /// The size of a file for so many bytes of frames.
  [[nodiscard]] static constexpr std::uint64_t file_bytes(std::uint64_t bytes) noexcept {
    return round_up(format::segment_header_bytes + bytes, format::segment_bytes_unit);
  }
  /// Of all files that are not part of the log yet.
  [[nodiscard]] std::uint64_t bytes() noexcept;

  /// While it lives the file is its holder's, and end() waits for it. False after end(): then there is no such file any
  /// more.
  class work {
   public:
    work(own_segments& in, own_file& on) noexcept : in_(in), on_(on), is_begun_(in.begin_work(on)) {}
    ~work() {
      if (is_begun_) in_.end_work(on_);
    }
    work(const work&) = delete;
    work& operator=(const work&) = delete;
    [[nodiscard]] explicit operator bool() const noexcept { return is_begun_; }

   private:
    own_segments& in_;
    own_file& on_;
    const bool is_begun_;
  };

  // ---- By whoever works at the file. Room for its bytes was taken from the preparer; what fails, or is removed, gives it
  // back.

  /// One that was ready may be written to, and grow, again.
  void reopen(own_file& own) noexcept;
  /// Makes it of `bytes`, or of `least` if the disk is full: room was taken for `bytes`. If it fails the file is as it was.
  [[nodiscard]] os::result<void> grow(own_file& own, std::uint64_t least, std::uint64_t bytes) noexcept;
  /// Syncs it, and makes it ready to be begun, under a number that nobody has had yet if it is to have a new one. If it
  /// fails the file may be gone: what a sync has lost cannot be had again.
  enum class numbering : std::uint8_t { as_it_is, anew };
  [[nodiscard]] os::result<void> complete(own_file& own, numbering how) noexcept;
  /// The segment, which becomes part of the log, under a number above `number`: others may have been begun since it was
  /// made.
  [[nodiscard]] os::result<std::unique_ptr<control_block>> hand_over(own_file& own, std::uint64_t number) noexcept;
  void remove(own_file& own) noexcept;

  /// Removes it, if it is there still. By whoever made it, who does not work at it.
  void give_up(own_file& own) noexcept;
  /// Room that was taken for nothing.
  void give_back(std::uint64_t bytes) noexcept;

 private:
  [[nodiscard]] bool begin_work(own_file& on) noexcept;
  void end_work(own_file& on) noexcept;
  [[nodiscard]] os::result<void> create(own_file& own) noexcept;
  void count(std::uint64_t bytes) noexcept;
  void uncount(std::uint64_t bytes) noexcept { count(std::uint64_t{0} - bytes); }
  /// Room and number are no longer its own.
  void remove_file(own_file& own) noexcept;

  parts with_;
  segment_recipe recipe_;
  std::mutex guard_;
  std::condition_variable finished_;
  boost::intrusive::list<own_file> idle_;  // guarded by guard_, as all that follows
  std::uint64_t working_ = 0;
  std::uint64_t bytes_ = 0;
  bool is_over_ = true;
};

}  // namespace varve::core
