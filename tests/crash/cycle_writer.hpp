// SPDX-License-Identifier: MIT
//
// cycle_writer.hpp - a life with everything in it: writers, one thread that trims, truncates, resets, checkpoints and
// retains, a checkpoint and an archive hook, sometimes a cap. It goes on until it is killed.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "crash/cycle_ledger.hpp"
#include "crash/deadly_point.hpp"
#include "support/child_process.hpp"
#include "support/dice.hpp"

namespace varve::testing {

class cycle_writer {
 public:
  cycle_writer(const life& l, cycle_ledger& k) noexcept : life_(l), ledger_(k) {}

  /// Returns only if something goes wrong.
  int live(const std::filesystem::path& directory, oracle& points) {
    static_cast<void>(::nice(5));  // behind its killer, who comes too late otherwise
    deadly_point::install(life_, points);
    auto opened = log::open(directory, options());
    if (!opened) return complain("open", opened.error()), 1;
    log_ = &*opened;
    ledger_.moves_done.store(ledger_.moves_begun.load());  // what the last life began is over, and views know it
    if (!life_.armed_from_the_start) deadly_point::arm();
    std::vector<std::thread> threads;
    for (std::uint32_t w = 0; w < life_.writers; ++w) threads.emplace_back([this, w] { append_all(w); });
    threads.emplace_back([this] { move_all(); });
    ledger_.is_open.store(1, std::memory_order_release);
    if (life_.closes) {
      std::this_thread::sleep_for(life_.kill_after / 2);
      if (const auto done = log_->close(); !done) complain("close", done.error());
    }
    for (auto& t : threads) t.join();
    for (;;) ::pause();
  }

 private:
  using bytes = std::span<const std::byte>;

  [[nodiscard]] log_options options() {
    log_options o{.segment_bytes = 64 * 1024,
                  .checkpoint = {.save = [this](const checkpoint_request& r) { return save(r); },
                                 .after_bytes = std::uint64_t{80} << 10},
                  .archive = {.sealed = [this](const sealed_segment& s) { return copy(s); }},
                  .spare_segments = 3};
    dice d{life_.seed};
    if (d.one_in(2)) o.retention.keep_records = 500;
    if (!d.one_in(3)) return o;
    o.max_disk_bytes = std::uint64_t{30} * 64 * 1024;
    o.when_full = when_full::drop_oldest;
    return o;
  }

  // ---- Appends.

  void append_all(std::uint32_t writer) {
    dice d{mixed(life_.seed + writer)};
    while (append_next(d)) {
    }
  }

  bool append_next(dice& d) {
    const std::uint32_t count = d.one_in(12) ? static_cast<std::uint32_t>(d.between(2, 40)) : 1;
    const std::uint64_t id = ledger_.records.fetch_add(count, std::memory_order_relaxed);
    if (id + count > cycle_ledger::records_max) return false;
    std::vector<std::vector<std::byte>> payloads;
    for (std::uint32_t i = 0; i < count; ++i) payloads.push_back(payload_of(author_of(id + i), size_of(id + i)));
    const auto before = static_cast<std::uint32_t>(ledger_.moves_done.load(std::memory_order_acquire));
    for (std::uint32_t i = 0; i < count; ++i) {
      auto& e = ledger_.entries[id + i];
      e.moves_before.store(before, std::memory_order_relaxed);
      e.place_in_batch.store(i, std::memory_order_relaxed);
      e.batch_size.store(count, std::memory_order_relaxed);
      e.state.store(cycle_ledger::append_state::started, std::memory_order_release);
    }
    const auto first = append(payloads, d);
    if (!first) return refuse(id, count, first.error());
    const auto after = static_cast<std::uint32_t>(ledger_.moves_begun.load(std::memory_order_acquire));
    for (std::uint32_t i = 0; i < count; ++i) {
      auto& e = ledger_.entries[id + i];
      e.sequence.store(first->value + i, std::memory_order_relaxed);
      e.moves_after.store(after, std::memory_order_relaxed);
      e.state.store(cycle_ledger::append_state::returned, std::memory_order_release);
      if (is_large(id + i)) ledger_.large.fetch_add(1, std::memory_order_relaxed);
    }
    return true;
  }

  result<sequence> append(const std::vector<std::vector<std::byte>>& payloads, dice& d) {
    append_options o;
    if (d.one_in(300)) o.durability = immediate();
    if (payloads.size() > 1) {
      const std::vector<bytes> all(payloads.begin(), payloads.end());
      const auto range = log_->append_batch(all, o);
      if (!range) return std::unexpected(range.error());
      return range->first;
    }
    if (!d.one_in(6)) return log_->append(payloads.front(), o);
    auto claim = log_->claim(payloads.front().size(), o);
    if (!claim) return std::unexpected(claim.error());
    std::ranges::copy(payloads.front(), claim->bytes().begin());
    return claim->publish();
  }

