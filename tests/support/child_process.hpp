// SPDX-License-Identifier: MIT
//
// child_process.hpp - run something in a forked child, and wait for it or kill it.
//
// Forked while the test has no other threads, so that the child may do anything; it never returns into the test.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <system_error>

namespace varve::testing {

class child_process {
 public:
  /// The child's exit code is what `body` returns.
  template <class Body>
  explicit child_process(Body body) {
    static_cast<void>(std::fflush(nullptr));  // or the child would print what the parent had not yet printed
    const pid_t parent = ::getpid();
    process_ = ::fork();
    if (process_ == -1) throw std::system_error{errno, std::generic_category(), "fork"};
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is stopped leaves nothing behind
      ::_exit(::getppid() == parent ? run(body) : exit_code_of_exception);
    }
    watched_ = static_cast<int>(::syscall(SYS_pidfd_open, process_, 0));
    if (watched_ == -1) {
      const int number = errno;
      end();
      throw std::system_error{number, std::generic_category(), "pidfd_open"};
    }
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process() {
    end();
    if (watched_ != -1) ::close(watched_);
  }

  /// True once the child has ended; false if it has not after `how_long`.
  bool wait_for(std::chrono::nanoseconds how_long) {
    if (process_ <= 0) return true;
    const timespec t{.tv_sec = static_cast<time_t>(how_long.count() / 1'000'000'000),
                     .tv_nsec = static_cast<long>(how_long.count() % 1'000'000'000)};
    pollfd events{.fd = watched_, .events = POLLIN, .revents = 0};
    if (::ppoll(&events, 1, &t, nullptr) <= 0) return false;
    reap();
    return true;
  }
  void wait() { reap(); }
  /// SIGKILL, unless it has ended already.
  void end() noexcept {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    reap();
  }
  /// Between the two it does nothing; stop() returns when that is so.
  void stop() noexcept {
    if (process_ <= 0 || ::kill(process_, SIGSTOP) != 0) return;
    while (::waitpid(process_, &status_, WUNTRACED) == -1 && errno == EINTR) {
    }
    if (!WIFSTOPPED(status_)) process_ = 0;  // it had ended
  }
  void go_on() noexcept {
    if (process_ > 0) ::kill(process_, SIGCONT);
  }

  // ---- How it ended.
  [[nodiscard]] bool was_killed() const noexcept { return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL; }
  [[nodiscard]] bool exited_with(int code) const noexcept { return WIFEXITED(status_) && WEXITSTATUS(status_) == code; }
  [[nodiscard]] int status() const noexcept { return status_; }

  static constexpr int exit_code_of_exception = 99;

 private:
  template <class Body>
  static int run(Body& body) noexcept {
    try {
      return body();
    } catch (const std::exception& e) {
      static_cast<void>(std::fprintf(stderr, "child: %s\n", e.what()));
      return exit_code_of_exception;
    }
  }
  void reap() noexcept {
    if (process_ <= 0) return;
    while (::waitpid(process_, &status_, 0) == -1 && errno == EINTR) {
    }
    process_ = 0;
  }

  pid_t process_ = 0;
  int watched_ = -1;
  int status_ = 0;
};

/// What kill -9 from outside does, at just this place.
[[noreturn]] inline void die_here() noexcept {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace varve::testing
