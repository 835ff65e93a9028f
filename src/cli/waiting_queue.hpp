// SPDX-License-Identifier: MIT
//
// waiting_queue.hpp - hands blocks from the reading thread to the appending ones. Layer tool.
//
// A mutex and a condition variable: it is passed once per block of a mebibyte, so its cost is nothing beside the appends.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <queue>
#include <utility>

namespace varve::cli {

/// The bound comes from its use: a fixed number of blocks goes round between two such queues.
///
/// Thread-safety  any member from any number of threads.
template <class T>
class waiting_queue {
 public:
  void push(T value) {
    {
      const std::lock_guard lock(mutex_);
      values_.push(std::move(value));
    }
    filled_.notify_one();
  }

  /// Returns  nullopt once the queue is closed and empty.
  [[nodiscard]] std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return closed_ || !values_.empty(); });
    if (values_.empty()) return std::nullopt;
    std::optional<T> value = std::move(values_.front());
    values_.pop();
    return value;
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    filled_.notify_all();
  }

 private:
  std::mutex mutex_;  // guards what follows
  std::condition_variable filled_;
  std::queue<T> values_;
  bool closed_ = false;
};

}  // namespace varve::cli
