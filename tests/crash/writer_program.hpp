// SPDX-License-Identifier: MIT
//
// writer_program.hpp - what the child does: open the log, append from several threads, tell the oracle, and go on until it
// is killed.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <latch>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "base/checksum.hpp"
#include "crash/deadly_point.hpp"
#include "crash/life.hpp"
#include "crash/oracle.hpp"
#include "crash/script.hpp"

namespace varve::testing {

[[nodiscard]] constexpr std::uint64_t segment_bytes_of(build b) noexcept {
  return b == build::tiny ? std::uint64_t{64} << 10 : std::uint64_t{64} << 20;
}

/// Files stay small, and checking quick: a life appends no more than this, and then waits for its death.
[[nodiscard]] constexpr std::uint64_t bytes_of_life_max(build b) noexcept {
  return b == build::bulky ? std::uint64_t{140} << 20 : std::uint64_t{12} << 20;
}

class writer_program {
 public:
  /// Makes all steps, payloads and hashes, so that a writer is nearly always inside of append when it is killed.
  writer_program(const life& l, oracle& o, std::uint32_t number)
      : life_(l), oracle_(o), notes_(o.writers[number]), number_(number) {
    script script{l.seed, number, l.build, l.waits_for_disk};
    for (std::uint64_t left = bytes_of_life_max(l.build) / l.writers; left > 0;) {
      step s = script.next();
      if (s.first + s.sizes.size() > oracle::records_max) return;
      for (std::size_t i = 0; i < s.sizes.size(); ++i) {
        left -= std::min<std::uint64_t>(left, s.sizes[i] + 64U);
        write_record(s.first + i, s.sizes[i]);
      }
      steps_.push_back(std::move(s));
    }
  }

  /// Until there is no more to do, or the log is closed.
  void run(log& into) {
    log_ = &into;
    for (const auto& s : steps_)
      if (!perform(s)) return;
  }

 private:
  using bytes = std::span<const std::byte>;

  void write_record(std::uint64_t counter, std::uint32_t size) {
    const std::size_t at = buffer_.size();
    buffer_.resize(at + size);
    const auto payload = std::span{buffer_}.subspan(at);
    write_payload({.life = life_.number, .writer = number_, .counter = counter}, payload);
    notes_.notes[counter].hash.store(core::sum_of_structure(payload), std::memory_order_relaxed);
  }

  bool perform(const step& s) {
    if (s.what == step::kind::sync) return perform_sync();
    payloads_.clear();
    for (const auto size : s.sizes) {
      payloads_.push_back(bytes{buffer_}.subspan(offset_, size));
      offset_ += size;
    }
    const std::uint64_t count = s.sizes.size();
    append_options options;
    if (s.immediate) options.durability = immediate();
    notes_.started.store(s.first + count, std::memory_order_release);
    const auto first = append(s, options);
    if (!first) return complain(first.error());
    for (std::uint64_t i = 0; i < count; ++i)
      notes_.notes[s.first + i].sequence.store(first->value + i, std::memory_order_relaxed);
    notes_.returned.store(s.first + count, std::memory_order_release);
    if (s.immediate) oracle_.raise_synced(first->value + count - 1);
    if (life_.killer == number_ && s.first + count >= life_.kill_at) die_here();
    return true;
  }

  result<sequence> append(const step& s, append_options& options) {
    options.type = tag_of({.life = life_.number, .writer = number_, .counter = s.first});
    if (s.what == step::kind::append) return log_->append(payloads_.front(), options);
    if (s.what == step::kind::append_pieces) {
      const bytes all = payloads_.front();
      const bytes pieces[] = {all.first(all.size() / 3), {}, all.subspan(all.size() / 3)};
      return log_->append_pieces(pieces, options);
    }
    if (s.what == step::kind::in_place) return write_in_place(payloads_.front(), options);
    const auto range = s.first % 2 == 0 ? append_entry(options) : log_->append_batch(payloads_, options);
    if (!range) return std::unexpected(range.error());
    if (range->size() != payloads_.size())
      oracle_.complain("a batch of %zu got %zu sequences", payloads_.size(), range->size());
    return range->first;
  }

