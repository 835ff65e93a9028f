// SPDX-License-Identifier: MIT
#include "log/preparer.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

#include "log/checkpointer.hpp"
#include "log/failure_latch.hpp"
#include "log/frontier.hpp"
#include "log/gate.hpp"
#include "log/retainer.hpp"
#include "log/segment_table.hpp"
#include "log/trimmer.hpp"
#include "os/waiting.hpp"

namespace varve::core {
namespace {

// How much may wait to be sealed: in bytes, but some segments in any case, and not too many descriptors.
constexpr std::uint64_t backlog_bytes_max = std::uint64_t{1} << 30;
constexpr std::uint64_t backlog_segments_min = 4, backlog_segments_max = 64;
// Arbitrary: how late an append may learn that the device has failed while it waits for a segment, or that a reader has let
// go of what takes the room.
constexpr std::chrono::milliseconds look_again{100}, look_for_room_again{5};

}  // namespace

void preparer::start(segment_recipe recipe, const supply& wanted, std::uint64_t highest, std::shared_ptr<segment> active,
                     std::uint64_t offset) {
  warmer_.set_ahead(wanted.warm_bytes);
  recipe_ = std::move(recipe);
  wanted_ = wanted;
  highest_ = highest;
  if (active) warmer_.add(std::move(active), offset);
  thread_ = std::make_unique<std::thread>([this] { run(); });
}

void preparer::stop() noexcept {
  if (!thread_) return;
  stopping_.store(1, std::memory_order_release, "work:A");
  nudge();
  thread_->join();
  thread_.reset();
  warmer_.clear();
  control_block* block = nullptr;
  while (queue_.pop(block)) {
    const std::unique_ptr<control_block> unused{block};
    static_cast<void>(with_.trimmer.remove_file(unused->segment->facts().number));  // otherwise the next open does it
  }
  std::uint64_t dropped = 0;
  while (spares_.pop(dropped)) static_cast<void>(with_.trimmer.remove_file(dropped));
}

void preparer::nudge() noexcept {
  work_.fetch_add(1, std::memory_order_release, "work:A");
  os::wake_all(work_.futex());
}

bool preparer::offer(std::uint64_t dropped) noexcept {
  return stopping_.load(std::memory_order_relaxed, "work:stop") == 0 && spares_.read_available() < wanted_.spares &&
         spares_.push(dropped);
}

os::result<std::unique_ptr<control_block>> preparer::take() noexcept {
  // Each request also makes room for a replacement, and allows one more attempt after a failure.
  const std::uint32_t mine = requested_.fetch_add(1, std::memory_order_relaxed, "supply:request") + 1;
  nudge();  // releases the request
  for (;;) {
    const std::uint32_t seen = outcome_.load(std::memory_order_acquire, "supply:B");
    control_block* block = nullptr;
    if (queue_.pop(block)) return std::unique_ptr<control_block>{block};
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
    const std::uint32_t work = work_.load(std::memory_order_acquire, "work:B");
    if (stopping_.load(std::memory_order_relaxed, "work:stop") != 0) return;  // relaxed: ordered by work:B
    with_.checkpointer.look();
    const std::uint32_t request = requested_.load(std::memory_order_relaxed, "supply:request");  // relaxed: likewise
    const bool enough = prepared_segments_max - queue_.write_available() >= wanted_.ahead;
    const bool hopeless = failing && request == failed_request;
    const bool idle = enough || hopeless;
    const auto found = idle ? room::there : look_for_room();
    const bool backlogged = is_backlogged() || found == room::soon;
    if (idle || backlogged) {
      if (warmer_.warm_some()) continue;
      // Not for ever behind a backlog: whoever latches a failure seals no more, and does not wake us.
      const auto pause = found == room::soon ? look_for_room_again : look_again;
      os::wait_on(work_.futex(), work, backlogged ? std::chrono::steady_clock::now() + pause : os::deadline::max());
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
    const bool is_spare = spares_.pop(dropped);
    auto made = is_spare ? make_of(dropped) : make_new();
    if (!made && is_spare) {
      static_cast<void>(with_.trimmer.remove_file(dropped));  // otherwise the next open does it
      return false;
    }
    if (!made) return std::unexpected(made.error());
    warmer_.add((*made)->prepared, 0);
    queue_.push(made->release());  // there is room: only this thread pushes, and it has looked
    return true;
  } catch (const std::bad_alloc&) {
    return std::unexpected(os::failure{ENOMEM});
  }
}

os::result<std::unique_ptr<control_block>> preparer::make_new() {
  auto made = prepare_segment(with_.place, ++highest_, recipe_);
  while (!made && made.error().number == EEXIST)  // somebody put a file there: leave it alone
    made = prepare_segment(with_.place, ++highest_, recipe_);
  if (made) with_.trimmer.count_files(with_.place.meta.segment_bytes);
  return made;
}

os::result<std::unique_ptr<control_block>> preparer::make_of(std::uint64_t dropped) {
  auto made = recycle_segment(with_.place, dropped, ++highest_, recipe_);
  while (!made && made.error().number == EEXIST) made = recycle_segment(with_.place, dropped, ++highest_, recipe_);
  if (made) recycled_.fetch_add(1, std::memory_order_relaxed, "supply:count");  // relaxed: a figure for people
  return made;
}

/// Whether there may be another file. A file that is used again takes no more space than it did.
preparer::room preparer::look_for_room() noexcept {
  const std::uint64_t most = wanted_.disk_bytes_max;
  const auto is_there = [&] {
    return most == 0 || spares_.read_available() != 0 || with_.trimmer.disk_bytes() + with_.place.meta.segment_bytes <= most;
  };
  if (is_there()) return room::there;
  // Nothing is sealed any more, or nobody may trim: who waits for a segment must get an answer.
  if (with_.latch.is_set() || with_.gate.get() != gate::position::open) return room::none;
  with_.checkpointer.press();
  with_.retainer.run();  // a reader may have moved, which nobody is told
  if (is_there()) return room::there;
  if (wanted_.full == when_full::refuse) return room::none;
  if (wanted_.full == when_full::wait) return room::soon;
  for (;;) {
    switch (with_.retainer.drop_oldest()) {
      case retainer::drop::held:  // not waited for: whoever is to save or archive it may be the one who waits for us
      case retainer::drop::failed: return room::none;
      case retainer::drop::busy: return room::soon;
      case retainer::drop::done:
        if (is_there()) return room::there;
        break;
      case retainer::drop::nothing_sealed:
        // What has ended is sealed soon, and can go then. What waits for a claim may wait for us.
        return with_.table.ended_count(with_.frontier.published()) != 0 ? room::soon : room::none;
    }
  }
}

bool preparer::is_backlogged() const noexcept {
  if (with_.latch.is_set()) return false;  // nothing is sealed any more, and who waits for a segment must get an answer
  const std::uint64_t allowed =
      std::clamp(backlog_bytes_max / with_.place.meta.segment_bytes, backlog_segments_min, backlog_segments_max);
  // What waits for a claim, and not for the device, does not count: the one who holds it may be the one who waits for us.
  return with_.table.ended_count(with_.frontier.published()) >= allowed;
}

}  // namespace varve::core
