// SPDX-License-Identifier: MIT
//
// payload.hpp - the bytes that all stores are given, and how they are recognised when they come back.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace bench {

/// Payloads of one size. Each begins at another of 1024 words, numbered in order, so that none is like the one before it and
/// all of them stay in the processor's cache: a log is what is measured, not the memory its input comes from.
class payloads {
 public:
  explicit payloads(std::size_t bytes) : bytes_{bytes}, words_(variants + (bytes + 7) / 8) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] = i;
  }
  [[nodiscard]] std::string_view operator[](std::uint64_t i) const noexcept {
    return {reinterpret_cast<const char*>(words_.data() + i % variants), bytes_};
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  /// Is this one of them? Needs payloads of at least a word.
  [[nodiscard]] bool has(std::string_view got) const noexcept {
    std::uint64_t which = 0;
    if (got.size() != bytes_ || bytes_ < sizeof which) return false;
    std::memcpy(&which, got.data(), sizeof which);
    return which < variants && (*this)[which] == got;
  }

 private:
  static constexpr std::size_t variants = 1024;
  std::size_t bytes_;
  std::vector<std::uint64_t> words_;
};

}  // namespace bench