  /// Nothing was appended. True: it may be tried again.
  bool refuse(std::uint64_t id, std::uint32_t count, const error& e) {
    for (std::uint32_t i = 0; i < count; ++i)
      ledger_.entries[id + i].state.store(cycle_ledger::append_state::refused, std::memory_order_release);
    std::this_thread::sleep_for(std::chrono::microseconds{200});  // until something was archived, and could go
    if (e.code() == errc::no_space) return true;
    if (!may_say(e)) complain("append", e);
    return false;
  }

  // ---- Moves.

  void move_all() {
    dice d{mixed(life_.seed ^ 0x6d6f7665)};
    for (;;) {
      const std::uint64_t first = log_->first_sequence().value, end = log_->published_sequence().value + 1;
      const std::uint64_t length = end > first ? end - first : 0;
      const auto what = d.below(20);
      using enum cycle_ledger::move_kind;
      bool goes_on = true;
      if (what < 6) {
        goes_on = move(trim, end - std::min(length, d.one_in(16) ? 0 : d.below(400)));
      } else if (what < 15) {
        goes_on = move(truncation, end - std::min(length, d.one_in(3) ? d.below(4) : d.below(300)));
      } else if (what == 15) {
        goes_on = move(reset, d.one_in(2) ? end + d.below(100) : 1 + d.below(end));
      } else if (what < 18) {
        const auto done = log_->checkpoint();
        goes_on = done || done.error().code() == errc::cancelled || refused("checkpoint", done.error());
      } else {
        const auto done = log_->retain({.max_segments = 4});
        goes_on = done || done.error().code() == errc::cancelled || refused("retain", done.error());
      }
      if (!goes_on || ledger_.moves_begun.load(std::memory_order_relaxed) == cycle_ledger::moves_max) return;
      std::this_thread::sleep_for(std::chrono::microseconds{d.below(900)});
    }
  }

  bool move(cycle_ledger::move_kind kind, std::uint64_t next) {
    using enum cycle_ledger::move_kind;
    auto& m = ledger_.moves[ledger_.moves_begun.load(std::memory_order_relaxed)];
    m.kind.store(kind, std::memory_order_relaxed);
    m.next.store(next, std::memory_order_relaxed);
    m.state.store(cycle_ledger::move_state::begun, std::memory_order_relaxed);
    ledger_.moves_begun.fetch_add(1, std::memory_order_release);
    const auto done = kind == trim         ? log_->trim_before({next})
                      : kind == truncation ? log_->truncate_after({next - 1})
                                           : log_->reset({next});
    // No segment to go on in: but it is cut. What a trim without room did is any part of it.
    const bool is_cut = kind != trim && !done && done.error().code() == errc::no_space;
    const bool is_late = kind != reset && !done && done.error().code() == errc::trimmed;  // by retention, meanwhile
    const bool goes_on = done || is_cut || is_late || done.error().code() == errc::no_space ||
                         done.error().code() == errc::cancelled || refused("move", done.error());
    if (done || is_cut) {
      m.state.store(cycle_ledger::move_state::done, std::memory_order_release);
    } else if (is_late) {
      m.state.store(cycle_ledger::move_state::refused, std::memory_order_release);
    }
    if (goes_on) ledger_.moves_done.fetch_add(1, std::memory_order_release);
    return goes_on;
  }

  // ---- Hooks.

  bool save(const checkpoint_request& r) {
    for (std::uint64_t next = r.first.value; next <= r.last.value;) {
      const auto record = r.records.next();
      if (!record && record.error().code() == errc::truncated) return false;  // it is asked again
      if (!record && record.error().code() == errc::trimmed) {
        if (const auto moved = r.records.seek({}); moved) next = r.records.position().value;
        continue;
      }
      if (!record) return refused("save", record.error());
      if (!*record) break;  // the rest is abandoned
      std::uint64_t id = 0;
      if (!is_whole((*record)->payload(), id)) return ledger_.complain("%s", "a checkpoint is given other bytes"), false;
      ledger_.is_saved[id].store(1, std::memory_order_relaxed);
      next = (*record)->sequence().value + 1;
    }
    ledger_.checkpoints.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  /// Whatever stands in the file is safe then.
  bool copy(const sealed_segment& s) {
    std::ifstream file{s.path, std::ios::binary};
    std::string copied(s.used_bytes, '\0');
    if (!file.read(copied.data(), static_cast<std::streamsize>(copied.size()))) {
      // A truncation may have removed it meanwhile; then it is not asked for again.
      return false;
    }
    for (std::size_t at = 4096; at + 8 <= copied.size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, copied.data() + at, sizeof word);
      if (is_marked(word) && id_of(word) < cycle_ledger::records_max)
        ledger_.is_archived[id_of(word)].store(1, std::memory_order_relaxed);
    }
    ledger_.copies.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  // ---- Complaints.

  [[nodiscard]] bool may_say(const error& e) const noexcept { return life_.closes && e.code() == errc::closed; }
  bool refused(const char* what, const error& e) {
    if (!may_say(e)) complain(what, e);
    return false;
  }
  void complain(const char* what, const error& e) { ledger_.complain("%s: %s", what, e.message().c_str()); }

  const life& life_;
  cycle_ledger& ledger_;
  log* log_ = nullptr;
};

}  // namespace varve::testing
