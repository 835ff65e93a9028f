// SPDX-License-Identifier: MIT
//
// record_source.hpp - what a reader needs of a log, and of a view of one. Layer chain.
//
// Ordering
//   turn:C / turn:D   first() was raised, or a truncation noted, then the turn changes: who sees that finds it so. (turn:D
//                     in writer/retire/trimmer.cpp, writer/truncator.cpp and view/view_object.cpp)
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.hpp"
#include "chain/segment_table.hpp"
#include "chain/truncation_history.hpp"
#include "os/shared.hpp"
#include "os/waiting.hpp"
#include "segment/segment.hpp"

namespace varve::core {

class record_source {
 public:
  /// `turn`  see turn(); of whoever is made. It need not have been made yet.
  explicit record_source(const shared::word<std::uint64_t>& turn) noexcept : turn_(&turn) {}
  record_source(const record_source&) = delete;
  record_source& operator=(const record_source&) = delete;
  virtual ~record_source() = default;

  [[nodiscard]] virtual const error_subject* path() const noexcept = 0;
  [[nodiscard]] virtual bool verify_on_read() const noexcept = 0;

  /// Fails if this process may not use the log (it is a fork of the one that opened it), or if looking further failed.
  [[nodiscard]] virtual result<void> usable() noexcept = 0;

  /// Changes when records go. Who knows where he stands looks then whether he still does.
  [[nodiscard]] std::uint64_t turn() const noexcept { return turn_->load(std::memory_order_acquire, "turn:C"); }
  /// The lowest sequence that the log was truncated to since the turn was `turn`: who stands behind it stands in what went.
  /// none_yet if it was not.
  [[nodiscard]] std::uint64_t truncated_since(std::uint64_t turn) const noexcept { return truncations_.lowest_since(turn); }
  [[nodiscard]] virtual std::uint64_t first() noexcept = 0;
  /// True if nothing went, or is going, since the turn was `turn`: what is missing is missing.
  [[nodiscard]] bool is_settled(std::uint64_t turn) noexcept {
    static_cast<void>(published());  // a view learns here what went
    return !truncations_.is_changing() && this->turn() == turn;
  }

  /// Looks how far the log is published now. Goes back only when the log is truncated.
  [[nodiscard]] virtual std::uint64_t published() noexcept = 0;
  /// What the last look said.
  [[nodiscard]] virtual std::uint64_t known_published() const noexcept = 0;
  /// The code for a sequence above published(): not_yet or past_end.
  [[nodiscard]] virtual errc beyond(std::uint64_t sequence) const noexcept = 0;
  /// Waits until `sequence`, the first that is not published, is published, or `until`; may return early for no reason.
  ///
  /// Errors  if it never will be, or not before the caller does something.
  [[nodiscard]] virtual result<void> await_published(std::uint64_t sequence, os::deadline until) = 0;
  /// The segment in which `sequence` stands, or will stand; none if there is none yet.
  [[nodiscard]] virtual result<std::shared_ptr<const segment>> holding(std::uint64_t sequence) = 0;

  /// Does each record carry its time?
  [[nodiscard]] virtual bool keeps_times() const noexcept = 0;
  /// For who looks for one.
  [[nodiscard]] virtual segment_table& segments_by_time() noexcept = 0;

  /// Where the first segment begins that does so after `sequence`; none_yet if none is known.
  [[nodiscard]] std::uint64_t next_base(std::uint64_t sequence) noexcept { return segments_by_time().base_after(sequence); }

  /// True if `sequence` is published.
  [[nodiscard]] bool has_published(std::uint64_t sequence) noexcept {
    return sequence <= known_published() || sequence <= published();
  }

 protected:
  [[nodiscard]] core::truncations& cuts() noexcept { return truncations_; }

 private:
  core::truncations truncations_;
  const shared::word<std::uint64_t>* turn_;
};

}  // namespace varve::core
