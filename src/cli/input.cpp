// SPDX-License-Identifier: MIT

#include "cli/input.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

namespace varve::cli {
namespace {

// A thousand million bytes are a thousand reads; larger blocks would only leave the cache.
constexpr std::size_t read_bytes = std::size_t{1} << 20;

}  // namespace

input::input(std::string path, framing how) : next_{.unit = how, .number = 1} {
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

// Not by a read that a signal interrupts: it may come just before the read, and in another thread.
//
// Returns false if a signal came.
bool input::wait_for_bytes() {
  if (!signals_) return true;
  for (;;) {
    std::array<::pollfd, 2> either = {{{.fd = descriptor_, .events = POLLIN, .revents = 0},
                                       {.fd = signals_->descriptor(), .events = POLLIN, .revents = 0}}};
    if (::poll(either.data(), either.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw system_failure("reading", name_, errno);
    }
    // First: an input that always has more must end as well.
    if (either[1].revents != 0) ended_by_ = signals_->take();
    if (ended_by_ != 0) return false;
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

bool input::next(block& b, std::uint64_t record_bytes_max) {
  b.first = next_;
  b.bytes = 0;
  if (ended_) return false;
  std::size_t filled = carry_.size();
  if (b.storage.size() < filled) b.storage.resize(filled);
  std::copy(carry_.begin(), carry_.end(), b.storage.begin());

  for (std::size_t searched = 0;;) {
    const std::string_view text(b.storage.data(), filled);
    if (const whole_records whole = find_whole_records(next_.unit, text, searched); whole.count != 0) {
      b.bytes = whole.bytes;
      carry_ = text.substr(whole.bytes);
      next_.number += whole.count;
      next_.byte += whole.bytes;
      return true;
    }
    if (record_bytes_at_least(next_.unit, text) > record_bytes_max) throw too_large(text, record_bytes_max);
    searched = filled;
    const std::size_t got = read_some(b, filled);
    if (got == 0) return end_with(b, filled);
    filled += got;
  }
}

// Nothing comes behind the `rest` bytes in `b`.
bool input::end_with(block& b, std::size_t rest) {
  ended_ = true;
  if (ended_by_ != 0) {
    incomplete_bytes_ = rest;
    return false;
  }
  if (rest != 0 && next_.unit == framing::length_prefixed) throw cut_short({b.storage.data(), rest});
  b.bytes = rest;
  return rest != 0;
}

failure input::too_large(std::string_view text, std::uint64_t bytes_max) const {
  const std::string code(name_of(errc::too_large));
  if (next_.unit == framing::lines) {
    return input_failure(code, name_, next_, fmt::format("longer than --max-record {} bytes", bytes_max));
  }
  failure f = input_failure(
      code, name_, next_, fmt::format("a record of {} bytes, more than --max-record {}", prefixed_length(text), bytes_max));
  f.limit = bytes_max;
  return f;
}

failure input::cut_short(std::string_view rest) const {
  const std::string what =
      rest.size() < length_prefix_bytes
          ? fmt::format("the input ends inside of its length, after {} of 4 bytes", rest.size())
          : fmt::format("the input ends after {} of its {} bytes", rest.size() - length_prefix_bytes, prefixed_length(rest));
  return input_failure("bad_input", name_, next_, what + "; what was before it is appended");
}

bool input::read_all(block& b, std::uint64_t bytes_max) {
  b.first = next_;
  b.bytes = 0;
  while (const std::size_t got = read_some(b, b.bytes)) {
    b.bytes += got;
    if (b.bytes > bytes_max) {
      throw usage_failure(std::string(name_of(errc::too_large)),
                          fmt::format("{}: more than --max-record {} bytes", name_, bytes_max), name_);
    }
  }
  if (ended_by_ != 0) incomplete_bytes_ = b.bytes;
  return ended_by_ == 0;
}

}  // namespace varve::cli
