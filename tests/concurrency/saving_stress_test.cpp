// SPDX-License-Identifier: MIT
//
// Checkpoints and the archive beside writers, trims, rules and a close: each record is saved or trimmed, each segment
// archived before it goes, and nobody waits for ever.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "concurrency/workload.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve::testing;
using varve::errc;
using varve::sequence;

struct figures {
  std::atomic<std::uint64_t> saves = 0, copies = 0, drops = 0, appended = 0, trims = 0, asked = 0;
};

class saving_stress {
 public:
  explicit saving_stress(double seconds) : clock_(seconds) {}

  [[nodiscard]] varve::log_options options() {
    varve::log_options o{.segment_bytes = 64 * 1024,
                         .checkpoint = {.save = [this](const varve::checkpoint_request& r) { return save(r); },
                                        .after_bytes = std::uint64_t{300} << 10},
                         .archive = {.sealed = [this](const varve::sealed_segment& s) { return keep(s); },
                                     .dropping = [this](const varve::sealed_segment& s) { drop(s); }},
                         .spare_segments = 3};
    o.retention = {.max_segments = 6, .keep_records = 50};
    o.max_disk_bytes = std::uint64_t{40} * 64 * 1024;
    o.when_full = varve::when_full::wait;
    return o;
  }

  void run(varve::log& l) {
    log_ = &l;
    std::vector<std::thread> all;
    for (int w = 0; w < 3; ++w) all.emplace_back([this] { append(); });
    all.emplace_back([this] { trim(); });
    all.emplace_back([this] { ask(); });
    all.emplace_back([this] { retain(); });
    while (!clock_.is_over()) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    const auto done = l.close();  // beside all of them
    if (!done) complaints_.add("close: " + done.error().message());
    for (auto& t : all) t.join();
  }
  [[nodiscard]] std::string complaints_text() const { return complaints_.text(); }
  figures seen;

 private:
  void may_be_closed(const char* what, const varve::error& e) {
    if (e.code() != errc::closed) complaints_.add(std::string{what} + ": " + e.message());
  }

  void append() {
    for (dice d{seen.appended + 1};; ++seen.appended) {
      const auto s = mine().append(std::string(d.below(3'000), 'x'));
      if (!s) return may_be_closed("append", s.error());
    }
  }
  void trim() {
    for (dice d{2};; ++seen.trims) {
      const std::uint64_t published = mine().published_sequence().value, window = d.below(300);
      const auto done = mine().trim_before({published + 1 > window ? published + 1 - window : 1});
      // The hook says no at times.
      if (!done && done.error().code() != errc::cancelled) return may_be_closed("trim", done.error());
      std::this_thread::sleep_for(std::chrono::milliseconds{d.below(5)});
    }
  }
  void ask() {
    for (;; ++seen.asked) {
      const std::uint64_t published = mine().published_sequence().value;
      const auto done = mine().checkpoint();
      if (!done && done.error().code() != errc::cancelled) return may_be_closed("checkpoint", done.error());
      if (done && done->value < published) complaints_.add("a checkpoint that covers less than was published");
    }
  }
  void retain() {
    for (;;) {
      const auto done = mine().retain({.max_segments = 4});
      if (!done) return may_be_closed("retain", done.error());
      if (mine().checkpointed_sequence() + 1 < mine().first_sequence()) complaints_.add("first has passed the checkpoint");
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }

  bool save(const varve::checkpoint_request& r) {
    if (r.first > next_to_save_ && mine().first_sequence() < r.first) {
      // Only what was trimmed, or abandoned, may be left out; nothing is abandoned here.
      complaints_.add("a gap before " + std::to_string(r.first.value));
    }
    while (r.records.position() <= r.last) {
      const auto record = r.records.next();
      if (record && *record) continue;
      if (record || record.error().code() != errc::trimmed) return complaints_.add("no record in a checkpoint"), false;
      if (!r.records.seek({})) continue;
    }
    next_to_save_ = r.last + 1;
    if (++seen.saves % 7 == 0) static_cast<void>(mine().trim_before(r.first));
    return true;
  }
  bool keep(const varve::sealed_segment& s) {
    if (s.sequences.first > archived_ + 1) complaints_.add("a segment was left out of the archive");
    if (++seen.copies % 11 == 0) return false;
    archived_ = std::max(archived_.load(), sequence{s.sequences.end.value - 1});
    return true;
  }
  void drop(const varve::sealed_segment& s) {
    ++seen.drops;
    if (s.sequences.end > archived_.load() + 1) complaints_.add("a segment went that was not archived");
  }

  [[nodiscard]] varve::log& mine() const { return *log_; }

  stress_clock clock_;
  complaints complaints_;
  std::atomic<varve::log*> log_ = nullptr;
  sequence next_to_save_{1};  // of the checkpointer's thread
  std::atomic<sequence> archived_ = sequence{};
};

}  // namespace

TEST_CASE("checkpoints and archive beside appends, trims, rules and a close leave nothing out and end",
          "[stress][checkpoint][archive][trim][retention][close]") {
  const temp_dir dir;
  saving_stress everybody{3};
  auto log = varve::log::open(dir.path(), everybody.options());
  REQUIRE(log.has_value());
  everybody.run(*log);
  CHECK(everybody.complaints_text() == "");
  const auto& s = everybody.seen;
  std::printf("saving stress: %llu appended, %llu saves, %llu asked for, %llu copies, %llu drops, %llu trims\n",
              static_cast<unsigned long long>(s.appended), static_cast<unsigned long long>(s.saves),
              static_cast<unsigned long long>(s.asked), static_cast<unsigned long long>(s.copies),
              static_cast<unsigned long long>(s.drops), static_cast<unsigned long long>(s.trims));
  CHECK(s.saves > 10);
  CHECK(s.drops > 10);
  const auto again = varve::log::open(dir.path(), everybody.options());
  REQUIRE(again.has_value());
  CHECK(again->recovery().clean);
}
