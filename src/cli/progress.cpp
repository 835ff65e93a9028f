// SPDX-License-Identifier: MIT

#include "cli/progress.hpp"

#include <unistd.h>

#include <string>

namespace varve::cli {
namespace {

constexpr std::chrono::milliseconds pause{100};
constexpr std::size_t columns = 79;                // a longer line would wrap, and could not be erased
constexpr std::string_view to_start = "\r\033[K";  // carriage return, erase to the end of the line

void say(std::string_view text) noexcept { static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()) < 0); }

}  // namespace

// Work that takes less than one pause shows nothing at all.
progress::progress() : next_(std::chrono::steady_clock::now() + pause), on_terminal_(::isatty(STDERR_FILENO) == 1) {}

bool progress::due() noexcept {
  if (!on_terminal_) return false;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return false;
  next_ = now + pause;
  return true;
}

void progress::show(std::string_view line) noexcept {
  say(to_start);
  say(line.substr(0, columns));
  shown_ = true;
}

void progress::erase() noexcept {
  if (!shown_) return;
  say(to_start);
  shown_ = false;
}

}  // namespace varve::cli
