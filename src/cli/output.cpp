// SPDX-License-Identifier: MIT

#include "cli/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cli/failure.hpp"

namespace varve::cli {
namespace {

// Few system calls for small records; large payloads go out without being copied here.
constexpr std::size_t buffer_bytes = 256 * 1024;

}  // namespace

void output::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > buffer_bytes) flush();
  if (bytes.size() >= buffer_bytes) {
    write_through(bytes);
  } else {
    buffer_ += bytes;
  }
}

void output::flush() {
  // Forgotten even if it cannot be written: a later flush must not write a part of it again.
  struct forgetter {
    std::string& buffer;
    ~forgetter() { buffer.clear(); }
  } const forget{buffer_};
  write_through(buffer_);
}

void output::write_through(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ::ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      throw closed_pipe{};
    } else if (errno != EINTR) {
      throw system_failure("writing", "standard output", errno);
    }
  }
}

std::string table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i != 0) text += "  ";
      const bool right = i < to_the_right.size() && to_the_right[i];
      const std::string padding(widths[i] - row[i].size(), ' ');
      text += right ? padding + row[i] : row[i] + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (const auto octet = static_cast<unsigned char>(c); octet < 0x20 || octet == 0x7F) c = '.';
  }
  return out;
}

}  // namespace varve::cli
