// SPDX-License-Identifier: MIT
//
// read - records of 128 bytes by their number, in random order: varve with four strides of its index, and the peers.
//
// "hot": everything is in memory, and was read before; there is far more of it than the processor caches. "cached": only
// so many different records that it does. "cold": the store is closed, its files are synced and dropped from the page
// cache with posix_fadvise, and it is opened again, all outside of the time that is taken. What the device and a
// hypervisor keep for themselves stays where it is.
//
// A record is also looked for by its time, in a log that keeps times.
//
// The floor knows where each frame stands, and compares its stamp and its checksum.
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "filled_log.hpp"
#include "floor.hpp"
#include "mapped_file.hpp"
#include "numbered.hpp"
#include "program.hpp"
#include "stores/floor_store.hpp"
#include "stores/leveldb_store.hpp"
#include "stores/lmdb_store.hpp"
#include "stores/rocksdb_store.hpp"
#include "stores/sqlite_store.hpp"
#include "team.hpp"

namespace bench {
namespace {

enum class heat : std::uint8_t { hot, cached, cold };

constexpr std::size_t payload_bytes = 128;
std::uint64_t record_count() { return chosen().quick ? 100'000 : 1'000'000; }
/// How many different records are read: of 128 bytes, 10,000 fit the second cache of most processors.
std::uint64_t records_of(heat h) { return h == heat::cached ? 10'000 : record_count(); }
std::uint64_t reads_of(heat h) {
  return h == heat::cold ? (chosen().quick ? 100 : 1'000) : (chosen().quick ? 50'000 : 500'000);
}

/// A log whose index has a stride of its own, opened anew each time.
template <std::uint32_t stride>
class varve_reads {
 public:
  static constexpr std::string_view name = "varve";

  static std::string fill(const std::filesystem::path& directory) {
    return fill_log(directory / "log", {.index_stride_bytes = stride}, record_count(), payload_bytes);
  }
  static made<varve_reads> make(const store_plan& plan) {
    auto log = varve::log::open(plan.directory / "log", {.create = false});
    if (!log) return std::unexpected(log.error().message());
    return std::unique_ptr<varve_reads>{new varve_reads{std::move(*log)}};
  }
  template <class See>
  bool read(std::uint64_t number, See&& see) {
    const auto record = log_.read({number});
    if (!record || record->sequence().value != number) return false;
    see(record->text());
    return true;
  }

 private:
  explicit varve_reads(varve::log log) noexcept : log_{std::move(log)} {}
  varve::log log_;
};

/// By the time of a record instead of its number; there is one every microsecond.
class varve_finds {
 public:
  static constexpr std::string_view name = "varve";

  static std::string fill(const std::filesystem::path& directory) {
    auto log = varve::log::open(directory / "log", {.record_times = true});
    if (!log) return log.error().message();
    numbered_payload payload{payload_bytes};
    for (std::uint64_t i = 1; i <= record_count(); ++i)
      if (const auto at = log->append(payload(i), {.time = time_of(i)}); !at) return at.error().message();
    const auto closed = log->close();
    return closed ? std::string{} : closed.error().message();
  }
  static made<varve_finds> make(const store_plan& plan) {
    auto log = varve::log::open(plan.directory / "log", {.create = false});
    if (!log) return std::unexpected(log.error().message());
    return std::unique_ptr<varve_finds>{new varve_finds{std::move(*log)}};
  }
  template <class See>
  bool read(std::uint64_t number, See&& see) {
    const auto at = log_.find_time(time_of(number));
    if (!at) return false;
    see(std::string_view{reinterpret_cast<const char*>(&at->value), sizeof at->value});
    return true;
  }

 private:
  explicit varve_finds(varve::log log) noexcept : log_{std::move(log)} {}
  [[nodiscard]] static varve::record_time time_of(std::uint64_t number) noexcept {
    return varve::record_time{std::chrono::microseconds{number}};
  }
  varve::log log_;
};

class floor_reads {
 public:
  static constexpr std::string_view name = "floor";

  static std::string fill(const std::filesystem::path& directory) {
    auto store = floor_store::make({.directory = directory, .payload_bytes = payload_bytes, .records = record_count()});
    if (!store) return store.error();
    numbered_payload payload{payload_bytes};
    for (std::uint64_t i = 1; i <= record_count(); ++i)
      if (!(*store)->append(payload(i))) return (*store)->why();
    return {};
  }
  static made<floor_reads> make(const store_plan& plan) {
    auto file = mapped_file::open(plan.directory / "floor");
    if (!file) return std::unexpected(file.error());
    return std::unique_ptr<floor_reads>{new floor_reads{std::move(*file)}};
  }
  template <class See>
  bool read(std::uint64_t number, See&& see) {
    const floor_segment::claim at{.offset = (number - 1) * floor_extent(payload_bytes), .sequence = number - 1};
    if (!segment_.has(at, payload_bytes)) return false;
    see(std::string_view{file_.bytes().data() + at.offset + sizeof(floor_header), payload_bytes});
    return true;
  }

 private:
  explicit floor_reads(mapped_file file) noexcept : file_{std::move(file)}, segment_{file_.bytes()} {}
  mapped_file file_;
  floor_segment segment_;
};

template <class S>
class peer_reads : public S {
 public:
  static std::string fill(const std::filesystem::path& directory) {
    auto store = S::make({.directory = directory, .payload_bytes = payload_bytes});
    if (!store) return store.error();
    numbered_payload payload{payload_bytes};
    std::vector<std::string> copies(1000);
    for (std::uint64_t i = 1; i <= record_count(); i += copies.size()) {
      std::vector<std::string_view> batch;
      for (std::size_t k = 0; k < copies.size(); ++k) batch.emplace_back(copies[k] = payload(i + k));
      if (!(*store)->append_batch(batch)) return (*store)->why();
    }
    return (*store)->settle() ? std::string{} : (*store)->why();
  }
};

/// A store that is filled when it is first read, and kept open between hot laps.
template <class S, class Filler>
class kept {
 public:
  [[nodiscard]] S* open(std::string& wrong) {
    if (!place_) {
      place_.emplace(std::string{"read-"} + std::string{S::name});
      wrong_ = Filler::fill(place_->path());
    }
    wrong = wrong_;
    if (!wrong.empty()) return nullptr;
    if (!store_) {
      auto store = S::make({.directory = place_->path(), .payload_bytes = payload_bytes});
      if (!store) return wrong = store.error(), nullptr;
      store_ = std::move(*store);
    }
    return store_.get();
  }
  /// Closes the store, and drops its files from the page cache.
  [[nodiscard]] std::string cool() {
    store_.reset();
    return evict(place_->path());
  }

 private:
  std::optional<scratch> place_;
  std::string wrong_;
  std::unique_ptr<S> store_;  // closed before its directory goes
};

/// Reads in an order that depends on `seed` alone; false if a read fails or finds something else.
template <class S>
bool read_randomly(S& store, heat h, std::uint64_t seed) {
  std::uint64_t state = seed;
  const std::uint64_t records = records_of(h);
  for (std::uint64_t i = 0; i < reads_of(h); ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;  // Knuth's generator; its high bits are good
    const std::uint64_t number = 1 + ((state >> 33) * records >> 31);
    std::uint64_t found = 0;
    if (!store.read(number, [&](std::string_view payload) { found = number_in(payload); }) || found != number) return false;
  }
  return true;
}

template <class S, class Filler>
void read_lap(benchmark::State& state, kept<S, Filler>& store, heat h) {
  constexpr std::uint64_t seed = 20, another_seed = 21;
  std::string wrong;
  if (!store.open(wrong)) return fail_lap(state, wrong);
  if (h == heat::cold) {
    if (wrong = store.cool(); !wrong.empty()) return fail_lap(state, wrong);
  }
  S* const opened = store.open(wrong);
  if (!opened) return fail_lap(state, wrong);
  if (h != heat::cold && !read_randomly(*opened, h, another_seed)) return fail_lap(state, "a read failed");
  const auto begin = clock::now();
  const bool good = read_randomly(*opened, h, seed);
  const double seconds = seconds_between(begin, clock::now());
  if (!good) return fail_lap(state, "a read failed, or found another record");
  report_lap(state, reads_of(h), seconds);
}

template <readable S, class Filler = S>
void declare(const std::string& name) {
  const auto store = std::make_shared<kept<S, Filler>>();
  declare_lap("read/hot/" + name, [=](auto& state) { read_lap(state, *store, heat::hot); });
  declare_lap("read/cached/" + name, [=](auto& state) { read_lap(state, *store, heat::cached); });
  declare_lap("read/cold/" + name, [=](auto& state) { read_lap(state, *store, heat::cold); });
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_program(argc, argv, [] {
    bench::declare<bench::varve_reads<512>>("varve/stride_512");
    bench::declare<bench::varve_reads<1024>>("varve/stride_1024");
    bench::declare<bench::varve_reads<2048>>("varve/stride_2048");
    bench::declare<bench::varve_reads<4096>>("varve/stride_4096");
    bench::declare<bench::varve_finds>("varve/find_time");
    bench::declare<bench::floor_reads>("floor");
    bench::declare<bench::rocksdb_store, bench::peer_reads<bench::rocksdb_store>>("rocksdb");
    bench::declare<bench::leveldb_store, bench::peer_reads<bench::leveldb_store>>("leveldb");
    bench::declare<bench::lmdb_store, bench::peer_reads<bench::lmdb_store>>("lmdb");
    bench::declare<bench::sqlite_store, bench::peer_reads<bench::sqlite_store>>("sqlite");
  });
}
