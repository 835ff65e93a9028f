// SPDX-License-Identifier: MIT

#include "cli/input.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "cli/failure.hpp"

namespace varve::cli {
namespace {

// A thousand million bytes are a thousand reads; larger blocks would only leave the cache.
constexpr std::size_t read_bytes = std::size_t{1} << 20;

std::string_view last_lines(const block& b, std::size_t from, std::size_t to) noexcept {
  const std::string_view fresh(b.storage.data() + from, to - from);
  const std::size_t newline = fresh.rfind('\n');
  return newline == std::string_view::npos ? std::string_view{} : std::string_view(b.storage.data(), from + newline + 1);
}

constexpr std::array ending_signals = {SIGINT, SIGTERM, SIGHUP};

// All that the handler knows: it may only write to it. Set before the handler is there.
int signal_sink = -1;

// In any thread, in the middle of anything.
extern "C" void note_signal(int number) {
  const int saved = errno;
  for (const int each : ending_signals) {
    struct ::sigaction now{};
    if (::sigaction(each, nullptr, &now) == 0 && now.sa_handler == note_signal) ::signal(each, SIG_DFL);
  }
  const char byte = static_cast<char>(number);
  static_cast<void>(::write(signal_sink, &byte, 1) < 0);  // it has room for the few that can come here
  errno = saved;
}

}  // namespace

input::input(std::string path) {
  const bool standard = path == "-";
  name_ = standard ? "standard input" : std::move(path);
  descriptor_ = standard ? STDIN_FILENO : ::open(name_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw system_failure("opening", name_, errno);
  struct ::stat status{};
  if (::fstat(descriptor_, &status) != 0) throw system_failure("opening", name_, errno);
  if (S_ISDIR(status.st_mode)) throw system_failure("reading", name_, EISDIR);
  if (S_ISREG(status.st_mode)) bytes_total_ = static_cast<std::uint64_t>(status.st_size);
  // A pipe holds 64 KiB unless it is asked for more; a refusal costs only more reads.
  if (S_ISFIFO(status.st_mode)) static_cast<void>(::fcntl(descriptor_, F_SETPIPE_SZ, static_cast<int>(read_bytes)));
}

input::~input() {
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

// The pipe, and the handler, stay until the process ends: the report is printed when the input is long gone.
void input::end_at_signal() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw system_failure("making a pipe for", "signals", errno);
  signals_ = ends[0];
  signal_sink = ends[1];
  struct ::sigaction noting{};
  noting.sa_handler = note_signal;
  noting.sa_flags = SA_RESTART;
  ::sigemptyset(&noting.sa_mask);
  for (const int each : ending_signals) {
    ::sigaddset(&noting.sa_mask, each);
  }
  for (const int each : ending_signals) {
    struct ::sigaction before{};
    if (::sigaction(each, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) ::sigaction(each, &noting, nullptr);
  }
}

// Not by a read that a signal interrupts: it may come just before the read, and in another thread.
//
// Returns false if a signal came.
bool input::wait_for_bytes() {
  if (signals_ < 0) return true;
  for (;;) {
    std::array<::pollfd, 2> either = {
        {{.fd = descriptor_, .events = POLLIN, .revents = 0}, {.fd = signals_, .events = POLLIN, .revents = 0}}};
    if (::poll(either.data(), either.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw system_failure("reading", name_, errno);
    }
    // First: an input that always has more must end as well.
    unsigned char number = 0;
    if (either[1].revents != 0 && ::read(signals_, &number, 1) == 1) {
      ended_by_ = number;
      return false;
    }
    if (either[0].revents != 0) return true;  // errors too: the read says which
  }
}

// Returns 0 at the end, and when a signal has come.
std::size_t input::read_some(block& b, std::size_t at) {
  if (b.storage.size() - at < read_bytes) b.storage.resize(std::max(at + read_bytes, 2 * at));
  for (;;) {
    if (ended_by_ != 0 || !wait_for_bytes()) return 0;
    const ::ssize_t got = ::read(descriptor_, b.storage.data() + at, read_bytes);
    if (got >= 0) {
      bytes_read_ += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
    if (errno != EINTR) throw system_failure("reading", name_, errno);
  }
}

bool input::next(block& b, std::uint64_t line_bytes_max) {
  b.line = line_;
  b.bytes = 0;
  if (ended_) return false;
  std::size_t filled = carry_.size();
  if (b.storage.size() < filled) b.storage.resize(filled);
  std::copy(carry_.begin(), carry_.end(), b.storage.begin());

  for (;;) {
    const std::size_t got = read_some(b, filled);
    if (got == 0) {
      ended_ = true;
      if (ended_by_ != 0) {
        incomplete_bytes_ = filled;
        return false;
      }
      b.bytes = filled;
      return filled != 0;
    }
    const std::string_view lines = last_lines(b, filled, filled + got);
    filled += got;
    if (!lines.empty()) {
      b.bytes = lines.size();
      carry_.assign(b.storage.data() + b.bytes, filled - b.bytes);
      line_ += static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
      return true;
    }
    if (filled > line_bytes_max) {
      throw input_failure(std::string(name_of(errc::too_large)), name_, line_,
                          fmt::format("longer than {} bytes, more than this log takes", line_bytes_max));
    }
  }
}

bool input::read_all(block& b, std::uint64_t bytes_max) {
  b.line = 1;
  b.bytes = 0;
  while (const std::size_t got = read_some(b, b.bytes)) {
    b.bytes += got;
    if (b.bytes > bytes_max) {
      throw usage_failure(std::string(name_of(errc::too_large)),
                          fmt::format("{}: more than {} bytes, the largest record that this log takes", name_, bytes_max),
                          name_);
    }
  }
  if (ended_by_ != 0) incomplete_bytes_ = b.bytes;
  return ended_by_ == 0;
}

}  // namespace varve::cli
