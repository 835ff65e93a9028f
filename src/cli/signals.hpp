// SPDX-License-Identifier: MIT
//
// signals.hpp - signals that end a verb in order: it stops, tidies up, reports, and exits with 128 + n. And what is removed
// when a signal ends a verb that does not look out for any. Layer tool.
#pragma once

#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>

namespace varve::cli {

/// From its making on the first SIGINT, SIGTERM or SIGHUP only makes descriptor() readable; the second one ends the process
/// at once, but for what is removed first. A signal that is ignored, as under nohup, stays ignored. One for a process, and
/// until that ends: a report is printed when the work is long done.
class ending_signals {
 public:
  /// Throws failure.
  ending_signals();

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// The number of the signal that came; 0 if none did. Does not wait.
  [[nodiscard]] int take() noexcept;

 private:
  int descriptor_ = -1;
  int taken_ = 0;
};

/// While it lives no signal ends the process: those that come meanwhile come at its end.
class signals_held {
 public:
  signals_held() noexcept;
  signals_held(const signals_held&) = delete;
  signals_held& operator=(const signals_held&) = delete;
  ~signals_held();

 private:
  ::sigset_t before_{};
};

/// Between begin() and end() a signal that would end the process has a directory removed first, by a thread of its own. One
/// in a process.
class removal_at_signal {
 public:
  removal_at_signal() = default;
  removal_at_signal(const removal_at_signal&) = delete;
  removal_at_signal& operator=(const removal_at_signal&) = delete;
  ~removal_at_signal() { end(); }

  /// Throws failure.
  void begin(std::filesystem::path directory);
  /// Does not return if a signal has come.
  void end() noexcept;
  /// Likewise: to be called before it is said that something went wrong, which may only be that the directory is gone.
  static void yield_to_signal() noexcept;

 private:
  std::optional<std::thread> remover_;
};

}  // namespace varve::cli
