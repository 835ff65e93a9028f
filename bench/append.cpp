// SPDX-License-Identifier: MIT
//
// append - appends into segments that are ready: varve, the floor beside it, and the peers, none of them durable.
#include <rocksdb/version.h>

#include "append_lap.hpp"
#include "floor.hpp"
#include "stores/floor_store.hpp"
#include "stores/leveldb_store.hpp"
#include "stores/lmdb_store.hpp"
#include "stores/rocksdb_store.hpp"
#include "stores/sqlite_store.hpp"
#include "stores/varve_in_place_store.hpp"
#include "stores/varve_store.hpp"

namespace bench {
namespace {

constexpr std::size_t batch_records = 16;

/// How many records a lap has: of a fast store as many as fill a segment, long enough to time; of the others fewer, since
/// each takes microseconds.
std::uint64_t records_of(std::string_view store, std::size_t payload_bytes) {
  const std::uint64_t fast_bytes = std::uint64_t{chosen().quick ? 32U : 192U} << 20;
  const std::uint64_t slow_records = chosen().quick ? 5'000 : 100'000;
  const std::uint64_t fitting = fast_bytes / floor_extent(payload_bytes);
  return is_fast(store) ? fitting : std::min(slow_records, fitting);
}

void name_peers() {
  const auto version = [](auto... parts) {
    std::string text;
    ((text += (text.empty() ? "" : ".") + std::to_string(parts)), ...);
    return text;
  };
  benchmark::AddCustomContext("peers", "RocksDB " + version(ROCKSDB_MAJOR, ROCKSDB_MINOR, ROCKSDB_PATCH) + ", LevelDB " +
                                           version(leveldb::kMajorVersion, leveldb::kMinorVersion) + ", LMDB " +
                                           version(MDB_VERSION_MAJOR, MDB_VERSION_MINOR, MDB_VERSION_PATCH) +
                                           ", SQLite " SQLITE_VERSION);
}

template <appendable S>
void declare() {
  for (const std::size_t bytes : {std::size_t{16}, std::size_t{128}, std::size_t{1024}, std::size_t{4096}}) {
    for (const int threads : {1, 2, 4}) {
      const append_lap single{.payload_bytes = bytes, .records = records_of(S::name, bytes), .threads = threads};
      declare_lap(lap_name("append", S::name, single), [=](auto& state) { run_append_lap<S>(state, single); });
      if constexpr (batch_appendable<S>) {
        auto batches = single;
        batches.batch = batch_records;
        declare_lap(lap_name("append_batch", S::name, batches), [=](auto& state) { run_batch_lap<S>(state, batches); });
      }
    }
  }
}

void declare_times() {
  const append_lap single{.payload_bytes = 128, .records = records_of(varve_store::name, 128)};
  declare_lap(lap_name("append", varve_times_store::name, single),
              [=](auto& state) { run_append_lap<varve_times_store>(state, single); });
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_program(argc, argv, [] {
    bench::name_peers();
    bench::declare<bench::varve_store>();
    bench::declare_times();
    bench::declare<bench::floor_store>();
    bench::declare<bench::varve_in_place_store>();
    bench::declare<bench::rocksdb_store>();
    bench::declare<bench::leveldb_store>();
    bench::declare<bench::lmdb_store>();
    bench::declare<bench::sqlite_store>();
  });
}
