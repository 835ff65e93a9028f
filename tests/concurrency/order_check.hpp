// SPDX-License-Identifier: MIT
//
// order_check.hpp - follows records in the order of the log, and finds what must not be: a gap or a change in what one
// writer appended, bytes that are not what it wrote, a batch of which only a part is there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <varve/varve.hpp>

#include "concurrency/workload.hpp"
#include "support/authorship.hpp"

namespace varve::testing {

class order_check {
 public:
  /// A reader that does not begin with the first record learns from its first large enough record of each writer where that
  /// writer is.
  order_check(const workload& shape, std::uint32_t writers, bool from_the_first)
      : shape_(shape), next_(writers, from_the_first ? 0 : unknown), may_begin_inside_(!from_the_first) {}

  /// A complaint; empty if this record may come next.
  [[nodiscard]] std::string see(const record& r) {
    const auto where = [&] { return "at sequence " + std::to_string(r.sequence().value) + ": "; };
    if (before_ != 0 && r.sequence().value != before_ + 1) return where() + "it is not next to " + std::to_string(before_);
    before_ = r.sequence().value;
    ++seen_;
    const std::uint32_t writer = r.type();
    if (writer >= next_.size()) return where() + "no writer has this type";
    if (inside_ && writer != writer_of_batch_) return where() + "another writer's record stands inside of a batch";
    std::uint64_t& next = next_[writer];
    if (next == unknown && r.payload().size() >= sizeof next) next = claimed_author(r.payload()).counter;
    if (next == unknown) return follow_batch(r, writer, unknown);
    if (!is_payload_of({.life = 0, .writer = writer, .counter = next}, r.payload()))
      return where() + "not record " + std::to_string(next) + " of writer " + std::to_string(writer);
    auto complaint = follow_batch(r, writer, next++);
    return complaint.empty() ? complaint : where() + complaint;
  }

  /// The reader came to the end for now: not inside of a batch (G4).
  [[nodiscard]] std::string at_end() const {
    return inside_ ? "G4: at sequence " + std::to_string(before_) + " the batch goes on, and there is no next record" : "";
  }
  [[nodiscard]] std::uint64_t seen_of(std::uint32_t writer) const noexcept { return next_[writer]; }
  [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }

 private:
  static constexpr std::uint64_t unknown = ~std::uint64_t{0};

  std::string follow_batch(const record& r, std::uint32_t writer, std::uint64_t counter) {
    if (!inside_) {
      writer_of_batch_ = writer;
      length_ = 0;
      first_ = counter;
    }
    ++length_;
    inside_ = r.batch_goes_on();
    if (inside_) return {};
    const bool judged = !may_begin_inside_ && first_ != unknown;
    may_begin_inside_ = false;
    if (judged && length_ != shape_.count_at(writer, first_))
      return "G4: a batch of " + std::to_string(length_) + " records";
    return {};
  }

  workload shape_;
  std::vector<std::uint64_t> next_;  // counter of each writer's next record
  bool may_begin_inside_;            // the first batch may have begun before the first record that was seen
  bool inside_ = false;              // the last record goes on
  std::uint32_t writer_of_batch_ = 0;
  std::uint64_t length_ = 0, first_ = 0, before_ = 0, seen_ = 0;
};

/// Everything there is, in order; `of_each` are the records that must be there.
template <class Log>
[[nodiscard]] std::string check_whole_log(const Log& log, const workload& shape, const std::vector<std::uint64_t>& of_each) {
  order_check order{shape, static_cast<std::uint32_t>(of_each.size()), true};
  for (const auto& r : log.records()) {
    if (!r) return r.error().message();
    if (auto complaint = order.see(*r); !complaint.empty()) return complaint;
  }
  if (auto complaint = order.at_end(); !complaint.empty()) return complaint;
  for (std::uint32_t w = 0; w < of_each.size(); ++w)
    if (order.seen_of(w) != of_each[w])
      return "of writer " + std::to_string(w) + " there are " + std::to_string(order.seen_of(w)) + " records, not " +
             std::to_string(of_each[w]);
  return {};
}

}  // namespace varve::testing
