// SPDX-License-Identifier: MIT

#include "cli/signals.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include "cli/failure.hpp"

namespace varve::cli {
namespace {

constexpr std::array numbers = {SIGINT, SIGTERM, SIGHUP};

// All that the handler knows: it may only write to it. Set before the handler is there.
int sink = -1;

// What was done at each signal before: the default, or a removal.
std::array<struct ::sigaction, numbers.size()> before_noting;

// In any thread, in the middle of anything.
extern "C" void note_signal(int number) {
  const int saved = errno;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    struct ::sigaction now{};
    if (::sigaction(numbers[i], nullptr, &now) == 0 && now.sa_handler == note_signal)
      ::sigaction(numbers[i], &before_noting[i], nullptr);
  }
  const char byte = static_cast<char>(number);
  static_cast<void>(::write(sink, &byte, 1) < 0);  // it has room for the few that can come here
  errno = saved;
}

// ---- What is removed when a signal comes.

// All that end a process and are no fault of its own, nor kill -9.
constexpr std::array fatal = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU, SIGXFSZ, SIGALRM, SIGUSR1, SIGUSR2};

int removal_sink = -1;
std::array<int, 2> signal_has_come = {-1, -1};  // a pipe that a signal makes readable, for ever
std::array<struct ::sigaction, fatal.size()> before_removal;

extern "C" void remove_first(int number) {
  const int saved = errno;
  const char byte = static_cast<char>(number);
  static_cast<void>(::write(signal_has_come[1], &byte, 1) < 0);
  static_cast<void>(::write(removal_sink, &byte, 1) < 0);
  errno = saved;
}

::sigset_t fatal_set() noexcept {
  ::sigset_t set;
  ::sigemptyset(&set);
  for (const int each : fatal) ::sigaddset(&set, each);
  return set;
}

// Others may still make files in it, or remove some: once it is gone itself, they cannot.
void remove_for_good(const std::filesystem::path& directory) noexcept {
  constexpr int tries_max = 1000;  // arbitrary: of each the loser was about to make one more file
  std::error_code ignored;
  for (int tries = 0; tries < tries_max; ++tries) {
    std::filesystem::remove_all(directory, ignored);
    if (!std::filesystem::exists(directory, ignored)) return;
  }
}

// Until a signal comes, or end() says 0.
void wait_and_remove(int source, const std::filesystem::path& directory) noexcept {
  const ::sigset_t set = fatal_set();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  unsigned char number = 0;
  while (::read(source, &number, 1) == -1 && errno == EINTR) {
  }
  ::close(source);
  if (number == 0) return;
  remove_for_good(directory);
  for (;;) {  // somebody may have set a handler in between
    ::signal(number, SIG_DFL);
    ::raise(number);
  }
}

}  // namespace

signals_held::signals_held() noexcept {
  const ::sigset_t set = fatal_set();
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
}
signals_held::~signals_held() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void removal_at_signal::begin(std::filesystem::path directory) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0 || ::pipe2(signal_has_come.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    throw system_failure("making a pipe for", "signals", errno);
  removal_sink = ends[1];
  struct ::sigaction removing{};
  removing.sa_handler = remove_first;
  removing.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < fatal.size(); ++i) {
    ::sigaction(fatal[i], nullptr, &before_removal[i]);
    if (before_removal[i].sa_handler == SIG_DFL) ::sigaction(fatal[i], &removing, nullptr);
  }
  // Only now: it may be the one that gets a signal that was held.
  remover_.emplace([source = ends[0], directory = std::move(directory)] { wait_and_remove(source, directory); });
}

void removal_at_signal::end() noexcept {
  if (!remover_) return;
  for (std::size_t i = 0; i < fatal.size(); ++i) {
    struct ::sigaction now{};
    if (::sigaction(fatal[i], nullptr, &now) == 0 && now.sa_handler == remove_first)
      ::sigaction(fatal[i], &before_removal[i], nullptr);
  }
  yield_to_signal();
  const char none = 0;
  static_cast<void>(::write(removal_sink, &none, 1) < 0);
  remover_->join();
  remover_.reset();
  ::close(std::exchange(removal_sink, -1));
}

void removal_at_signal::yield_to_signal() noexcept {
  ::pollfd come{.fd = signal_has_come[0], .events = POLLIN, .revents = 0};
  while (::poll(&come, 1, 0) == 1) ::pause();
}

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
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    auto& before = before_noting[i];
    if (::sigaction(numbers[i], nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
      ::sigaction(numbers[i], &noting, nullptr);
  }
}

int ending_signals::take() noexcept {
  unsigned char number = 0;
  if (taken_ == 0 && ::read(descriptor_, &number, 1) == 1) taken_ = number;
  return taken_;
}

}  // namespace varve::cli
