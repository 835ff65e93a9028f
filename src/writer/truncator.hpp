// SPDX-License-Identifier: MIT
//
// truncator.hpp - drops the newest records, exactly and durably. Layer writer.
//
// A truncation is a roll that it starts itself. Appends are held, all claims are finished, everything is durable; then one
// write of varve.state decides: from there on recovery ends the work by the same steps, if nobody else does. Only when they
// are done and the intent is cleared, a fresh segment is begun: whoever redoes an intent never meets new records. One that
// is refused, or finds nothing to drop, lets appends go on where they were held.
//
// Invariants
//   I1  What is kept was durable before the intent was.
//   I2  The new epoch and the floor are durable with the intent. So a mark of the old epoch, which may be higher, counts no
//       more.
//   I3  No file of what went is left when the intent is cleared, and the end of what is kept is durable.
//   I4  If anything fails behind the decision, or the decision so that it may have been made, the log takes no more appends:
//       the next open ends the work.
//
// Ordering
//   turn:C / turn:D   a truncation is noted, then the turn changes (see record_source.hpp): before anything that readers
//                     look at, so that what they find missing is no damage, and behind all that, for who has looked in
//                     between
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "base/error.hpp"
#include "chain/frontier.hpp"
#include "chain/segment_table.hpp"
#include "chain/truncation_history.hpp"
#include "chain/wake_page.hpp"
#include "os/shared.hpp"
#include "recovery/survey.hpp"
#include "store/live_file.hpp"
#include "store/log_place.hpp"
#include "writer/append/appender.hpp"
#include "writer/durable/syncer.hpp"
#include "writer/retire/sealer.hpp"
#include "writer/retire/trimmer.hpp"
#include "writer/state/failure_latch.hpp"
#include "writer/state/log_state.hpp"

namespace varve::core {

class truncator {
 public:
  struct parts {
    const log_place& place;
    log_state& state;
    live_file& live;
    segment_table& table;
    core::frontier& frontier;
    core::syncer& syncer;
    core::trimmer& trimmer;
    core::sealer& sealer;
    core::appender& appender;
    failure_latch& latch;
    const core::gate& gate;
    wake_page& wake;
    core::truncations& truncations;
    shared::word<std::uint64_t>& turn;
    std::mutex& life;  // held while the state is written
  };
  explicit truncator(const parts& p) noexcept : with_(p) {}

  /// Everything from `next` on goes; the log goes on with that. The caller's thread holds no claim.
  [[nodiscard]] result<void> truncate(std::uint64_t next) noexcept { return run({.next = next, .resets = false}); }
  /// Everything goes, and the log goes on with `next`. Likewise.
  [[nodiscard]] result<void> reset(std::uint64_t next) noexcept { return run({.next = next, .resets = true}); }

  /// While it is held no truncation begins, and none is under way but for its roll. To be locked before `life`: one that
  /// waits for claims holds this alone, since whoever has them may want to trim.
  [[nodiscard]] std::unique_lock<std::mutex> keep_out() noexcept { return std::unique_lock{truncating_}; }

 private:
  struct wish {
    std::uint64_t next;
    bool resets;
  };
  /// What is to be done, by what is known of a running log.
  struct plan {
    survey steps;                                  // for repair()
    std::vector<segment_table::removed> in_table;  // of what goes, what the table knows
    std::uint64_t cut_from = 0;                    // entries of the table with this base, or above
    walker end;                                    // where the log ends then; without a segment if nothing is left
    segment_facts last;                            // of that segment
  };

  [[nodiscard]] result<void> run(const wish& w) noexcept;
  [[nodiscard]] result<void> run_held(const wish& w) noexcept;
  [[nodiscard]] result<void> check(const wish& w) const noexcept;
  [[nodiscard]] result<void> cut(const wish& w);
  [[nodiscard]] result<plan> make_plan(const wish& w) const;
  [[nodiscard]] result<void> plan_end(std::uint64_t next, plan& p) const;
  [[nodiscard]] result<void> decide(const wish& w) noexcept;
  void take_effect(const wish& w, const plan& p) noexcept;
  void tell_readers(std::uint64_t next) noexcept;
  [[nodiscard]] result<void> carry_out(plan& p) noexcept;

  parts with_;
  std::mutex truncating_;
};

}  // namespace varve::core
