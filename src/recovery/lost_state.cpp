// SPDX-License-Identifier: MIT
#include "recovery/lost_state.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "format/file_name.hpp"
#include "store/segment_files.hpp"

namespace varve::core {
namespace {

bool is_part_of_log(const segment_file& f) noexcept { return f.activation && f.identity && !f.foreign; }

class rebuilder {
 public:
  rebuilder(const log_place& place, const live_file& live, const segment_files& found)
      : place_(place), live_(live), found_(found), files_(found.files), marks_(live.all_marks()) {}

  result<format::state> run() {
    if (auto done = check_files(); !done) return std::unexpected(done.error());
    if (auto done = find_chain(); !done) return std::unexpected(done.error());
    if (auto done = check_links(); !done) return std::unexpected(done.error());
    if (auto done = check_last(); !done) return std::unexpected(done.error());
    if (auto done = find_durable(); !done) return std::unexpected(done.error());
    return newer_than_all();
  }

 private:
  [[nodiscard]] std::unexpected<error> refuse(errc code, std::uint64_t segment) const noexcept {
    return fail({.code = code, .subject = place_.path, .segment = segment});
  }

  /// Any file of which it is not known what it is may hold records.
  [[nodiscard]] result<void> check_files() const {
    for (const auto& f : files_) {
      const bool is_torn = f.foreign || f.activation_damaged || (f.activation && !f.identity);
      if (is_torn || (!f.identity && may_hold_frames(place_, f.number))) return refuse(errc::damaged, f.number);
    }
    return {};
  }

  /// All segments are in one chain. What is not would be what a truncation, a trim or a loss has left: nothing says which.
  result<void> find_chain() {
    std::size_t count = 0;
    first_ = UINT64_MAX;
    for (const auto& f : files_) {
      if (!is_part_of_log(f)) continue;
      ++count;
      first_ = std::min(first_, f.activation->follows());
    }
    // Without one nothing says which sequences were given out.
    if (count == 0) return place_.fail_file(errc::incomplete, format::state_name);
    chain_ = chain_from(found_, first_);
    if (chain_.size() == count) return check_first();
    std::vector<bool> in_chain(files_.size());
    for (const std::size_t i : chain_) in_chain[i] = true;
    for (std::size_t i = 0; i < files_.size(); ++i)
      if (is_part_of_log(files_[i]) && !in_chain[i]) return refuse(errc::incomplete, files_[i].number);
    return refuse(errc::damaged, 0);
  }

  /// What was trimmed is gone, or a segment still. Where the file before the first one is there without an activation, a
  /// power loss has taken that, and what follows is a torn end; or it is damaged.
  [[nodiscard]] result<void> check_first() const {
    const std::uint64_t before = files_[chain_.front()].activation->predecessor;
    const bool is_there = before != 0 && std::ranges::find(files_, before, &segment_file::number) != files_.end();
    return is_there ? refuse(errc::damaged, before) : result<void>{};
  }

  /// Each segment ends where the next one begins. An end by a truncation, with segments after it that begin later: that
  /// truncation was decided, and has not removed them yet. A new segment is begun only when they are gone.
  result<void> check_links() {
    for (std::size_t i = 0; i + 1 < chain_.size(); ++i) {
      const auto& here = files_[chain_[i]];
      const auto& next = files_[chain_[i + 1]];
      if (next.activation->epoch < here.activation->epoch) return refuse(errc::damaged, next.number);
      if (!here.end || here.end->last + 1 == next.activation->follows()) continue;
      const bool is_under_way = here.is_truncated && here.end->last + 1 < next.activation->follows() && intent_ == 0;
      if (!is_under_way) return refuse(errc::damaged, here.number);
      intent_ = here.end->last + 1;
    }
    return {};
  }

  /// The last one has not ended, or the file of the next one is there: it was, durably, before that end was. After a
  /// truncation, or a recovery, one is begun at once. Where it is missing, segments that came after may have been
  /// trimmed, and their sequences would be given out again.
  [[nodiscard]] result<void> check_last() const {
    const auto& last = files_[chain_.back()];
    if (intent_ != 0 || (!last.end && !last.seal)) return {};
    const auto next = std::ranges::find(files_, last.successor, &segment_file::number);
    const bool is_there = last.successor != 0 && next != files_.end() && next->identity;
    return is_there ? result<void>{} : refuse(errc::incomplete, std::max(last.number, last.successor));
  }

