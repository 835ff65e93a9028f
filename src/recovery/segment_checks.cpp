// SPDX-License-Identifier: MIT
#include "recovery/segment_checks.hpp"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

#include "segment/walker.hpp"

namespace varve::core {
namespace {

std::size_t threads_of(std::uint32_t asked) noexcept {
  const std::uint32_t wanted = asked != 0 ? asked : std::max(1U, std::thread::hardware_concurrency());
  return std::min(wanted, check_threads_max);
}

/// None if there is anything that the recovery table has to be asked about.
std::optional<whole_segment> walk(const segment& s) noexcept {
  std::uint64_t offset = format::segment_header_bytes, sequence = s.facts().first_frame;
  whole_segment found;
  observation seen;
  for (look(s, offset, sequence, format::depth::everything, seen); seen.what == sight::frame;
       look(s, offset, sequence, format::depth::everything, seen)) {
    if (seen.frame.kind == format::frame_kind::gone) return std::nullopt;  // whoever walks says that it is lost
    if (!seen.frame.begins_inside()) {
      found.batch_offset = offset;
      found.batch_sequence = sequence;
    } else if (!found.batch_goes_on) {
      return std::nullopt;
    }
    found.batch_goes_on = seen.frame.goes_on();
    offset += seen.frame.extent;
    ++sequence;
  }
  if (seen.what != sight::end) return std::nullopt;
  found.end_offset = offset;
  found.frames = sequence - s.facts().first_frame;
  return found;
}

std::optional<whole_segment> check(const log_place& place, const segment_to_check& what, pinning how) noexcept {
  try {
    const auto opened = open_to_check(place, what, how);
    return opened ? walk(**opened) : std::nullopt;  // what failed fails again, or not, when the walk comes to it
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

}  // namespace

result<std::shared_ptr<segment>> open_to_check(const log_place& place, const segment_to_check& what, pinning how) {
  auto opened = open_segment(place.directory, place.path, what.facts, os::access::read, how);
  if (!opened) return opened;
  if (const auto done = os::populate_for_reading((*opened)->map(), 0, what.facts.capacity); !done)
    return place.fail_call(done.error(), what.facts.number);
  if (what.end_offset != none_yet || what.end_sequence != none_yet) (*opened)->set_end(what.end_offset, what.end_sequence);
  return opened;
}

segment_checks::segment_checks(const log_place& place, std::vector<segment_to_check> segments, pinning how,
                               std::uint32_t threads)
    : place_(place), how_(how), segments_(std::move(segments)), states_(segments_.size()), found_(segments_.size()) {
  const std::size_t others = std::min(threads_of(threads) - 1, segments_.size());
  try {
    threads_.reserve(others);
    while (threads_.size() < others) threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): slower, that is all
  } catch (const std::bad_alloc&) {     // NOLINT(bugprone-empty-catch): likewise
  }
}

segment_checks::~segment_checks() {
  for (auto& each : threads_) each.request_stop();  // all of them, before the first is waited for
}

void segment_checks::work(const std::stop_token& stop) noexcept {
  std::unique_lock lock{guard_};
  while (!stop.stop_requested()) {
    const auto mine = begin_next();
    if (!mine) return;
    lock.unlock();
    const auto found = check(place_, segments_[*mine], how_);
    lock.lock();
    finish(*mine, found);
  }
}

std::optional<whole_segment> segment_checks::take(std::size_t i) {
  std::unique_lock lock{guard_};
  if (states_[i] == state::waiting) states_[i] = state::left;
  while (states_[i] == state::begun) {
    if (const auto other = begin_next()) {
      lock.unlock();
      const auto found = check(place_, segments_[*other], how_);
      lock.lock();
      finish(*other, found);
    } else {
      finished_.wait(lock);
    }
  }
  return states_[i] == state::whole ? std::optional{found_[i]} : std::nullopt;
}

std::optional<std::size_t> segment_checks::begin_next() noexcept {
  while (next_ < states_.size() && states_[next_] != state::waiting) ++next_;
  if (next_ == states_.size()) return std::nullopt;
  states_[next_] = state::begun;
  return next_;
}

void segment_checks::finish(std::size_t i, std::optional<whole_segment> found) noexcept {
  states_[i] = found ? state::whole : state::left;
  if (found) found_[i] = *found;
  finished_.notify_all();
}

}  // namespace varve::core