  /// The same as a batch, piece by piece.
  result<sequence_range> append_entry(const append_options& options) {
    auto begun = log_->begin_entry(options);
    if (!begun) return std::unexpected(begun.error());
    for (const auto chunk : payloads_)
      if (auto done = begun->write_chunk(chunk); !done) return std::unexpected(done.error());
    return begun->publish();
  }

  /// In a claim of just that size, or of more.
  result<sequence> write_in_place(bytes payload, const append_options& options) {
    const std::size_t more = payload.size() < 10'000 ? payload.size() % 40 : 0;
    auto c = log_->claim(payload.size() + more, options);
    if (!c) return std::unexpected(c.error());
    std::ranges::fill(c->bytes(), std::byte{0xff});
    std::ranges::copy(payload, c->bytes().begin());
    return more == 0 ? c->publish() : c->publish(payload.size());
  }

  bool perform_sync() {
    const auto done = log_->sync();
    if (!done) return complain(done.error());
    oracle_.raise_synced(done->value);
    return true;
  }

  /// Always false. A log that is being closed may say so.
  bool complain(const error& e) {
    if (!life_.closes || e.code() != errc::closed) oracle_.complain("writer %u: %s", number_, e.message().c_str());
    return false;
  }

  const life& life_;
  log* log_ = nullptr;
  oracle& oracle_;
  oracle::writer& notes_;
  std::uint32_t number_;
  std::vector<step> steps_;
  std::vector<std::byte> buffer_;  // all payloads
  std::size_t offset_ = 0;         // of the next one
  std::vector<bytes> payloads_;    // of this one
};

/// Until something fails. Leaves some records, so that there is something to compare.
inline void trim(log& l, const life& of, oracle& o) {
  dice d{mixed(of.seed ^ 0x7472696d)};
  for (;;) {
    const std::uint64_t end = l.published_sequence().value + 1, keep = d.one_in(16) ? 0 : d.below(400);
    if (const std::uint64_t target = end > keep ? end - keep : 1; target > l.first_sequence().value) {
      o.trim_target.store(target, std::memory_order_release);
      if (const auto done = l.trim_before({target}); !done) {
        if (!of.closes || done.error().code() != errc::closed) o.complain("trim: %s", done.error().message().c_str());
        return;
      }
      o.trimmed.store(target, std::memory_order_release);
      if (l.first_sequence().value != target) o.complain("%s", "trimmed to elsewhere");
    }
    std::this_thread::sleep_for(std::chrono::microseconds{d.below(600)});
  }
}

/// The child. Ends only by being killed, unless something goes wrong.
inline int live(const life& l, const std::filesystem::path& directory, oracle& o) {
  static_cast<void>(::nice(5));  // behind its killer, who comes too late otherwise
  std::deque<writer_program> programs;
  for (std::uint32_t w = 0; w < l.writers; ++w) programs.emplace_back(l, o, w);
  std::latch begin{1};
  std::optional<log> log;
  std::vector<std::thread> threads;
  for (auto& program : programs)
    threads.emplace_back([&] {
      begin.wait();
      program.run(*log);
    });
  deadly_point::install(l, o);
  if (l.trims)
    threads.emplace_back([&] {
      begin.wait();
      trim(*log, l, o);
    });
  o.is_opening.store(1, std::memory_order_release);
  auto opened = log::open(directory, {.segment_bytes = segment_bytes_of(l.build), .prepared_segments = l.prepared_segments});
  if (!opened) {
    o.complain("open: %s", opened.error().message().c_str());
    ::_exit(1);
  }
  log.emplace(std::move(*opened));
  o.recovered_stepped_over.store(log->recovery().stepped_over, std::memory_order_relaxed);
  // With many segments at hand, rolls follow each other closely.
  while (l.prepared_segments > 2 && log->stats().prepared < l.prepared_segments) std::this_thread::yield();
  if (!l.armed_from_the_start) deadly_point::arm();
  o.is_open.store(1, std::memory_order_release);
  begin.count_down();
  if (l.closes) {
    while (o.returned_in_all() < 200) std::this_thread::yield();
    if (const auto done = log->close(); !done) o.complain("close: %s", done.error().message().c_str());
    o.is_closed.store(1, std::memory_order_release);
    die_here();
  }
  for (;;) ::pause();
}

}  // namespace varve::testing
