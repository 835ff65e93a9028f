// SPDX-License-Identifier: MIT
//
// cursor.hpp - a place in a log, and how to go on from it. Layer reader; behind reader, record_range and read().
//
// At a stamp that does not match, a cursor decides in this order: the sequence stands in the next segment = go there; it is
// at or below the published mark = damage; otherwise the end for now.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include <varve/reader.hpp>
#include <varve/record.hpp>

#include "chain/record_source.hpp"
#include "os/waiting.hpp"
#include "segment/walker.hpp"

namespace varve::core {

class cursor {
 public:
  explicit cursor(std::shared_ptr<record_source> source) noexcept : cursor(*source) { kept_ = std::move(source); }
  /// For who keeps the source by other means.
  explicit cursor(record_source& source) noexcept
      : source_(&source), how_deep_(source.verify_on_read() ? format::depth::everything : format::depth::shape) {}

  /// Stands at `target`; 0 is the first there is. The sequence behind the last published one is allowed.
  [[nodiscard]] result<void> seek(std::uint64_t target);
  /// Stands at the first sequence there is, wherever that is: what is damaged there next() says.
  [[nodiscard]] result<void> stand_at_first();
  /// The next record; passes over what is abandoned.
  [[nodiscard]] result<std::optional<record>> next();
  /// The next record, if it stands before `end`; nothing behind it.
  void next_before(std::uint64_t end, std::optional<result<record>>& element);
  /// Waits until next() would not answer "the end for now". False: not by then.
  [[nodiscard]] result<bool> wait(os::deadline until);
  /// The record at just `target`, where the cursor need not stand.
  [[nodiscard]] result<pinned_record> read(std::uint64_t target);
  /// The first record of `time` or later; if there is none, the sequence behind the last published one.
  [[nodiscard]] result<std::uint64_t> find_time(record_time time) const;
  /// Stands there.
  [[nodiscard]] result<void> seek_time(record_time time);

  [[nodiscard]] std::uint64_t position() const noexcept { return at_.segment() ? at_.sequence() : waits_for_; }
  [[nodiscard]] std::uint64_t published() const noexcept { return source_->published(); }

 private:
  enum class move : std::uint8_t { moved, end_for_now };

  /// In one segment: what was found, or where it is to be looked for next.
  struct time_place {
    bool is_found = false;
    std::uint64_t sequence = 0;
  };
  [[nodiscard]] result<time_place> find_time_in(std::shared_ptr<const segment> in, record_time time, std::uint64_t from,
                                                std::uint64_t end) const;
  [[nodiscard]] result<time_place> find_time_behind(std::uint64_t from, record_time time, std::uint64_t end) const;
  /// What is being truncated may look like damage: then looks again.
  template <class Look>
  [[nodiscard]] auto look_until_settled(Look look) const {
    for (;;) {
      const std::uint64_t turn = source_->turn();
      auto found = look();
      if (found || source_->is_settled(turn)) return found;
      os::nap(look_again);
    }
  }
  // How long a change of what readers look at may take. Arbitrary.
  static constexpr std::chrono::microseconds look_again{20};

  [[nodiscard]] result<std::uint64_t> find_time_once(record_time time) const;
  [[nodiscard]] result<void> check_kept(std::uint64_t target) const;
  [[nodiscard]] result<std::uint64_t> check_target(std::uint64_t target) const;
  [[nodiscard]] result<bool> is_published(std::uint64_t sequence) const;
  [[nodiscard]] result<std::shared_ptr<const segment>> holding(std::uint64_t sequence) const;
  void look_for(std::uint64_t sequence, result<std::shared_ptr<const segment>>& in) const;
  [[nodiscard]] result<approach> walk_to(std::uint64_t target) const;
  [[nodiscard]] result<approach> go_to(std::uint64_t target) const;
  [[nodiscard]] result<approach> walk_past_damage(std::uint64_t target) const;
  [[nodiscard]] bool find_again();
  [[nodiscard]] std::unexpected<error> stand_at_gone(const format::frame& gone);
  [[nodiscard, gnu::cold]] std::unexpected<error> no_frame_for(std::uint64_t target, const segment& in) const noexcept;
  [[nodiscard]] std::unexpected<error> given_up_before(const segment& in, std::uint64_t from) const noexcept;
  /// Moves behind the next record, which is `seen`; false: the end for now.
  [[nodiscard]] result<bool> next_frame(observation& seen);
  [[nodiscard]] result<bool> go_to_record(observation& seen);
  /// Looks at what comes next; moves behind it if that is a frame.
  void step(observation& seen) noexcept;
  [[nodiscard]] result<void> seek_once(std::uint64_t target, std::uint64_t turn);
  [[nodiscard]] result<pinned_record> read_once(std::uint64_t target);
  [[nodiscard]] std::uint32_t epoch() const noexcept { return static_cast<std::uint32_t>(at_.segment()->facts().epoch); }
  [[nodiscard]] result<move> enter_next();
  [[nodiscard]] result<void> look_anew();
  [[nodiscard]] result<void> look_whether_it_stands(std::uint64_t turn);
  [[nodiscard]] result<void> stand_anew();
  [[nodiscard]] std::unexpected<error> damaged_at(const walker& at) const noexcept;
  [[nodiscard]] std::unexpected<error> damaged_from(std::uint64_t first, const walker& at,
                                                    std::uint64_t number = 0) const noexcept;
  [[nodiscard]] std::unexpected<error> not_there(errc code, std::uint64_t sequence) const noexcept;

  std::shared_ptr<record_source> kept_;
  record_source* source_;
  format::depth how_deep_;
  walker at_;  // without a segment until the first one is there
  std::uint64_t waits_for_ = 1;
  std::uint64_t turn_ = 0;  // of the source, when this was known to stand in what the log keeps
};

/// Makes what the public classes keep private.
struct record_access {
  /// One that is borrowed from `in`, which must stay where it is.
  [[nodiscard]] static record lend(const std::shared_ptr<const segment>& in, const format::frame& f,
                                   std::uint64_t sequence) noexcept;
  /// One that stands alone, and takes the walker's segment with it.
  [[nodiscard]] static pinned_record give(walker& at, std::uint64_t sequence, const format::frame& f) noexcept;
};
struct reader_access {
  [[nodiscard]] static result<reader> make_reader(std::shared_ptr<record_source> source, sequence from);
  [[nodiscard]] static record_range make_range(std::shared_ptr<record_source> source, sequence from);
  [[nodiscard]] static result<pinned_record> read(record_source& source, sequence at);
  [[nodiscard]] static result<sequence> find_time(record_source& source, record_time time);
};

}  // namespace varve::core
