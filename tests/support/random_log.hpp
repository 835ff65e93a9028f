// SPDX-License-Identifier: MIT
//
// random_log.hpp - a log to which everything happens that can happen to one: batches, entries, claims given up, truncations
// and trims inside a batch, resets, a death with holes. Its shape depends on the dice alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <varve/log.hpp>

#include "support/dice.hpp"
#include "support/log_files.hpp"

namespace varve::testing {

class random_log {
 public:
  random_log(std::filesystem::path directory, std::uint64_t seed) : directory_(std::move(directory)), dice_(seed) {
    options_ = {.segment_bytes = 65'536, .record_times = dice_.one_in(2), .spare_segments = 0};
  }

  /// Several lives. The last one may end with a death that nobody has recovered of.
  void make() {
    for (std::uint64_t lives = dice_.between(1, 3); lives != 0; --lives) {
      if (dice_.one_in(3)) {
        die_with(directory_, options_, [&](log& l) {
          live(l);
          die_inside(l);
        });
        // The child's dice are not ours: go on from another place.
        dice_ = dice{dice_.next()};
        continue;
      }
      auto l = log::open(directory_, options_);
      must(l.has_value());
      live(*l);
      must(l->close().has_value());
    }
  }

 private:
  void live(log& l) {
    for (std::uint64_t steps = dice_.between(1, 30); steps != 0; --steps) step(l);
  }

  void step(log& l) {
    switch (dice_.below(16)) {
      case 0: return truncate(l);
      case 1:
        append_batch(l, dice_.between(2, 6));  // most of what it cuts is a batch
        return truncate(l);
      case 2: append_entry(l, dice_.between(2, 6)); return truncate(l);
      case 3: return must(dice_.one_in(8) ? l.reset({dice_.between(1, 2000)}).has_value() : true);
      case 4: return must(l.trim_before({dice_.between(l.first_sequence().value, next(l))}).has_value());
      case 5: return l.claim(dice_.below(100), options()).value().abandon();
      case 6:
      case 7: return append_entry(l, dice_.between(1, 5));
      case 8:
      case 9:
      case 10: return append_batch(l, dice_.between(1, 5));
      default: return must(l.append(payload(), options()).has_value());
    }
  }

  /// Mostly within the last few records.
  void truncate(log& l) {
    const std::uint64_t least = l.first_sequence().value - 1, last = next(l) - 1;
    const std::uint64_t from = dice_.one_in(6) || last - least < 6 ? least : last - 6;
    must(l.truncate_after({dice_.between(from, last)}).has_value());
  }

  void append_batch(log& l, std::uint64_t count) {
    std::vector<std::string> texts;
    for (; count != 0; --count) texts.push_back(payload());
    const std::vector<std::string_view> batch(texts.begin(), texts.end());
    must(l.append_batch(batch, options()).has_value());
  }

  void append_entry(log& l, std::uint64_t chunks) {
    auto e = l.begin_entry(options());
    must(e.has_value());
    for (; chunks != 0; --chunks) must(e->write_chunk(payload()).has_value());
    must(e->publish().has_value());
  }

  /// With a claim open before records that are finished.
  void die_inside(log& l) {
    if (dice_.one_in(2)) return;
    static std::vector<claim> never_finished;
    never_finished.push_back(std::move(*l.claim(dice_.below(50))));
    append_batch(l, dice_.between(1, 3));
    if (dice_.one_in(2)) never_finished.push_back(std::move(*l.claim(dice_.below(50))));
    must(l.append(payload(), options()).has_value());
  }

  append_options options() {
    append_options o;
    o.type = static_cast<std::uint16_t>(dice_.below(5));
    if (options_.record_times.value_or(false)) o.time = record_time{std::chrono::nanoseconds{dice_.between(1, 1'000'000)}};
    return o;
  }

  std::string payload() {
    const std::uint64_t bytes = dice_.one_in(8) ? dice_.between(2'000, 9'000) : dice_.below(40);
    return std::string(bytes, static_cast<char>('a' + dice_.below(26)));
  }

  static std::uint64_t next(const log& l) { return l.published_sequence().value + 1; }

  std::filesystem::path directory_;
  dice dice_;
  log_options options_;
};

}  // namespace varve::testing
