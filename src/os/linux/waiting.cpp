// SPDX-License-Identifier: MIT
//
// waiting.cpp - futexes, membarrier and eventfd of Linux. Layer os.
#include "os/waiting.hpp"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "os/linux/call.hpp"

namespace varve::os {
namespace {

// The kernel looks at the word itself.
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

timespec as_timespec(std::chrono::nanoseconds time) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  timespec t{};
  t.tv_sec = static_cast<time_t>(seconds.count());
  t.tv_nsec = static_cast<long>((time - seconds).count());
  return t;
}

constexpr int of_this_process = FUTEX_PRIVATE_FLAG, of_every_process = 0;

void wait(const void* word, std::uint32_t expected, deadline until, int whose) noexcept {
  // FUTEX_WAIT_BITSET rather than FUTEX_WAIT because its time is absolute, and on the clock of steady_clock: neither an
  // early wake-up nor a signal makes the wait longer. Whatever it answers is an early return to whoever asked, also that it
  // takes no time before its clock began.
  const timespec t = as_timespec(until.time_since_epoch());
  static_cast<void>(::syscall(SYS_futex, word, FUTEX_WAIT_BITSET | whose, expected, until == deadline::max() ? nullptr : &t,
                              nullptr, FUTEX_BITSET_MATCH_ANY));
}

void wake(const void* word, int whose) noexcept {
  static_cast<void>(::syscall(SYS_futex, word, FUTEX_WAKE | whose, INT_MAX, nullptr, nullptr, 0));
}

}  // namespace

void wait_on(const std::atomic<std::uint32_t>& word, std::uint32_t expected, deadline until) noexcept {
  wait(&word, expected, until, of_this_process);
}
void wake_all(const std::atomic<std::uint32_t>& word) noexcept { wake(&word, of_this_process); }

void wait_on_shared(const std::uint32_t& word, std::uint32_t expected, deadline until) noexcept {
  wait(&word, expected, until, of_every_process);
}
void wake_all_shared(const std::uint32_t& word) noexcept { wake(&word, of_every_process); }

bool register_for_fences() noexcept {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
}
bool fence_registered() noexcept { return ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0; }

void nap(std::chrono::microseconds time) noexcept {
  const timespec t = as_timespec(time);
  static_cast<void>(::nanosleep(&t, nullptr));  // a signal makes it shorter
}

result<file> make_event() noexcept {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor == -1) return last_failure();
  return file{descriptor};
}

void raise_event(const file& event) noexcept {
  const std::uint64_t one = 1;
  // Refused only if it has been raised 2^64 times and nobody read it.
  static_cast<void>(restarted([&] { return ::write(event.descriptor(), &one, sizeof one); }));
}

}  // namespace varve::os
