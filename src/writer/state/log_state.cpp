// SPDX-License-Identifier: MIT
#include "writer/state/log_state.hpp"

namespace varve::core {

/// What failed may be on the disk all the same, and stands in the cache, where views and the next open find it. So it is
/// undone at once; only if that fails as well nobody can know.
result<void> log_state::store(const log_place& place, const format::state& next) {
  const format::state before = file_->current();
  // Put back, a copy's state would pass for that of the log that it was copied from.
  const bool may_be_put_back = !file_->is_copy();
  const auto done = write(place, next);
  if (done || (may_be_put_back && write(place, before))) return done;
  return or_uncertain(done);
}

/// The slot that does not count is written, also the next time if this fails. Once that has succeeded the other one is
/// written as well, if this is what it takes to come past the generations of failed writes.
result<void> log_state::write(const log_place& place, const format::state& s) {
  for (bool is_durable = false;; is_durable = true) {
    if (is_durable && file_->current().generation > burnt_) return {};
    if (auto done = file_->write(place, s); !done) {
      burnt_ = file_->current().generation + 1;
      return is_durable ? result<void>{} : done;
    }
  }
}

}  // namespace varve::core
