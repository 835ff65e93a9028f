// SPDX-License-Identifier: MIT

#include "cli/verbs/bench_run.hpp"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <latch>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "cli/failure.hpp"

namespace varve::cli {
namespace {

// How often the waiting thread looks for signals and time.
constexpr std::chrono::milliseconds look_every{20};

// What the threads tell the one that waits for them.
class finish_line {
 public:
  explicit finish_line(std::size_t threads) : running_(threads) {}

  void cross(bench_run::clock::time_point began, std::exception_ptr failed) {
    const auto now = bench_run::clock::now();
    const std::lock_guard lock(mutex_);
    first_ = std::min(first_, began);
    last_ = std::max(last_, now);
    if (failed && !failed_) failed_ = std::move(failed);
    if (--running_ == 0) all_in_.notify_one();
  }

  // True once all have crossed it; false after a while.
  bool wait() {
    std::unique_lock lock(mutex_);
    return all_in_.wait_for(lock, look_every, [this] { return running_ == 0; });
  }

  // Once wait() has returned true.
  [[nodiscard]] double seconds() const {
    if (failed_) std::rethrow_exception(failed_);
    return std::max(std::chrono::duration<double>(last_ - first_).count(), 1e-9);
  }

 private:
  std::mutex mutex_;  // guards what follows
  std::condition_variable all_in_;
  std::size_t running_;
  bench_run::clock::time_point first_ = bench_run::clock::time_point::max();
  bench_run::clock::time_point last_ = bench_run::clock::time_point::min();
  std::exception_ptr failed_;
};

}  // namespace

scratch_directory::scratch_directory(const std::string& parent)
    : path_((std::filesystem::path(parent) / "varve-bench-").string() + std::string(6, 'X')) {
  if (::mkdtemp(path_.data()) == nullptr) throw system_failure("making a scratch directory in", parent, errno);
}

scratch_directory::~scratch_directory() {
  std::error_code left;  // nobody could do more about it
  std::filesystem::remove_all(path_, left);
}

std::string bench_run::new_log() { return fmt::format("{}/{}", directory_, ++logs_); }

double bench_run::together(const std::string& what, std::size_t threads, const work& each) {
  ++step_;
  finish_line finish(threads);
  std::latch start(static_cast<std::ptrdiff_t>(threads));
  std::stop_source stop;
  const clock::time_point time_up = clock::now() + limits_.each;
  int signal = 0;
  {
    std::vector<std::jthread> running;
    running.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        start.arrive_and_wait();
        const clock::time_point began = clock::now();
        std::exception_ptr failed;
        try {
          each(i, stop.get_token());
        } catch (...) {
          failed = std::current_exception();
          stop.request_stop();
        }
        finish.cross(began, std::move(failed));
      });
    }
    while (!finish.wait()) {
      signal = signals_.take();
      if (signal != 0 || clock::now() > time_up) stop.request_stop();
      line_.tick([&] { return fmt::format("measuring {} of {}: {}", step_, steps_, what); });
    }
  }
  if (signal == 0) signal = signals_.take();
  if (signal != 0) throw bench_interrupted{signal};
  return finish.seconds();
}

}  // namespace varve::cli
