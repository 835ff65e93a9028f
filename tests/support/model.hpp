// SPDX-License-Identifier: MIT
//
// model.hpp - one log on the machine in memory beside the simplest thing that it could be: a vector of what was appended.
// Takes one step after another, and throws broken_promise as soon as the two differ. Where the steps come from is the
// caller's business: a fuzzer, or a generator of properties.
//
// All steps are made by one thread. What several threads leave behind is in tests/power/lives.hpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <varve/varve.hpp>

namespace varve::testing {

class broken_promise : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

struct step {
  enum class kind : std::uint8_t {
    append,
    append_large,    // some of these fill a segment, or more than that
    append_durable,  // immediate()
    batch,
    claim,    // is held until one of the next two, or the end of this life
    publish,  // the oldest claim, in part
    abandon,  // the newest
    sync,
    look,          // everything that reads, beside the living writer
    write_back,    // the kernel's own idea
    fail_call,     // a call that is yet to come fails
    fill_disk,     // and then there is room again
    stop_in_call,  // the machine stops before a call that is yet to come
    close,
    kill,
    lose_power,
    open_and_stop,  // a kill, and then the next open does not come to its end
    trim,           // to some sequence, sometimes to the next one, or behind that
    truncate,       // likewise, from the other end
    reset,
    entry,
    checkpoint,
  };
  kind what = kind::append;
  std::uint8_t a = 0;
  std::uint16_t b = 0;
};
constexpr unsigned step_kinds = static_cast<unsigned>(step::kind::checkpoint) + 1;
[[nodiscard]] std::string to_string(const step& s);

class model {
 public:
  /// An empty machine, and an empty log with this kind of checksum, whose records have times or not.
  model(checksum sum, bool with_times, std::uint64_t seed);
  ~model();
  model(const model&) = delete;
  model& operator=(const model&) = delete;

  void apply(const step& s);
  /// Closes the log, and looks at it a last time.
  void finish();
  [[nodiscard]] std::uint64_t sequences() const noexcept { return known_.size() - 1; }
  /// How many segments were made of files that had been dropped.
  [[nodiscard]] std::uint64_t recycled() const noexcept { return recycled_; }

 private:
  struct entry {
    enum class state : std::uint8_t {
      finished,  // append returned it
      open,      // claimed
      skipped,   // the claim was given up, or recovery says so: no record
      perhaps,   // begun when something failed: it may be there, whole
    };
    state now = state::finished;
    std::string text{};
    std::uint16_t type = 0;
    record_time time{};
    std::uint64_t batch_first = 0, batch_size = 1;
    bool is_chunk = false;
  };

  void append(std::size_t bytes, bool durably);
  void append_batch(const step& s);
  [[nodiscard]] result<sequence_range> append_entry(const std::vector<std::string_view>& chunks,
                                                    const append_options& options);
  void make_claim(std::size_t bytes);
  void publish_oldest(const step& s);
  void abandon_newest();
  void sync();
  void checkpoint();
  void compare_checkpoint() const;
  void trim(const step& s);
  void truncate(const step& s);
  void reset(const step& s);
  template <class Do>
  void cut(std::uint64_t first, std::uint64_t last, Do what);
  void forget_behind(std::uint64_t last);
  void close();
  void end_life(bool power_loss, const step& s);
  void reopen();
  template <class Log>
  void compare(const Log& l, std::uint64_t kept, bool living = false) const;
  template <class Log>
  void compare_below(const Log& l, std::uint64_t first) const;
  template <class Log>
  void compare_times(const Log& l, std::uint64_t first, std::uint64_t kept) const;
  void look() const;
  void look_at_dead();
  void end_log();

  /// True, and the life is as good as over: what was under way may be there or not.
  bool is_over(const error& e);
  void note(entry e) { known_.push_back(std::move(e)); }
  [[nodiscard]] std::uint64_t next() const noexcept { return known_.size(); }
  [[nodiscard]] std::uint64_t published() const noexcept;
  [[nodiscard]] std::string some_text(std::size_t bytes);
  [[nodiscard]] record_time some_time() const noexcept;
  [[nodiscard]] bool is_usable() const;

  log_options options_;
  std::optional<log> log_;
  std::vector<entry> known_{1};  // by sequence; [0] is unused
  std::vector<claim> claims_;
  std::uint64_t durable_ = 0;                 // what a sync, or an open, has said to be durable
  std::uint64_t first_ = 1;                   // what a trim, or an open, has said to be the first
  std::vector<std::uint64_t> perhaps_first_;  // by trims that failed, or during which the machine stopped
  struct ends {
    std::uint64_t first, last;
    bool operator==(const ends&) const = default;
  };
  std::optional<ends> perhaps_cut_;       // by a truncation of that kind: then the log is just this
  std::uint64_t checkpointed_ = 0;        // what a checkpoint, or an open, has said
  std::atomic<std::uint64_t> saved_ = 0;  // what the function for that was given, and so is durable
  std::uint64_t ids_ = 0;
  std::uint64_t recycled_ = 0;
  std::uint64_t seed_;
  bool power_lost_ = false;
  bool faulty_ = false;  // a call is to fail, or the machine to stop
  bool over_ = false;    // something failed: nothing more is appended in this life
};

}  // namespace varve::testing
