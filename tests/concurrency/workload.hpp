// SPDX-License-Identifier: MIT
//
// workload.hpp - many threads that append, and what whoever reads their records in order can expect. All of it follows from
// writer and counter: sizes, batches, bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <varve/varve.hpp>

#include "support/authorship.hpp"
#include "support/dice.hpp"

namespace varve::testing {

/// Threads must not use Catch2's assertions: they put here what went wrong, and the test looks at the end.
class complaints {
 public:
  void add(std::string what) {
    const std::scoped_lock lock{guard_};
    if (all_.size() < 20) all_.push_back(std::move(what));
  }
  void add_unless_empty(std::string what) {
    if (!what.empty()) add(std::move(what));
  }
  [[nodiscard]] std::string text() const {
    const std::scoped_lock lock{guard_};
    std::string all;
    for (const auto& one : all_) all += one + '\n';
    return all;
  }

 private:
  mutable std::mutex guard_;
  std::vector<std::string> all_;
};

/// How long a stress goes on: VARVE_STRESS_SECONDS, which may be a fraction, or the time that it takes by default.
class stress_clock {
 public:
  explicit stress_clock(double seconds_by_default) {
    const char* const text = std::getenv("VARVE_STRESS_SECONDS");
    const std::chrono::duration<double> time{text != nullptr && *text != '\0' ? std::strtod(text, nullptr)
                                                                              : seconds_by_default};
    end_ = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(time);
  }
  [[nodiscard]] bool is_over() const noexcept { return std::chrono::steady_clock::now() >= end_; }

 private:
  std::chrono::steady_clock::time_point end_;
};

/// Shapes of records.
struct workload {
  std::uint32_t size_usual = 200;  // most records have up to so many bytes
  std::uint32_t size_max = 0;      // one in `large_every` has up to so many; 0: none does
  std::uint32_t size_large_min = 0;
  std::uint32_t large_every = 1;
  bool batches = false;  // one call in sixteen appends 16 or 100 records of up to 300 bytes

  /// Records appended together with `counter`, which is the first of them.
  [[nodiscard]] std::uint64_t count_at(std::uint32_t writer, std::uint64_t counter) const noexcept {
    const std::uint64_t r = mixed(authorship{.life = 1, .writer = writer, .counter = counter}.word());
    if (!batches || r % 16 != 0) return 1;
    return r / 16 % 2 == 0 ? 16 : 100;
  }
  [[nodiscard]] std::uint32_t size_at(std::uint32_t writer, std::uint64_t counter, bool in_batch) const noexcept {
    dice d{mixed(authorship{.life = 2, .writer = writer, .counter = counter}.word())};
    const auto up_to = [&d](std::uint64_t limit) { return static_cast<std::uint32_t>(d.below(limit + 1)); };
    if (in_batch) return up_to(300);
    if (size_max != 0 && d.one_in(large_every)) return size_large_min + up_to(size_max - size_large_min);
    constexpr std::uint32_t edges[] = {0, 1, 7, 8, 9};
    return d.one_in(4) ? d.pick(edges) : up_to(size_usual);
  }
};

/// One writer: appends what comes next of its sequence of records.
class writer_of {
 public:
  writer_of(const workload& shape, std::uint32_t number) noexcept : shape_(shape), number_(number) {}

  /// One record or batch. The first sequence.
  result<sequence> append_next(log& into) {
    const std::uint64_t count = shape_.count_at(number_, counter_);
    buffer_.clear();
    std::vector<std::size_t> ends;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::size_t at = buffer_.size();
      buffer_.resize(at + shape_.size_at(number_, counter_ + i, count > 1));
      write_payload({.life = 0, .writer = number_, .counter = counter_ + i}, std::span{buffer_}.subspan(at));
      ends.push_back(buffer_.size());
    }
    const append_options options{.type = static_cast<std::uint16_t>(number_)};
    result<sequence> first = sequence{};
    if (count == 1) {
      first = into.append(buffer_, options);
    } else {
      std::vector<std::span<const std::byte>> payloads;
      for (std::size_t i = 0, at = 0; i < ends.size(); at = ends[i++])
        payloads.push_back(std::span{buffer_}.subspan(at, ends[i] - at));
      const auto range = into.append_batch(payloads, options);
      first = range ? result<sequence>{range->first} : std::unexpected(range.error());
    }
    if (first) {
      counter_ += count;
      last_ = {first->value + count - 1};
    }
    return first;
  }
  [[nodiscard]] std::uint64_t counter() const noexcept { return counter_; }  // records appended so far
  [[nodiscard]] sequence last() const noexcept { return last_; }

 private:
  workload shape_;
  std::uint32_t number_;
  std::uint64_t counter_ = 0;
  sequence last_;
  std::vector<std::byte> buffer_;
};

}  // namespace varve::testing
