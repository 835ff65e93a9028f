// SPDX-License-Identifier: MIT
//
// lives.hpp - several lives of one log on the machine in memory, each ended by the death of its process or a loss of power,
// against a record of what was done.
//
// Appending is by one thread, so that every sequence is known beforehand; further threads are stopped in the middle of an
// append, and stay so until the crash: they are the unfinished claims.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

namespace varve::testing {

/// What is known of one sequence.
struct truth {
  enum class state : std::uint8_t {
    finished,  // append returned it
    perhaps,   // begun when the machine stopped: it may be there, whole
    never,     // its first stamp was never stored: no record may be there
    lost,      // recovery said that it is abandoned
  };
  state now = state::finished;
  std::uint64_t id = 0;  // unique in all lives
  std::size_t bytes = 0;
  std::uint64_t batch_first = 0, batch_size = 1;
  bool is_chunk = false;
};

struct tally {
  std::uint64_t lives = 0, deaths = 0, power_losses = 0, crashes_inside_calls = 0, refused_opens = 0;
  std::uint64_t records_checked = 0, stepped_over = 0, cut_records = 0, batches_dropped = 0, unfinished_claims = 0;
  std::uint64_t unfinished_before_finished = 0;
  std::uint64_t trims = 0, trims_cut_short = 0, recycled = 0;
  std::uint64_t truncations = 0, truncations_cut_short = 0;
  std::uint64_t chunks_checked = 0;
};

class lives {
 public:
  explicit lives(std::uint64_t seed);
  ~lives();
  lives(const lives&) = delete;
  lives& operator=(const lives&) = delete;

  /// One log, from its creation through some crashes to a last open. Fails the running test at the first broken promise.
  void run(unsigned crashes, tally& sum);

 private:
  struct stopped_thread;

  void live(log& l, tally& sum);
  void append_one(log& l);
  void append_batch(log& l);
  void sync(log& l);
  void trim(log& l, tally& sum);
  void truncate(log& l, tally& sum);
  void forget_behind(std::uint64_t last);
  void stop_in_append(log& l);
  void end_life(std::optional<log>& l, bool power_loss, tally& sum);
  bool check_opened(log& l, tally& sum);
  void check_view(tally& sum);
  template <class Log>
  bool check_contents(const Log& l, tally& sum);
  std::optional<log> open_and_check(tally& sum);

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  [[nodiscard]] std::size_t some_size();
  [[nodiscard]] std::uint64_t published() const;
  [[nodiscard]] std::uint64_t next() const { return known_.size(); }
  void claimed(std::uint64_t count, truth::state now, std::uint64_t first_id, const std::vector<std::size_t>& sizes,
               bool is_chunk = false);

  std::mt19937_64 random_;
  log_options options_;
  std::vector<truth> known_;                    // by sequence; [0] is unused
  std::uint64_t durable_ = 0;                   // what a sync, or an open, has said to be durable
  std::uint64_t first_ = 1;                     // what a trim, or an open, has said to be the first
  std::optional<std::uint64_t> perhaps_first_;  // by a trim during which the machine stopped
  struct ends {
    std::uint64_t first, last;
    bool operator==(const ends&) const = default;
  };
  std::optional<ends> perhaps_cut_;  // by a truncation during which the machine stopped: then the log is just this
  std::uint64_t ids_ = 0;
  bool busy_ = false;  // this life appends so much that segments end, go and come back
  bool power_lost_ = false;
  std::vector<std::unique_ptr<stopped_thread>> stopped_;
};

}  // namespace varve::testing
