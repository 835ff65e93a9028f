// SPDX-License-Identifier: MIT
//
// script.hpp - what one writer of one life does, step by step. It follows from the seed alone, so that the parent can read
// afterwards what the dead child was about to append.
#pragma once

#include <cstdint>
#include <vector>

#include "support/authorship.hpp"
#include "support/dice.hpp"

namespace varve::testing {

/// How large records are.
enum class build : std::uint8_t {
  usual,  // segments of 64 MiB
  tiny,   // segments of 64 KiB
  bulky,  // segments of 64 MiB, and records large enough to fill one
};

struct step {
  enum class kind : std::uint8_t { append, append_pieces, in_place, batch, sync };

  step::kind what = kind::append;
  bool immediate = false;
  std::uint64_t first = 0;           // counter of the first record
  std::vector<std::uint32_t> sizes;  // of each record; none for sync
};

/// The user's tag of a record. It says which of the records that may be unfinished this one is, even when it is empty: lives
/// of one log, writers, and the records that one writer can have under way.
[[nodiscard]] constexpr std::uint16_t tag_of(const authorship& author) noexcept {
  return static_cast<std::uint16_t>((author.life % 32) << 11 | (author.writer % 8) << 8 | (author.counter % 256));
}

class script {
 public:
  script(std::uint64_t seed, std::uint32_t writer, build b, bool waits_for_disk) noexcept
      : dice_(mixed(seed + writer)), writer_(writer), build_(b), waits_for_disk_(waits_for_disk) {}

  [[nodiscard]] step next() {
    step s;
    if (waits_for_disk_ && writer_ == 0 && dice_.one_in(96)) {
      s.what = step::kind::sync;
      return s;
    }
    s.first = counter_;
    std::size_t count = 1;
    if (const auto n = dice_.below(24); n < 2) {
      s.what = step::kind::batch;
      count = n == 0 ? 16 : 100;
    } else if (n < 4) {
      s.what = step::kind::append_pieces;
    } else if (n < 7) {
      s.what = step::kind::in_place;
    }
    s.immediate = waits_for_disk_ && dice_.one_in(192);
    for (std::size_t i = 0; i < count; ++i) s.sizes.push_back(s.what == step::kind::batch ? size_in_batch() : size());
    counter_ += count;
    return s;
  }

 private:
  static constexpr std::uint32_t edges[] = {0, 1, 7, 8, 9, 100, 1000};

  std::uint32_t up_to(std::uint64_t limit) noexcept { return static_cast<std::uint32_t>(dice_.below(limit + 1)); }

  std::uint32_t size() noexcept {
    if (build_ == build::bulky && dice_.one_in(4)) return up_to(2'000'000);
    const auto n = dice_.below(256);
    // Larger than what is claimed by fetch_add; as large as a segment of 64 KiB takes, and one less.
    if (n == 0) return build_ == build::tiny ? 65536 - 4120 - up_to(1) : 65'500 + up_to(200'000);
    if (n < 6) return up_to(40'000);
    if (n < 40) return up_to(1'000);
    return dice_.pick(edges);
  }
  /// A hundred of them fit into the smallest segment.
  std::uint32_t size_in_batch() noexcept { return dice_.one_in(2) ? dice_.pick({0U, 1U, 7U, 8U, 9U, 100U}) : up_to(300); }

  dice dice_;
  std::uint32_t writer_;
  build build_;
  bool waits_for_disk_;
  std::uint64_t counter_ = 0;
};

}  // namespace varve::testing
