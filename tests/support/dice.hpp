// SPDX-License-Identifier: MIT
//
// dice.hpp - pseudo-random numbers that are the same on every machine for the same seed, and seeds from outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>

namespace varve::testing {

/// One step of SplitMix64: every bit of the result depends on every bit of `x`.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// SplitMix64. Not the standard library's: its distributions differ between implementations, and a seed must say it all.
class dice {
 public:
  constexpr explicit dice(std::uint64_t seed) noexcept : state_(seed) {}

  constexpr std::uint64_t next() noexcept {
    const std::uint64_t number = mixed(state_);
    state_ += 0x9e3779b97f4a7c15;
    return number;
  }
  /// 0 .. end - 1.
  constexpr std::uint64_t below(std::uint64_t end) noexcept { return next() % end; }
  constexpr std::uint64_t between(std::uint64_t first, std::uint64_t last) noexcept {
    return first + below(last - first + 1);
  }
  constexpr bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }
  template <class T, std::size_t N>
  constexpr const T& pick(const T (&from)[N]) noexcept {
    return from[below(N)];
  }

 private:
  std::uint64_t state_;
};

/// The number in an environment variable; `otherwise` if it is not set.
[[nodiscard]] inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) noexcept {
  const char* const text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// VARVE_SEED, or another one each time: what depends on the moment of a kill does not repeat itself anyhow.
[[nodiscard]] inline std::uint64_t seed_of_this_run() {
  std::random_device device;
  return number_from_environment("VARVE_SEED", device());
}

}  // namespace varve::testing
