// SPDX-License-Identifier: MIT

#include "cli/signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "cli/failure.hpp"

namespace varve::cli {
namespace {

constexpr std::array numbers = {SIGINT, SIGTERM, SIGHUP};

// All that the handler knows: it may only write to it. Set before the handler is there.
int sink = -1;

// In any thread, in the middle of anything.
extern "C" void note_signal(int number) {
  const int saved = errno;
  for (const int each : numbers) {
    struct ::sigaction now{};
    if (::sigaction(each, nullptr, &now) == 0 && now.sa_handler == note_signal) ::signal(each, SIG_DFL);
  }
  const char byte = static_cast<char>(number);
  static_cast<void>(::write(sink, &byte, 1) < 0);  // it has room for the few that can come here
  errno = saved;
}

}  // namespace

// The pipe, and the handler, stay until the process ends.
ending_signals::ending_signals() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw system_failure("making a pipe for", "signals", errno);
  descriptor_ = ends[0];
  sink = ends[1];
  struct ::sigaction noting{};
  noting.sa_handler = note_signal;
  noting.sa_flags = SA_RESTART;
  ::sigemptyset(&noting.sa_mask);
  for (const int each : numbers) ::sigaddset(&noting.sa_mask, each);
  for (const int each : numbers) {
    struct ::sigaction before{};
    if (::sigaction(each, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) ::sigaction(each, &noting, nullptr);
  }
}

int ending_signals::take() noexcept {
  unsigned char number = 0;
  if (taken_ == 0 && ::read(descriptor_, &number, 1) == 1) taken_ = number;
  return taken_;
}

}  // namespace varve::cli
