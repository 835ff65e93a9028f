// SPDX-License-Identifier: MIT
#include "writer/retire/trimmer.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

#include "format/file_name.hpp"
#include "writer/retire/archive_feed.hpp"
#include "writer/supply/segment_supply.hpp"

namespace varve::core {

result<void> trimmer::trim_before(std::uint64_t target) noexcept {
  if (target > first()) {
    VARVE_POINT("trim.before_state");
    const auto moved = with_.state.change(with_.place, [target](format::state& s) {
      s.trim_point = target;
      s.checkpoint = std::max(s.checkpoint, target - 1);  // what is gone need not be saved any more
      s.archived = std::max(s.archived, target - 1);
      return true;
    });
    if (!moved) {
      with_.live.bump_turn();  // views look what it says after all
      return moved;
    }
    VARVE_POINT("trim.before_drop");
    place(target);
    with_.turn.fetch_add(1, std::memory_order_release, "turn:D");
    with_.live.bump_turn();
    with_.wake.wake_all();
  }
  auto done = drop();
  with_.preparer.nudge();
  return or_uncertain(done);  // what fails to be removed is trimmed
}

result<void> trimmer::drop() noexcept {
  const std::scoped_lock lock{dropping_};
  if (stuck_) {
    if (auto done = drop_next(*stuck_, {}); !done) return done;
    stuck_.reset();
  }
  while (auto gone = with_.table.remove_below(first())) {
    with_.archivist.tell_drop(*gone);
    const bool is_of_use = gone->file_bytes == with_.place.meta.segment_bytes && gone->readers.expired();
    if (is_of_use && with_.preparer.offer(gone->number)) continue;
    const doomed next{gone->number, gone->file_bytes};
    if (auto done = drop_next(next, std::move(gone->readers)); !done) {
      stuck_ = next;
      return done;
    }
  }
  return {};
}

result<void> trimmer::drop_next(const doomed& next, std::weak_ptr<segment> readers) noexcept {
  if (const auto done = remove_file(next.number, next.bytes, std::move(readers)); !done)
    return with_.place.fail_call(done.error(), next.number);
  return {};
}

/// Not durably: if a power loss brings it back it ends below the trim point, or was never begun, and the next open removes
/// it.
os::result<void> trimmer::remove_file(std::uint64_t number, std::uint64_t bytes, std::weak_ptr<segment> readers) noexcept {
  if (!readers.expired()) keep_count({.readers = std::move(readers), .bytes = bytes});
  const auto name = format::name_of(format::file_kind::segment, number);
  auto file = os::open_file(with_.place.directory, name.c_str(), os::access::read);
  if (const auto done = os::remove(with_.place.directory, name.c_str()); !done && done.error().number != ENOENT) return done;
  remove_index(with_.place.directory, number);
  uncount_files(bytes);
  const auto taken = file ? os::try_take(*file) : os::result<bool>{true};
  if (taken && !*taken) keep_count({.file = std::move(*file), .bytes = bytes});
  return {};
}

void trimmer::discard_file(std::uint64_t number) noexcept {
  const std::scoped_lock lock{dropping_};
  if (with_.preparer.offer(number)) return;
  static_cast<void>(remove_file(number, with_.place.meta.segment_bytes));  // otherwise the next open does it
}

void trimmer::keep_count(leftover l) noexcept {
  try {
    const std::scoped_lock lock{counting_};
    forget_released();  // or their descriptors would add up
    leftovers_.push_back(std::move(l));
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): then it is not counted
  }
}

void trimmer::forget_released() noexcept {
  std::erase_if(leftovers_, [](const leftover& l) {
    if (!l.file.is_open()) return l.readers.expired();
    const auto taken = os::try_take(l.file);
    return !taken || *taken;
  });
}

std::uint64_t trimmer::disk_bytes() noexcept {
  const std::scoped_lock lock{counting_};
  forget_released();
  std::uint64_t bytes = files_.load(std::memory_order_relaxed, "space:files");
  for (const auto& l : leftovers_) bytes += l.bytes;
  return bytes;
}

bool trimmer::has_readers() noexcept {
  const std::scoped_lock lock{counting_};
  return std::ranges::any_of(leftovers_, [](const leftover& l) { return !l.readers.expired(); });
}

}  // namespace varve::core
