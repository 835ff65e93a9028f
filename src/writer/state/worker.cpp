// SPDX-License-Identifier: MIT
#include "writer/state/worker.hpp"

namespace varve::core {

bool worker::stop() noexcept {
  if (!thread_) return false;
  stopping_.store(1, std::memory_order_release, "work:A");
  wake();
  thread_->join();
  thread_.reset();
  return true;
}

void worker::wake() noexcept {
  work_.fetch_add(1, std::memory_order_release, "work:A");
  os::wake_all(work_.futex());
}

}  // namespace varve::core
