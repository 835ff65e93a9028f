// SPDX-License-Identifier: MIT
//
// history.hpp - a log to which everything happens that may happen to one, and what its caller knows of it at each of several
// moments: appends, batches, entries, large records, claims given up, syncs, trims, truncations, resets, deaths, and losses
// that were accepted. Its shape depends on the seed alone.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <varve/log.hpp>

#include "rescue/stage.hpp"
#include "support/dice.hpp"

namespace varve::testing::rescue {

/// What the oracle throws: a promise was broken.
struct violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void hold(bool held, const std::string& what) {
  if (!held) throw violation{what};
}

struct written {
  std::string text;
  std::uint16_t type = 0;
  bool stands_alone = true;  // in no batch, and no entry
  bool operator==(const written&) const = default;
};

/// What the caller of the log knows.
struct truth {
  std::map<std::uint64_t, written> records;
  std::set<std::uint64_t> abandoned, lost;  // lost: an open was told to go on without them
  std::uint64_t first = 1, next = 1, durable = 0;

  void forget_from(std::uint64_t s);
  void forget_before(std::uint64_t s);
};

struct moment {
  stage::image_ptr image;
  truth known;
};

class history {
 public:
  explicit history(std::uint64_t seed);

  std::vector<moment> moments;                         // in their order, all while it was open but the last one
  moment died, closed;                                 // how its last life may have ended
  std::map<std::uint64_t, std::vector<written>> ever;  // all that was ever appended, by sequence
  std::set<std::uint64_t> ever_abandoned;
  std::uint64_t accepted = 0;  // losses, by earlier opens

  static constexpr const char* directory = "log";

 private:
  void live(bool is_last);
  void step(log& l);
  void append(log& l);
  void append_batch(log& l);
  void append_entry(log& l);
  void give_up_claim(log& l);
  void trim(log& l);
  void truncate(log& l);
  void reset(log& l);
  void note(std::uint64_t sequence, std::string text, std::uint16_t type, bool stands_alone);
  void accept_a_loss();
  void keep(log& l);
  [[nodiscard]] moment now(log& l);
  [[nodiscard]] std::string some_text();

  dice random_;
  log_options options_;
  truth known_;
  std::uint64_t ids_ = 0;
  std::uint64_t typical_bytes_;
};

}  // namespace varve::testing::rescue
