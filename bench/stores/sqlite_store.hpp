// SPDX-License-Identifier: MIT
//
// sqlite_store.hpp - SQLite as a store: a table by rowid, its write-ahead log on, prepared statements, one transaction for a
// record or a batch. One connection, behind a mutex. Durable: synchronous = FULL; otherwise OFF.
#pragma once

#include <sqlite3.h>

#include <mutex>

#include "stores/store.hpp"

namespace bench {

class sqlite_store {
 public:
  static constexpr std::string_view name = "sqlite";
  static made<sqlite_store> make(const store_plan& plan);

  ~sqlite_store();
  sqlite_store(const sqlite_store&) = delete;
  sqlite_store& operator=(const sqlite_store&) = delete;

  bool append(std::string_view payload);
  bool append_batch(std::span<const std::string_view> batch);

  template <class See>
  bool read(std::uint64_t number, See&& see) {
    sqlite3_bind_int64(select_, 1, static_cast<sqlite3_int64>(number));
    const bool found = sqlite3_step(select_) == SQLITE_ROW;
    if (found)
      see(std::string_view{static_cast<const char*>(sqlite3_column_blob(select_, 0)),
                           static_cast<std::size_t>(sqlite3_column_bytes(select_, 0))});
    sqlite3_reset(select_);
    return found;
  }

  bool settle() { return run("PRAGMA wal_checkpoint(TRUNCATE)"); }
  std::string why() const { return sqlite3_errmsg(connection_); }
  std::string check(std::uint64_t records, const payloads& appended) { return check_by_number(*this, records, appended); }

 private:
  sqlite_store() = default;
  bool run(const char* statement) { return sqlite3_exec(connection_, statement, nullptr, nullptr, nullptr) == SQLITE_OK; }
  bool insert(std::string_view payload);

  sqlite3* connection_ = nullptr;
  sqlite3_stmt *insert_ = nullptr, *select_ = nullptr;
  std::mutex one_writer_;
};

}  // namespace bench
