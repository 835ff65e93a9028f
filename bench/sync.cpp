// SPDX-License-Identifier: MIT
//
// sync - records of 128 bytes, each durable when its append returns: varve, its floor and the peers.
//
// "quiet": nobody else uses the file system. "busy": another process makes, writes, syncs and unlinks small files beside it,
// so that the file system's journal always has something to write.
#include <fcntl.h>
#include <unistd.h>

#include <string_view>

#include "append_lap.hpp"
#include "child.hpp"
#include "stores/in_place_file_store.hpp"
#include "stores/leveldb_store.hpp"
#include "stores/lmdb_store.hpp"
#include "stores/rocksdb_store.hpp"
#include "stores/sqlite_store.hpp"
#include "stores/varve_store.hpp"

namespace bench {
namespace {

std::uint64_t records_of(int threads, bool busy) {
  const std::uint64_t each = (busy ? 500U : 2000U) / (chosen().quick ? 10U : 1U);
  return threads == 1 ? each : each * 4;  // those of several threads share syncs
}

/// What the child does until it is killed.
int keep_journal_busy(const std::filesystem::path& directory) {
  const std::string bytes(4096, 'j');
  for (std::uint64_t i = 0;; ++i) {
    const auto file = directory / ("busy-" + std::to_string(i));
    const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (opened < 0) return 1;
    const bool written =
        ::write(opened, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && fsync(opened) == 0;
    ::close(opened);
    if (!written || ::unlink(file.c_str()) != 0) return 1;
  }
}

template <appendable S>
void run_busy_lap(benchmark::State& state, const append_lap& lap) {
  const scratch place{"busy"};
  const child other{{"--busy", place.path().string()}};
  if (!other.started()) return fail_lap(state, "no second process can be had");
  run_append_lap<S>(state, lap);
}

template <appendable S>
void declare() {
  for (const int threads : {1, 8}) {
    append_lap lap{.records = records_of(threads, false), .threads = threads, .durable = true};
    declare_lap(lap_name("sync_quiet", S::name, lap), [=](auto& state) { run_append_lap<S>(state, lap); });
    lap.records = records_of(threads, true);
    declare_lap(lap_name("sync_busy", S::name, lap), [=](auto& state) { run_busy_lap<S>(state, lap); });
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view{argv[1]} == "--busy") return bench::keep_journal_busy(argv[2]);
  return bench::run_program(argc, argv, [] {
    bench::declare<bench::varve_store>();
    bench::declare<bench::in_place_file_store>();
    bench::declare<bench::rocksdb_store>();
    bench::declare<bench::leveldb_store>();
    bench::declare<bench::lmdb_store>();
    bench::declare<bench::sqlite_store>();
  });
}
