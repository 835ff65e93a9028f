// SPDX-License-Identifier: MIT
//
// A writer that has its records checkpointed and its segments archived is killed again and again: afterwards nothing that it
// saved is missing elsewhere, and nothing has gone that was not.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/dice.hpp"
#include "support/shared_memory.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t records_max = 1 << 20;

/// What outlives the writer, besides the log and the archive's directory.
struct kept_elsewhere {
  std::atomic<std::uint64_t> returned;  // the highest sequence that an append returned
  std::atomic<std::uint64_t> saved;     // by checkpoints
  std::atomic<std::uint64_t> lives, saves, complaints;
  std::atomic<std::uint8_t> is_saved[records_max];
};

std::string text_of(std::uint64_t s) { return std::to_string(s) + std::string(s * 7919 % 9'000, '.'); }

void must_hold(kept_elsewhere& k, bool held) noexcept {
  if (!held) ++k.complaints;
}

bool save(kept_elsewhere& k, const checkpoint_request& r) {
  for (std::uint64_t s = r.first.value; s <= r.last.value;) {
    const auto record = r.records.next();
    if (!record && record.error().code() == errc::trimmed) {  // by this program's own thread, meanwhile
      if (!r.records.seek({})) continue;
      s = r.records.position().value;
      continue;
    }
    if (!record || !*record) return must_hold(k, false), false;
    s = (*record)->sequence().value + 1;
    must_hold(k, (*record)->text() == text_of(s - 1));
    k.is_saved[s - 1].store(1);
  }
  k.saved.store(r.last.value);
  ++k.saves;
  return true;
}

/// Under its first and last sequence; whole before it has that name.
bool copy(const fs::path& archive, const sealed_segment& s) {
  const auto name = std::to_string(s.sequences.first.value) + '-' + std::to_string(s.sequences.end.value);
  std::error_code failed;
  fs::copy_file(s.path, archive / "part", fs::copy_options::overwrite_existing, failed);
  if (!failed) fs::rename(archive / "part", archive / name, failed);
  return !failed;
}

log_options options_of(kept_elsewhere& k, const fs::path& archive) {
  log_options o{.segment_bytes = 64 * 1024,
                .checkpoint = {.save = [&k](const checkpoint_request& r) { return save(k, r); },
                               .after_bytes = std::uint64_t{80} << 10},
                .archive = {.sealed = [archive](const sealed_segment& s) { return copy(archive, s); },
                            .dropping =
                                [&k, archive](const sealed_segment& s) {
                                  must_hold(k, fs::exists(s.path));
                                  must_hold(k, fs::exists(archive / (std::to_string(s.sequences.first.value) + '-' +
                                                                     std::to_string(s.sequences.end.value))));
                                }}};
  o.retention.keep_records = 20;
  return o;
}

/// Appends until it is killed.
int live(kept_elsewhere& k, const fs::path& dir, const fs::path& archive, std::uint64_t seed) {
  auto l = log::open(dir, options_of(k, archive));
  if (!l) return ++k.complaints, 1;
  ++k.lives;
  dice d{seed};
  for (std::uint64_t s = l->published_sequence().value + 1; s < records_max; ++s) {
    const auto done = l->append(text_of(s));
    if (!done || done->value != s) return ++k.complaints, 1;
    k.returned.store(s);
    if (d.one_in(300)) must_hold(k, l->checkpoint().has_value());
    if (d.one_in(300) && s > 50) must_hold(k, l->trim_before({s - d.below(50)}).has_value());
  }
  return 0;
}

/// The sequence behind the last of those that the archive has without a gap.
std::uint64_t archive_end(const fs::path& archive) {
  std::uint64_t end = 1;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> parts;
  for (const auto& entry : fs::directory_iterator{archive}) {
    const auto name = entry.path().filename().string();
    const auto dash = name.find('-');
    if (dash != std::string::npos) parts.emplace_back(std::stoull(name), std::stoull(name.substr(dash + 1)));
  }
  std::sort(parts.begin(), parts.end());
  for (const auto& [first, behind] : parts) {
    if (first > end) return end;
    end = std::max(end, behind);
  }
  return end;
}

}  // namespace

TEST_CASE("whenever a writer is killed, what it dropped was archived, and what it need not replay was saved",
          "[crash][checkpoint][archive][G1][slow]") {
  const temp_dir place;
  const auto dir = place.path() / "log", archive = place.path() / "archive";
  fs::create_directory(archive);
  const shared_memory<kept_elsewhere> k;
  dice d{4711};
  std::uint64_t trimmed = 0;
  for (int kill = 0; kill < 60; ++kill) {
    INFO("kill " << kill);
    {
      child_process writer{[&] { return live(*k, dir, archive, static_cast<std::uint64_t>(kill)); }};
      REQUIRE_FALSE(writer.wait_for(std::chrono::microseconds{5'000 + d.below(60'000)}));
      writer.end();
    }
    REQUIRE(k->complaints == 0);
    if (!fs::exists(dir / "varve.meta")) continue;
    std::uint64_t replayed_from = 0, last = 0;
    log_options plain;
    plain.on_recovery.record = [&](const record& r) {
      if (replayed_from == 0) replayed_from = r.sequence().value;
      last = r.sequence().value;
      return true;
    };
    const auto l = log::open(dir, plain);
    INFO((l ? std::string{} : l.error().message()));
    REQUIRE(l.has_value());
    const std::uint64_t first = l->first_sequence().value, published = l->published_sequence().value;
    INFO("first " << first << ", published " << published << ", checkpointed " << l->checkpointed_sequence().value
                  << ", archived " << l->archived_sequence().value);
    REQUIRE(published >= k->returned);
    // Segments go whole: the oldest that is there goes on where the archive ends, or before.
    const auto view = log_view::open(dir);
    REQUIRE(view.has_value());
    REQUIRE(view->segments()->front().sequences.first.value <= archive_end(archive));
    for (std::uint64_t s = 1; s <= std::min(l->checkpointed_sequence().value, published); ++s)
      if (k->is_saved[s].load() == 0) REQUIRE(s < first);  // only a trim makes that so
    if (replayed_from != 0) {
      REQUIRE(replayed_from == l->checkpointed_sequence().value + 1);
      REQUIRE(last == published);
    }
    trimmed = first - 1;
  }
  INFO(k->lives << " lives, " << k->saves << " saves, " << k->returned << " records, " << trimmed << " gone");
  CHECK(k->saves > 20);
  CHECK(trimmed > 100);
}

}  // namespace varve::testing