  result<void> find_durable() {
    durable_ = first_ - 1;
    for (const std::size_t i : chain_) {
      const auto& f = files_[i];
      epoch_ = std::max(epoch_, f.activation->epoch);
      if (f.seal && (intent_ == 0 || f.seal->last < intent_)) durable_ = std::max(durable_, f.seal->last);
    }
    if (intent_ != 0) durable_ = std::max(durable_, intent_ - 1);
    // What is said in a later epoch than that of any segment is of a log that was closed and opened again, or truncated. If
    // it is less than what had been durable, a truncation was under way, which has left no other trace.
    const auto contradicts = [this](std::uint64_t epoch, std::uint64_t sequence) {
      return epoch > epoch_ && sequence < durable_;
    };
    const std::uint64_t word = live_.published_in(live_.writer_epoch());
    const bool is_under_way = std::ranges::any_of(marks_, [&](const auto& m) { return contradicts(m.epoch, m.sequence); }) ||
                              (word != 0 && contradicts(live_.writer_epoch(), word));
    if (is_under_way) return place_.fail_file(errc::damaged, format::live_name);
    for (const auto& m : marks_)
      if (stands(m)) durable_ = std::max(durable_, m.sequence);
    if (intent_ == 0 || durable_ < intent_) return {};
    return fail({.code = errc::incomplete, .subject = place_.path, .first_sequence = intent_, .last_sequence = durable_});
  }

  /// What it speaks of was not truncated later: then a segment of a later epoch would begin there, or the log would end
  /// there.
  [[nodiscard]] bool stands(const format::mark& m) const {
    if (intent_ != 0 && m.epoch <= epoch_ && m.sequence >= intent_) return false;
    return std::ranges::none_of(chain_, [&](std::size_t i) {
      const auto& a = *files_[i].activation;
      return a.epoch > m.epoch && a.follows() <= m.sequence;
    });
  }

  [[nodiscard]] result<format::state> newer_than_all() const {
    std::uint64_t epoch = epoch_, generation = 0;
    for (const std::size_t i : chain_) generation = std::max(generation, files_[i].activation->generation);
    for (const auto& m : marks_) {
      epoch = std::max(epoch, m.epoch);
      generation = std::max(generation, m.generation);
    }
    // That word has no checksum. A log that was opened so often without an append is none.
    constexpr std::uint64_t openings_max = 1 << 20;
    const std::uint64_t word = live_.writer_epoch();
    if (word > epoch && word - epoch < openings_max) epoch = word;
    const format::state s{.generation = generation + 1,
                          .epoch = static_cast<std::uint32_t>(std::min<std::uint64_t>(epoch + 1, UINT32_MAX)),
                          .condition = format::condition::open,
                          .trim_point = first_,
                          .durable_floor = durable_,
                          .clean_next = durable_ + 1,
                          .truncate_intent = intent_,
                          .checkpoint = first_ - 1,
                          .archived = first_ - 1};
    const bool runs_out = epoch >= UINT32_MAX || generation >= UINT64_MAX - 8;
    if (runs_out || !format::is_sane(s) || !format::may_be_followed(s)) return refuse(errc::damaged, 0);
    return s;
  }

  const log_place& place_;
  const live_file& live_;
  const segment_files& found_;
  const std::vector<segment_file>& files_;
  const std::vector<format::mark> marks_;
  std::vector<std::size_t> chain_;
  std::uint64_t first_ = 0, durable_ = 0;
  std::uint64_t epoch_ = 0;   // of the newest segment
  std::uint64_t intent_ = 0;  // of a truncation that was under way; 0: none
};

}  // namespace

result<format::state> state_from_segments(const log_place& place, const live_file& live) {
  const auto found = read_segment_files(place);
  if (!found) return std::unexpected(found.error());
  return rebuilder{place, live, *found}.run();
}

}  // namespace varve::core
