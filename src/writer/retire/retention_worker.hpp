// SPDX-License-Identifier: MIT
//
// retention_worker.hpp - carries out what retention decides: by call, in the background after each seal, and when a log has
// come to the most that it may take. Layer writer/retire.
#pragma once

#include <mutex>
#include <vector>

#include "base/error.hpp"
#include "chain/frontier.hpp"
#include "chain/retention_policy.hpp"
#include "chain/segment_table.hpp"
#include "os/waiting.hpp"
#include "store/log_place.hpp"
#include "writer/retire/archive_feed.hpp"
#include "writer/retire/checkpointer.hpp"
#include "writer/retire/trimmer.hpp"

namespace varve::core {

class retainer {
 public:
  struct parts {
    const log_place& place;
    segment_table& table;
    core::frontier& frontier;
    core::trimmer& trimmer;
    const core::archivist& archivist;
    const core::checkpointer& checkpointer;
    std::mutex& life;  // to be held while the log is trimmed
  };
  retainer(const parts& p, const retention_rules& rules) noexcept : with_(p), rules_(rules) {}

  /// What would go.
  [[nodiscard]] result<std::vector<retention_verdict>> plan(const retention_rules& rules) noexcept;
  /// What went. The caller holds `life`.
  [[nodiscard]] result<std::vector<retention_verdict>> retain(const retention_rules& rules) noexcept;

  /// From the oldest to the active one. May throw std::bad_alloc.
  [[nodiscard]] std::vector<retained_segment> segments();

  /// By the log's own rules, in the background: what fails, or finds somebody else at it, is done the next time.
  void run() noexcept;
  /// When run() has something to do again though nothing was sealed.
  [[nodiscard]] os::deadline next_run() const noexcept;
  enum class drop : std::uint8_t { done, nothing_sealed, held, failed, busy };
  /// Drops the oldest segment, whoever reads it, unless it is `held`: it was not checkpointed, or not archived. `busy`:
  /// somebody else is at it; look again.
  [[nodiscard]] drop drop_oldest() noexcept;

 private:
  [[nodiscard]] bool has_limits() const noexcept {
    return with_.checkpointer.saves() || rules_.max_bytes != 0 || rules_.max_segments != 0 || rules_.max_age.count() > 0;
  }
  [[nodiscard]] saved_positions saved() const noexcept {
    return {.checkpoint = with_.checkpointer.limit(), .archived = with_.archivist.limit()};
  }

  parts with_;
  const retention_rules rules_;
};

}  // namespace varve::core
