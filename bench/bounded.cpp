// SPDX-License-Identifier: MIT
//
// bounded - four threads append much more than the log may hold, while a reader follows that must not miss a record.
//
// "held": the log is kept under a cap, by retention that spares the follower and by appends that wait for him; its
// last 128 MiB must be readable at any moment. "free": the same run, nothing ever goes. A watch looks at both all the time,
// and a lap fails if the cap is passed, if less is readable than that, or if the follower misses a record.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "floor.hpp"
#include "payload.hpp"
#include "program.hpp"
#include "team.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t payload_bytes = 128;
constexpr int appenders = 4;
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t disk_most = 256 * mebibyte;       // of everything in the log's directory
constexpr std::uint64_t readable_least = 128 * mebibyte;  // of frames

std::uint64_t record_count() { return chosen().bounded_bytes / floor_extent(payload_bytes); }

varve::log_options options_of(bool held) {
  varve::log_options options;
  options.segment_bytes = 8 * mebibyte;
  if (!held) return options;
  options.retention = {.max_bytes = readable_least + 24 * mebibyte, .keep_for_readers = true};
  options.max_disk_bytes = disk_most - 2 * mebibyte;  // indexes and the small files are not in it
  options.when_full = varve::when_full::wait;
  options.spare_segments = 8;
  return options;
}

std::uint64_t disk_bytes(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  std::error_code gone;  // files come and go
  for (const auto& file : std::filesystem::directory_iterator{directory, gone}) {
    const auto size = std::filesystem::file_size(file.path(), gone);
    if (!gone) bytes += size;  // varve allocates the whole size of each of its files
  }
  return bytes;
}

/// What the others have to say when all is over.
class verdict {
 public:
  void fail(const std::string& why) {
    const std::scoped_lock lock{guard_};
    if (why_.empty()) why_ = why;
  }
  [[nodiscard]] std::string why() {
    const std::scoped_lock lock{guard_};
    return why_;
  }

 private:
  std::mutex guard_;
  std::string why_;
};

/// Reads every record as soon as it is published.
void follow(const varve::log& log, const payloads& source, verdict& said) {
  auto reader = log.reader();
  if (!reader) return said.fail(reader.error().message());
  for (std::uint64_t next = 1; next <= record_count(); ++next) {
    auto record = reader->next();
    while (record && !*record) {
      if (const auto waited = reader->wait(clock::now() + 1s); !waited) return said.fail(waited.error().message());
      record = reader->next();
    }
    if (!record) return said.fail("the follower: " + record.error().message());
    if ((*record)->sequence().value != next) return said.fail("the follower missed a record");
    if (!source.has((*record)->text())) return said.fail("the follower read another payload");
  }
}

/// Disk use and what is readable, over time.
class watch {
 public:
  watch(const varve::log& log, const std::filesystem::path& directory, bool held)
      : log_{&log}, directory_{directory}, held_{held} {}

  void run(const std::atomic<bool>& over, verdict& said) {
    while (!over.load(std::memory_order_acquire)) {
      look(said);
      std::this_thread::sleep_for(10ms);
    }
  }

  void report(benchmark::State& state) const {
    if (disk_.empty()) return;
    // The log fills up first; from then on use must be flat.
    for (unsigned tenth = 1; tenth <= 10; ++tenth)
      state.counters["disk_at_" + std::to_string(tenth * 10)] = static_cast<double>(disk_[(disk_.size() - 1) * tenth / 10]);
    state.counters["disk_max"] = static_cast<double>(*std::ranges::max_element(disk_));
    state.counters["readable_min"] = static_cast<double>(readable_min_);
    state.counters["looks"] = static_cast<double>(disk_.size());
  }

 private:
  void look(verdict& said) {
    disk_.push_back(disk_bytes(directory_));
    if (held_ && disk_.back() > disk_most) said.fail("the log takes more disk than it may: " + std::to_string(disk_.back()));
    const auto before = clock::now();
    const std::uint64_t published = log_->published_sequence().value;
    const std::uint64_t first = log_->first_sequence().value;
    if (clock::now() - before > 1ms) return;  // the two are not of one moment
    const std::uint64_t extent = floor_extent(payload_bytes);
    if (published * extent < readable_least) return;  // it never held so much
    const std::uint64_t readable = (published + 1 - first) * extent;
    readable_min_ = std::min(readable_min_, readable);
    if (readable < readable_least) said.fail("less is readable than promised: " + std::to_string(readable));
    read_back(published + 1 - readable_least / extent, published, said);
  }

  /// The oldest record that must be there; unless more was appended meanwhile than the log keeps beyond it.
  void read_back(std::uint64_t oldest, std::uint64_t published, verdict& said) {
    if (const auto record = log_->read({oldest}); record || log_->published_sequence().value - published > 10'000) return;
    said.fail("a record that must be readable is not");
  }

  const varve::log* log_;
  std::filesystem::path directory_;
  bool held_;
  std::vector<std::uint64_t> disk_;
  std::uint64_t readable_min_ = UINT64_MAX;
};

void bounded_lap(benchmark::State& state, bool held) {
  const scratch place{"bounded"};
  const auto directory = place.path() / "log";
  auto log = varve::log::open(directory, options_of(held));
  if (!log) return fail_lap(state, log.error().message());
  const payloads source{payload_bytes};
  const std::uint64_t records = record_count();
  verdict said;
  std::atomic<bool> over{false};
  watch disk{*log, directory, held};
  std::jthread follower{[&] { follow(*log, source, said); }};
  std::jthread watcher{[&] { disk.run(over, said); }};
  std::atomic<std::uint64_t> next{0};
  constexpr std::uint64_t share = 1000;  // taken at once, so that the counter is not what is measured
  const double seconds = time_team(appenders, [&](int) {
    for (std::uint64_t at = next.fetch_add(share); at < records; at = next.fetch_add(share))
      for (std::uint64_t i = at; i < std::min(at + share, records); ++i)
        if (const auto done = log->append(source[i]); !done) return said.fail(done.error().message());
  });
  follower.join();
  over.store(true, std::memory_order_release);
  watcher.join();
  if (const auto why = said.why(); !why.empty()) return fail_lap(state, why);
  if (log->published_sequence().value != records) return fail_lap(state, "records are missing");
  report_lap(state, records, seconds);
  disk.report(state);
  const auto stats = log->stats();
  state.counters["bytes"] = static_cast<double>(records * floor_extent(payload_bytes));
  state.counters["rolls"] = static_cast<double>(stats.rolls);
  state.counters["recycled_share"] = static_cast<double>(stats.recycled) / static_cast<double>(stats.rolls);
  state.counters["waits"] = static_cast<double>(stats.waits);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_program(argc, argv, [] {
    bench::declare_lap("bounded/held", [](auto& state) { bench::bounded_lap(state, true); });
    bench::declare_lap("bounded/free", [](auto& state) { bench::bounded_lap(state, false); });
  });
}
