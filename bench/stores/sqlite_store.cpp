// SPDX-License-Identifier: MIT
#include "stores/sqlite_store.hpp"

namespace bench {

made<sqlite_store> sqlite_store::make(const store_plan& plan) {
  std::unique_ptr<sqlite_store> store{new sqlite_store};
  const auto file = plan.directory / "sqlite";
  constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(file.c_str(), &store->connection_, flags, nullptr) != SQLITE_OK) return std::unexpected(store->why());
  const bool good = store->run("PRAGMA journal_mode = WAL") &&
                    store->run(plan.durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF") &&
                    store->run("PRAGMA cache_size = -1048576") &&  // KiB: all that is read
                    store->run("CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, payload BLOB)") &&
                    sqlite3_prepare_v2(store->connection_, "INSERT INTO records (payload) VALUES (?)", -1, &store->insert_,
                                       nullptr) == SQLITE_OK &&
                    sqlite3_prepare_v2(store->connection_, "SELECT payload FROM records WHERE number = ?", -1,
                                       &store->select_, nullptr) == SQLITE_OK;
  if (!good) return std::unexpected(store->why());
  return store;
}

sqlite_store::~sqlite_store() {
  sqlite3_finalize(insert_);
  sqlite3_finalize(select_);
  sqlite3_close(connection_);
}

bool sqlite_store::insert(std::string_view payload) {
  sqlite3_bind_blob(insert_, 1, payload.data(), static_cast<int>(payload.size()), SQLITE_STATIC);
  const bool done = sqlite3_step(insert_) == SQLITE_DONE;
  return sqlite3_reset(insert_) == SQLITE_OK && done;
}

bool sqlite_store::append(std::string_view payload) {
  const std::lock_guard lock{one_writer_};
  return insert(payload);
}

bool sqlite_store::append_batch(std::span<const std::string_view> batch) {
  const std::lock_guard lock{one_writer_};
  if (!run("BEGIN")) return false;
  for (const auto payload : batch) {
    if (insert(payload)) continue;
    static_cast<void>(run("ROLLBACK"));
    return false;
  }
  return run("COMMIT");
}

}  // namespace bench
