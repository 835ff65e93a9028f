// SPDX-License-Identifier: MIT
//
// signals.hpp - signals that end a verb in order: it stops, tidies up, reports, and exits with 128 + n. Layer tool.
#pragma once

namespace varve::cli {

/// From its making on the first SIGINT, SIGTERM or SIGHUP only makes descriptor() readable; the second one ends the process
/// at once. A signal that is ignored, as under nohup, stays ignored. One for a process, and until that ends: a report is
/// printed when the work is long done.
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

}  // namespace varve::cli
