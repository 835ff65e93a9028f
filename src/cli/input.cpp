// SPDX-License-Identifier: MIT

#include "cli/input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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

// Returns 0 at the end.
std::size_t input::read_some(block& b, std::size_t at) {
  if (b.storage.size() - at < read_bytes) b.storage.resize(std::max(at + read_bytes, 2 * at));
  for (;;) {
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

void input::read_all(block& b, std::uint64_t bytes_max) {
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
}

}  // namespace varve::cli
