// SPDX-License-Identifier: MIT
#include "floor_chain.hpp"

#include <utility>

namespace bench {

floor_chain::floor_chain(settings s)
    : settings_{std::move(s)}, preparer_{[this] { prepare(); }}, retirer_{[this] { retire(); }} {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return ready_.size() >= settings_.ahead || !wrong_.empty(); });
}

floor_chain::~floor_chain() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  preparer_.join();
  retirer_.join();
}

std::string floor_chain::why() const {
  const std::lock_guard lock{mutex_};
  return wrong_;
}

bool floor_chain::roll() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return !ready_.empty() || !wrong_.empty(); });
  if (ready_.empty()) return false;
  ended_.push_back(std::exchange(current_, std::move(ready_.front())));
  ready_.pop_front();
  changed_.notify_all();
  return true;
}

void floor_chain::prepare() {
  const std::size_t backlog_max = settings_.sync_ended ? backlog_bytes_max / settings_.file_bytes : SIZE_MAX;
  for (unsigned number = 0;; ++number) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock,
                  [&] { return stopping_ || (ready_.size() < settings_.ahead && ended_.size() + retiring_ < backlog_max); });
    if (stopping_) return;
    lock.unlock();
    auto made = mapped_file::create(settings_.directory / ("floor-" + std::to_string(number)), settings_.file_bytes);
    lock.lock();
    if (made) {
      ready_.push_back(std::make_unique<file>(std::move(*made)));
    } else {
      wrong_ = made.error();
    }
    changed_.notify_all();
    if (!made) return;
  }
}

void floor_chain::retire() {
  for (;;) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return stopping_ || !ended_.empty(); });
    if (stopping_) return;
    const auto oldest = std::move(ended_.front());
    ended_.pop_front();
    retiring_ = 1;
    lock.unlock();
    const bool good = !settings_.sync_ended || oldest->map.bytes().empty() || oldest->map.sync();
    lock.lock();
    retiring_ = 0;
    if (!good) wrong_ = "msync failed";
    changed_.notify_all();
  }
}

}  // namespace bench
