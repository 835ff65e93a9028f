// SPDX-License-Identifier: MIT
#include "writer/supply/segment_supply.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

#include "chain/frontier.hpp"
#include "chain/segment_table.hpp"
#include "os/waiting.hpp"
#include "writer/retire/checkpointer.hpp"
#include "writer/retire/retention_worker.hpp"
#include "writer/retire/trimmer.hpp"
#include "writer/state/failure_latch.hpp"
#include "writer/state/gate.hpp"

namespace varve::core {
namespace {

// How much may wait to be sealed: in bytes, but some segments in any case, and not too many descriptors.
constexpr std::uint64_t backlog_bytes_max = std::uint64_t{1} << 30;
constexpr std::size_t backlog_segments_min = 4, backlog_segments_max = 64;
// Arbitrary: how late an append may learn that the device has failed while it waits for a segment, or that a reader has let
// go of what takes the room.
constexpr std::chrono::milliseconds look_again{100}, look_for_room_again{5};
// Arbitrary: how long what takes the room may be held by somebody who, for all we know, waits for us.
constexpr std::chrono::milliseconds wait_for_holders{100};

// Every sequence with which a segment may have ended.
constexpr std::uint64_t last_ended = none_yet - 2;

}  // namespace

void preparer::start(segment_recipe recipe, const supply& wanted, std::uint64_t highest,
                     const std::shared_ptr<segment>& active, std::uint64_t offset) {
  warmer_.set_ahead(wanted.warm_bytes);
  recipe_ = std::move(recipe);
  wanted_ = wanted;
  highest_.store(highest, std::memory_order_relaxed, "supply:number");  // relaxed: a thread that is begun later sees it
  if (active) warmer_.add(active, offset);
  worker_.start([this] { run(); });
}

void preparer::stop() noexcept {
  if (!worker_.stop()) return;
  warmer_.clear();
  control_block* block = nullptr;
  while (queue_.pop(block)) {
    const std::unique_ptr<control_block> unused{block};
    remove_unused(unused->segment->facts().number, unused->capacity);
  }
  const std::scoped_lock lock{room_};
  is_over_ = true;
  while (drop_spare()) {
  }
}

void preparer::remove_unused(std::uint64_t number, std::uint64_t bytes) noexcept {
  static_cast<void>(with_.trimmer.remove_file(number, bytes));  // otherwise the next open does it
}

bool preparer::offer(std::uint64_t dropped) noexcept {
  return !worker_.is_stopping() && spares_.read_available() < wanted_.spares && spares_.push(dropped);
}

/// A segment that was never begun: its file may be used again, under a higher number.
void preparer::discard(std::unique_ptr<control_block> block) noexcept {
  const std::uint64_t number = block->segment->facts().number;
  block.reset();
  with_.trimmer.discard_file(number);
}

void preparer::discard_overtaken(std::uint64_t above) noexcept {
  control_block* block = nullptr;
  while (queue_.read_available() != 0 && queue_.front()->segment->facts().number <= above && queue_.pop(block))
    discard(std::unique_ptr<control_block>{block});
  nudge();
}

os::result<std::unique_ptr<control_block>> preparer::take(std::uint64_t above) noexcept {
  // Each request also makes room for a replacement, and allows one more attempt after a failure.
  const std::uint32_t mine = requested_.fetch_add(1, std::memory_order_relaxed, "supply:request") + 1;
  nudge();  // releases the request
  for (;;) {
    const std::uint32_t seen = outcome_.load(std::memory_order_acquire, "supply:B");
    control_block* block = nullptr;
    if (queue_.pop(block)) {
      std::unique_ptr<control_block> next{block};
      if (next->segment->facts().number > above) return next;
      discard(std::move(next));
      nudge();
      continue;
    }
    const std::uint64_t failed = failure_.load(std::memory_order_relaxed, "supply:failure");  // relaxed: ordered by supply:B
    if (failed != 0 && static_cast<std::int32_t>(static_cast<std::uint32_t>(failed >> 32) - mine) >= 0)
      return std::unexpected(os::failure{static_cast<int>(failed & 0xffffffff)});
    os::wait_on(outcome_.futex(), seen, os::deadline::max());
  }
}

void preparer::run() noexcept {
  std::uint32_t failed_request = 0;
  bool failing = false;
  for (;;) {
    const std::uint32_t work = worker_.look();
    if (worker_.is_stopping()) return;
    with_.checkpointer.look();
    const std::uint32_t request = requested_.load(std::memory_order_relaxed, "supply:request");  // relaxed: likewise
    const bool enough = prepared_segments_max - queue_.write_available() >= wanted_.ahead;
    const bool hopeless = failing && request == failed_request;
    const bool idle = enough || hopeless;
    const auto found = idle ? room::there : take_room_for_next();
    const bool backlogged = found == room::soon;
    if (idle || backlogged) {
      if (warmer_.warm_some()) continue;
      // Not for ever behind a backlog: whoever latches a failure seals no more, and does not wake us.
      const auto pause = is_backlogged() ? look_again : look_for_room_again;
      worker_.sleep(work, backlogged ? std::chrono::steady_clock::now() + pause : os::deadline::max());
      continue;
    }
    const os::result<bool> done = found == room::there ? prepare_one() : std::unexpected(os::failure{ENOSPC});
    if (done && !*done) continue;
    failing = !done;
    if (!done) {
      failed_request = request;
      // relaxed: released by the next line.
      failure_.store(std::uint64_t{request} << 32 | static_cast<std::uint32_t>(done.error().number),
                     std::memory_order_relaxed, "supply:failure");
    }
    outcome_.fetch_add(1, std::memory_order_release, "supply:A");
    os::wake_all(outcome_.futex());
  }
}

/// False: a file that was to be used again could not be; look again what there is.
os::result<bool> preparer::prepare_one() noexcept {
  try {
    with_.table.reserve(prepared_segments_max + 1);  // so that the roller need not allocate
    std::uint64_t dropped = 0;
    const bool is_spare = !has_room_ && take_spare(dropped);
    if (!has_room_ && !is_spare) return false;
    auto made = is_spare ? make_of(dropped) : make_new();
    if (!made && is_spare) {
      remove_unused(dropped, with_.place.meta.segment_bytes);
      return false;
    }
    has_room_ = false;
    if (!made) {
      with_.trimmer.uncount_files(with_.place.meta.segment_bytes);
      return std::unexpected(made.error());
    }
    warmer_.add((*made)->prepared, 0);
    queue_.push(made->release());  // there is room: only this thread pushes, and it has looked
    return true;
  } catch (const std::bad_alloc&) {
    return std::unexpected(os::failure{ENOMEM});
  }
}

os::result<std::unique_ptr<control_block>> preparer::make_new() {
  auto made = prepare_segment(with_.place, next_number(), recipe_);
  while (!made && made.error().number == EEXIST)  // somebody put a file there: leave it alone
    made = prepare_segment(with_.place, next_number(), recipe_);
  return made;
}

os::result<std::unique_ptr<control_block>> preparer::make_of(std::uint64_t dropped) {
  auto made = recycle_segment(with_.place, dropped, next_number(), recipe_);
  while (!made && made.error().number == EEXIST) made = recycle_segment(with_.place, dropped, next_number(), recipe_);
  if (made) recycled_.fetch_add(1, std::memory_order_relaxed, "supply:count");  // relaxed: a figure for people
  return made;
}

bool preparer::take_spare(std::uint64_t& dropped) noexcept {
  const std::scoped_lock lock{spares_out_};
  return spares_.pop(dropped);
}

bool preparer::drop_spare() noexcept {
  std::uint64_t dropped = 0;
  if (!take_spare(dropped)) return false;
  remove_unused(dropped, with_.place.meta.segment_bytes);
  return true;
}

/// Whether there may be another file. One that is used again takes no more space than it did.
preparer::room preparer::take_room_for_next() noexcept {
  if (is_backlogged()) return room::soon;
  const std::uint64_t bytes = with_.place.meta.segment_bytes;
  const std::scoped_lock lock{room_};
  // A file that is used again takes no more space than it did.
  return find_room([&] { return has_room_ || spares_.read_available() != 0 || (has_room_ = count_if_it_fits(bytes)); });
}

preparer::room preparer::take_room(std::uint64_t bytes, std::uint64_t held) noexcept {
  if (is_backlogged()) return room::soon;
  const std::scoped_lock lock{room_};
  if (is_over_) return room::none;
  if (!could_fit(held + bytes)) return room::none;
  return find_room([&] {
    while (!count_if_it_fits(bytes))
      if (!drop_spare()) return false;
    promise_room();
    return true;
  });
}

/// Whatever goes, these stay: the one that takes appends, and those that are prepared.
bool preparer::could_fit(std::uint64_t bytes) const noexcept {
  const std::uint64_t others = (wanted_.ahead + std::uint64_t{1}) * with_.place.meta.segment_bytes;
  return wanted_.disk_bytes_max == 0 || bytes + others <= wanted_.disk_bytes_max;
}

bool preparer::take_free_room(std::uint64_t bytes, std::uint64_t held) noexcept {
  if (is_backlogged() || !could_fit(held + bytes)) return false;
  const std::scoped_lock lock{room_};
  if (is_over_ || !count_if_it_fits(bytes)) return false;
  promise_room();
  return true;
}

bool preparer::count_if_it_fits(std::uint64_t bytes) noexcept {
  const std::uint64_t most = wanted_.disk_bytes_max;
  if (most != 0 && with_.trimmer.disk_bytes() + bytes > most) return false;
  with_.trimmer.count_files(bytes);
  return true;
}

/// With room_. `look` looks, and takes the room if there is some.
template <class Look>
preparer::room preparer::find_room(Look look) noexcept {
  const auto fits = [&] {
    const bool found = look();
    if (found) held_since_.reset();
    return found;
  };
  // supply:D  acquire. Pairs with supply:C: who finds nothing promised finds the active segment to be what was made of it.
  const bool is_promised = promised_.load(std::memory_order_acquire, "supply:D") != 0;
  if (fits()) return room::there;
  // Nothing is sealed any more, or nobody may trim: who waits for a segment must get an answer.
  if (with_.latch.is_set() || with_.gate.get() != gate::position::open) return room::none;
  with_.checkpointer.press();
  with_.frontier.advance();  // so that it does not stand in a segment that might go
  with_.retainer.run();      // a reader may have moved, which nobody is told
  if (fits()) return room::there;
  if (wanted_.full == when_full::refuse) return room::none;
  if (wanted_.full == when_full::wait) return room::soon;
  for (;;) {
    switch (with_.retainer.drop_oldest()) {
      case retainer::drop::held:  // not waited for: whoever is to save or archive it may be the one who waits for us
      case retainer::drop::failed: return room::none;
      case retainer::drop::busy: return room::soon;
      case retainer::drop::done:
        held_since_.reset();
        if (fits()) return room::there;
        break;
      case retainer::drop::nothing_sealed: return is_about_to_come(is_promised) ? room::soon : room::none;
    }
  }
}

/// With room_, where nothing is left to be dropped. What has ended and is published is sealed soon, and can go then. What
/// waits for a claim, is in the making, or was dropped and is still held, is free in a moment if an append is in the middle
/// of its copy, or one of our threads about to let go; but who holds it may also wait for us. So it is not waited for long.
bool preparer::is_about_to_come(bool is_promised) noexcept {
  if (with_.table.backlog(with_.frontier.published()).segments != 0) return true;
  const bool is_held = is_promised || with_.table.backlog(last_ended).segments != 0 || with_.trimmer.has_readers();
  if (!is_held) {
    held_since_.reset();
    return with_.table.oldest_sealed_end().has_value();  // it has been sealed since we looked what could go
  }
  const auto now = std::chrono::steady_clock::now();
  if (!held_since_) held_since_ = now;
  return now - *held_since_ < wait_for_holders;
}

void preparer::await_change() noexcept {
  const std::uint32_t work = worker_.look();
  worker_.sleep(work, std::chrono::steady_clock::now() + look_for_room_again);
}

bool preparer::is_backlogged() const noexcept {
  if (with_.latch.is_set()) return false;  // nothing is sealed any more, and who waits for a segment must get an answer
  // What waits for a claim, and not for the device, does not count: the one who holds it may be the one who waits for us.
  const auto waiting = with_.table.backlog(with_.frontier.published());
  return waiting.segments >= backlog_segments_max ||
         (waiting.segments >= backlog_segments_min && waiting.bytes >= backlog_bytes_max);
}

}  // namespace varve::core
