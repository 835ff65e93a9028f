// SPDX-License-Identifier: MIT
//
// target.hpp - what a fuzz target is: two functions that it defines, and that the drivers call. A target takes any bytes;
// what it finds wrong it reports with check(), which ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <source_location>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace varve::fuzz {

using byte_vector = std::vector<std::byte>;

/// One execution.
void run(std::span<const std::byte> input);

/// After a mutation: makes checksums and stamps match again, or most of them, so that what lies behind them is reached. May
/// also make changes of its own that no mutation of single bytes would come to.
void repair(byte_vector& input, std::uint64_t seed);

/// An input that shows how a run goes on to a failure is worth more than an exception that something may catch.
inline void check(bool held, const char* what = "", std::source_location where = std::source_location::current()) noexcept {
  if (held) return;
  static_cast<void>(std::fprintf(stderr, "%s:%u: this does not hold: %s\n", where.file_name(), where.line(), what));
  std::abort();
}

/// Tells whoever looks into a finding what happens: VARVE_TRACE=1 build/dev/fuzz/replay_recovery FILE
inline void trace(const char* what, const std::string& more = {}) {
  static const bool wanted = std::getenv("VARVE_TRACE") != nullptr;
  if (wanted) static_cast<void>(std::fprintf(stderr, "%s: %s\n", what, more.c_str()));
}

/// Takes values off the front of an input; zeros when it is used up.
class taker {
 public:
  explicit taker(std::span<const std::byte> input) noexcept : rest_(input) {}

  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T take() noexcept {
    T value{};
    const auto n = rest_.size() < sizeof(T) ? rest_.size() : sizeof(T);
    if (n > 0) std::memcpy(&value, rest_.data(), n);
    rest_ = rest_.subspan(n);
    return value;
  }
  [[nodiscard]] std::span<const std::byte> take_bytes(std::size_t count) noexcept {
    const auto taken = rest_.first(count < rest_.size() ? count : rest_.size());
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  [[nodiscard]] std::span<const std::byte> rest() const noexcept { return rest_; }
  [[nodiscard]] bool is_empty() const noexcept { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

template <class T>
  requires std::is_trivially_copyable_v<T>
void put(byte_vector& into, const T& value) {
  const auto bytes = std::as_bytes(std::span{&value, 1});
  into.insert(into.end(), bytes.begin(), bytes.end());
}

template <class T>
[[nodiscard]] T load(std::span<const std::byte> bytes, std::size_t at) noexcept {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
template <class T>
void store(std::span<std::byte> bytes, std::size_t at, T value) noexcept {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

}  // namespace varve::fuzz
