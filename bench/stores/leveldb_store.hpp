// SPDX-License-Identifier: MIT
//
// leveldb_store.hpp - LevelDB as a store: uncompressed, with a cache that holds what is read; otherwise its
// options as they come.
#pragma once

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/write_batch.h>

#include <atomic>

#include "stores/key.hpp"
#include "stores/store.hpp"

namespace bench {

class leveldb_store {
 public:
  static constexpr std::string_view name = "leveldb";

  static made<leveldb_store> make(const store_plan& plan) {
    std::unique_ptr<leveldb::Cache> cache{leveldb::NewLRUCache(std::size_t{1} << 30)};
    leveldb::Options options;
    options.create_if_missing = true;
    options.compression = leveldb::kNoCompression;
    options.block_cache = cache.get();
    leveldb::DB* db = nullptr;
    const auto status = leveldb::DB::Open(options, plan.directory / "leveldb", &db);
    if (!status.ok()) return std::unexpected(status.ToString());
    return std::unique_ptr<leveldb_store>{new leveldb_store{std::move(cache), db, plan.durable}};
  }

  bool append(std::string_view payload) {
    const key at{next_.fetch_add(1, std::memory_order_relaxed)};
    return db_->Put(write_, slice(at.text()), slice(payload)).ok();
  }
  bool append_batch(std::span<const std::string_view> batch) {
    std::uint64_t number = next_.fetch_add(batch.size(), std::memory_order_relaxed);
    leveldb::WriteBatch writes;
    for (const auto payload : batch) writes.Put(slice(key{number++}.text()), slice(payload));
    return db_->Write(write_, &writes).ok();
  }

  template <class See>
  bool read(std::uint64_t number, See&& see) {
    const key at{number};
    if (!db_->Get(leveldb::ReadOptions{}, slice(at.text()), &value_).ok()) return false;
    see(std::string_view{value_});
    return true;
  }

  /// Moves everything out of the log into tables, as it is once it has been there for a while.
  bool settle() {
    db_->CompactRange(nullptr, nullptr);
    return true;
  }

  std::string why() const { return "leveldb failed"; }
  std::string check(std::uint64_t records, const payloads& appended) { return check_by_number(*this, records, appended); }

 private:
  leveldb_store(std::unique_ptr<leveldb::Cache> cache, leveldb::DB* db, bool durable) : cache_{std::move(cache)}, db_{db} {
    write_.sync = durable;
  }
  static leveldb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

  std::unique_ptr<leveldb::Cache> cache_;  // outlives db_
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteOptions write_;
  std::string value_;
  std::atomic<std::uint64_t> next_{1};
};

}  // namespace bench
