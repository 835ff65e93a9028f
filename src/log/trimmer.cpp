// SPDX-License-Identifier: MIT
#include "log/trimmer.hpp"

#include <cerrno>

#include "format/file_name.hpp"

namespace varve::core {

result<void> trimmer::trim_before(std::uint64_t target) noexcept {
  if (target > first()) {
    auto next = with_.state->current();
    next.trim_point = target;
    VARVE_POINT("trim.before_state");
    if (auto done = with_.state->write(with_.place, next); !done) return done;
    VARVE_POINT("trim.before_drop");
    place(target);
    with_.live.bump_turn();
  }
  return drop();
}

result<void> trimmer::drop() noexcept {
  const std::scoped_lock lock{dropping_};
  if (stuck_ != 0) {
    if (auto done = remove(stuck_); !done) return done;
    stuck_ = 0;
  }
  while (const auto gone = with_.table.remove_below(first())) {
    dropped_.fetch_add(1, std::memory_order_relaxed, "trim:count");  // relaxed: a figure for people
    if (!gone->is_mapped && with_.preparer.offer(gone->number)) continue;
    if (auto done = remove(gone->number); !done) {
      stuck_ = gone->number;
      return done;
    }
  }
  return {};
}

/// Not durably: if a power loss brings it back it ends below the trim point, and the next open removes it.
result<void> trimmer::remove(std::uint64_t number) noexcept {
  const auto name = format::name_of(format::file_kind::segment, number);
  if (const auto done = os::remove(with_.place.directory, name.c_str()); !done && done.error().number != ENOENT)
    return with_.place.fail_call(done.error(), number);
  remove_index(with_.place.directory, number);
  return {};
}

}  // namespace varve::core
