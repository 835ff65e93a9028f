// SPDX-License-Identifier: MIT
//
// segment_checks.hpp - checks segments on several threads, ahead of the walk that asks for them one after another. Layer
// recovery; only reads.
//
// Nearly all segments are whole, and of these a walk needs to know no more than where their frames end. Whatever else stands
// in one the walk meets by itself, as if nobody had looked. So what it finds, and in which order, never depends on threads.
//
// The caller's own thread is one of them: what nobody has begun when the walk comes to it, the walk reads.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "segment/segment.hpp"
#include "store/log_place.hpp"

namespace varve::core {

constexpr std::uint32_t check_threads_max = 64;

/// A segment that is followed by another one.
struct segment_to_check {
  segment_facts facts;
  std::uint64_t end_offset = none_yet;  // none_yet: its header does not say
  std::uint64_t end_sequence = 0;       // the base of its successor
};

/// What a walk leaves behind that met nothing but valid frames, each of its own batch, from the base to the end.
struct whole_segment {
  std::uint64_t end_offset = 0;
  std::uint64_t frames = 0;
  std::uint64_t batch_offset = 0, batch_sequence = 0;  // of the last frame that does not begin inside a batch
  bool batch_goes_on = false;                          // the last frame does
};

/// Opens a segment to read all of it: a load from a page that cannot be read would be a fault (SIGBUS), so all of them have
/// been probed.
///
/// Errors  as open_segment(); io, if a page cannot be read.
[[nodiscard]] result<std::shared_ptr<segment>> open_to_check(const log_place& place, const segment_to_check& what,
                                                             pinning how);

class segment_checks {
 public:
  /// Starts to check. `threads`: how many work, the caller's included; 0: as many as there are processors. Those that cannot
  /// be had are done without.
  segment_checks(const log_place& place, std::vector<segment_to_check> segments, pinning how, std::uint32_t threads);
  segment_checks(const segment_checks&) = delete;
  segment_checks& operator=(const segment_checks&) = delete;
  /// Leaves alone what was not begun.
  ~segment_checks();

  /// What is known of segment `i`; checks others while another thread is at it. None: walk it, nobody else will.
  [[nodiscard]] std::optional<whole_segment> take(std::size_t i);

 private:
  enum class state : std::uint8_t { waiting, begun, whole, left };  // left to the walk

  void work(const std::stop_token& stop) noexcept;
  [[nodiscard]] std::optional<std::size_t> begin_next() noexcept;
  void finish(std::size_t i, std::optional<whole_segment> found) noexcept;

  const log_place& place_;
  const pinning how_;
  const std::vector<segment_to_check> segments_;

  std::mutex guard_;  // of all that follows
  std::condition_variable finished_;
  std::vector<state> states_;
  std::vector<whole_segment> found_;
  std::size_t next_ = 0;               // none before it is waiting
  std::vector<std::jthread> threads_;  // last: they end before what they use
};

}  // namespace varve::core
