// SPDX-License-Identifier: MIT
//
// Ordering
//   work:A / work:B   an event was asked for, or stop was, then the watcher is woken
#include "writer/state/events.hpp"

#include <limits>

namespace varve::core {

struct event_access {
  [[nodiscard]] static event make(std::shared_ptr<const os::file> owner) noexcept {
    const int descriptor = owner->descriptor();
    return event{std::move(owner), descriptor};
  }
};

namespace {

constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

}  // namespace

result<varve::event> events::when_durable(std::uint64_t target) {
  const std::scoped_lock lock{guard_};
  return make(durable_, target, durable_mark_);
}

result<varve::event> events::when_published(std::uint64_t target) {
  with_.frontier.advance();
  const std::scoped_lock lock{guard_};
  auto made = make(published_, target, with_.frontier.published());
  if (made && !ended_ && !watcher_) watcher_ = std::make_unique<std::thread>([this] { watch(); });
  work_.fetch_add(1, std::memory_order_release, "work:A");
  os::wake_all(work_.futex());
  return made;
}

result<varve::event> events::make(std::vector<awaited>& list, std::uint64_t target, std::uint64_t reached) const {
  auto made = os::make_event();
  if (!made) return fail_call(made.error().number, with_.path);
  auto owner = std::make_shared<const os::file>(std::move(*made));
  list.push_back({target, owner});
  raise(list, ended_ ? everything : reached);
  return event_access::make(std::move(owner));
}

void events::raise(std::vector<awaited>& list, std::uint64_t reached) noexcept {
  std::erase_if(list, [&](const awaited& a) {
    const auto event = a.event.lock();
    if (event && a.target > reached) return false;
    if (event) os::raise_event(*event);
    return true;
  });
}

void events::durable_moved(std::uint64_t durable) noexcept {
  const std::scoped_lock lock{guard_};
  durable_mark_ = durable;
  raise(durable_, durable);
}

void events::end() noexcept {
  const std::scoped_lock lock{guard_};
  ended_ = true;
  raise(durable_, everything);
  raise(published_, everything);
}

void events::stop() noexcept {
  if (!watcher_) return;  // without the lock: end() was called, so nobody makes one any more; or this is a forked child
  {
    const std::scoped_lock lock{guard_};
    stopping_ = true;
  }
  work_.fetch_add(1, std::memory_order_release, "work:A");
  os::wake_all(work_.futex());
  with_.wake.wake_all();
  watcher_->join();
  watcher_.reset();
}

void events::watch() noexcept {
  for (;;) {
    const std::uint32_t work = work_.load(std::memory_order_acquire, "work:B");
    with_.frontier.advance();
    const std::uint64_t published = with_.frontier.published();
    bool idle = false;
    {
      const std::scoped_lock lock{guard_};
      if (stopping_) return;
      raise(published_, published);
      idle = published_.empty();
    }
    if (idle) {
      os::wait_on(work_.futex(), work, os::deadline::max());
      continue;
    }
    with_.wake.await(
        published + 1,
        [&] {
          with_.frontier.advance();
          return with_.frontier.published() != published || work_.load(std::memory_order_acquire, "work:B") != work;
        },
        os::deadline::max());
  }
}

}  // namespace varve::core
