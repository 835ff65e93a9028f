// SPDX-License-Identifier: MIT
//
// process.cpp - the clock, identity and randomness on Linux. Layer os.
#include "os/process.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "os/file.hpp"
#include "os/linux/call.hpp"

namespace varve::os {
namespace {

std::optional<unsigned> value_of(std::byte digit) noexcept {
  const char c = static_cast<char>(digit);
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
  return std::nullopt;
}

/// 32 hexadecimal digits with four dashes between, as the kernel prints a UUID.
std::optional<boot_id> parsed(std::span<const std::byte> text) noexcept {
  boot_id id{};
  std::size_t digits = 0;
  for (const std::byte c : text) {
    if (static_cast<char>(c) == '-') continue;
    const std::optional<unsigned> value = value_of(c);
    if (!value || digits == 2 * id.size()) return std::nullopt;
    id[digits / 2] = (id[digits / 2] << 4U) | static_cast<std::byte>(*value);
    ++digits;
  }
  if (digits != 2 * id.size()) return std::nullopt;
  return id;
}

}  // namespace

result<boot_id> this_boot() noexcept {
  const int descriptor =
      restarted([] { return ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC | O_NOFOLLOW); });
  if (descriptor == -1) return last_failure();
  const file f{descriptor};
  std::array<std::byte, 36> text{};
  const result<std::size_t> read = read_at(f, 0, text);
  if (!read) return std::unexpected{read.error()};
  const std::optional<boot_id> id = parsed(std::span{text}.first(*read));
  if (!id) return failed_with(EIO);  // no errno says "not what proc(5) promises"
  return *id;
}

std::uint32_t process_id() noexcept { return static_cast<std::uint32_t>(::getpid()); }

std::uint64_t wall_clock_ns() noexcept {
  timespec now{};
  static_cast<void>(::clock_gettime(CLOCK_REALTIME, &now));  // fails only for a clock that does not exist
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

result<void> fill_random(std::span<std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t now = restarted([&] { return ::getrandom(bytes.data(), bytes.size(), 0); });
    if (now == -1) return last_failure();
    bytes = bytes.subspan(static_cast<std::size_t>(now));
  }
  return {};
}

}  // namespace varve::os
