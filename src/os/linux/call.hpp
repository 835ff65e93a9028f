// SPDX-License-Identifier: MIT
//
// call.hpp - what every system call here needs: errno as a value, and another go after a signal. Layer os, for os/linux
// only.
#pragma once

#include <cerrno>
#include <expected>

#include "os/result.hpp"

namespace varve::os {

/// errno as the call left it; to be asked before anything else (close, a destructor) can change it.
[[nodiscard]] inline std::unexpected<failure> last_failure() noexcept { return std::unexpected{failure{errno}}; }

[[nodiscard]] inline std::unexpected<failure> failed_with(int number) noexcept { return std::unexpected{failure{number}}; }

/// Calls again for as long as a signal interrupts.
template <class Call>
[[nodiscard]] auto restarted(Call call) noexcept {
  for (;;) {
    const auto answer = call();
    if (answer != -1 || errno != EINTR) return answer;
  }
}

/// The same, for a call of which only failure matters.
template <class Call>
[[nodiscard]] result<void> done(Call call) noexcept {
  if (restarted(call) == -1) return last_failure();
  return {};
}

}  // namespace varve::os
