// SPDX-License-Identifier: MIT
#include "writer/supply/prefaulter.hpp"

#include <algorithm>
#include <new>

namespace varve::core {
namespace {

// How far ahead: before anything is known of the log's appends, and once they come by the megabyte. Arbitrary; the second is
// what the fastest appends fill while this thread is woken, several times over.
constexpr std::uint64_t ahead_at_first = std::uint64_t{4} << 20, ahead_later = std::uint64_t{32} << 20;
// One call for so much: others of this process may want to map something meanwhile.
constexpr std::uint64_t step_bytes = std::uint64_t{1} << 20;

}  // namespace

void warmer::add(const std::shared_ptr<segment>& s, std::uint64_t from) noexcept {
  try {
    coming_.push_back({.segment = s, .number = s->facts().number, .capacity = s->facts().capacity, .warm_to = from});
  } catch (const std::bad_alloc&) {
    return;  // its pages come in at their first use
  }
  drop_passed();  // a thread that is busy preparing has no time to warm
}

/// Those that have ended, or were given up.
void warmer::drop_passed() noexcept {
  std::erase_if(coming_, [](const coming& c) {
    const auto s = c.segment.lock();
    return !s || s->end_sequence() != none_yet;
  });
}

bool warmer::warm_some() noexcept {
  drop_passed();
  const std::uint64_t number = number_.load(std::memory_order_relaxed, "warm:place");
  const bool is_known = !coming_.empty() && coming_.front().number == number;
  std::uint64_t offset = is_known ? offset_.load(std::memory_order_relaxed, "warm:place") : 0;
  std::uint64_t left = ahead_ != 0 ? ahead_ : number == 0 ? ahead_at_first : ahead_later;
  std::uint64_t warm = 0;
  for (auto& each : coming_) {
    const std::uint64_t begin = std::max(offset, each.warm_to);
    const std::uint64_t end = std::min(each.capacity, offset + left);
    if (begin < end) {
      const std::uint64_t bytes = std::min(end - begin, step_bytes);
      if (const auto s = each.segment.lock()) s->populate_for_writing(begin, bytes);
      each.warm_to = begin + bytes;
      bytes_.store(warm + each.warm_to - std::min(offset, each.warm_to), std::memory_order_relaxed, "warm:bytes");
      return true;
    }
    warm += each.warm_to - std::min(offset, each.warm_to);
    left -= std::min(left, each.capacity - std::min(offset, each.capacity));
    offset = 0;
  }
  bytes_.store(warm, std::memory_order_relaxed, "warm:bytes");
  return false;
}

}  // namespace varve::core
