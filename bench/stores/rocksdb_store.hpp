// SPDX-License-Identifier: MIT
//
// rocksdb_store.hpp - RocksDB as a store: its write-ahead log on, uncompressed, with a cache that holds what is read;
// otherwise its options as they come.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <atomic>

#include "stores/key.hpp"
#include "stores/store.hpp"

namespace bench {

class rocksdb_store {
 public:
  static constexpr std::string_view name = "rocksdb";

  static made<rocksdb_store> make(const store_plan& plan) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(std::size_t{1} << 30);
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kNoCompression;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB* db = nullptr;
    const auto status = rocksdb::DB::Open(options, plan.directory / "rocksdb", &db);
    if (!status.ok()) return std::unexpected(status.ToString());
    return std::unique_ptr<rocksdb_store>{new rocksdb_store{db, plan.durable}};
  }

  bool append(std::string_view payload) {
    const key at{next_.fetch_add(1, std::memory_order_relaxed)};
    return db_->Put(write_, slice(at.text()), slice(payload)).ok();
  }
  bool append_batch(std::span<const std::string_view> batch) {
    std::uint64_t number = next_.fetch_add(batch.size(), std::memory_order_relaxed);
    rocksdb::WriteBatch writes;
    for (const auto payload : batch)
      if (!writes.Put(slice(key{number++}.text()), slice(payload)).ok()) return false;
    return db_->Write(write_, &writes).ok();
  }

  template <class See>
  bool read(std::uint64_t number, See&& see) {
    const key at{number};
    value_.Reset();
    if (!db_->Get(rocksdb::ReadOptions{}, db_->DefaultColumnFamily(), slice(at.text()), &value_).ok()) return false;
    see(std::string_view{value_.data(), value_.size()});
    return true;
  }

  /// Moves everything out of the log into tables, as it is once it has been there for a while.
  bool settle() {
    return db_->Flush(rocksdb::FlushOptions{}).ok() &&
           db_->CompactRange(rocksdb::CompactRangeOptions{}, nullptr, nullptr).ok();
  }

  std::string why() const { return "rocksdb failed"; }
  std::string check(std::uint64_t records, const payloads& appended) { return check_by_number(*this, records, appended); }

 private:
  rocksdb_store(rocksdb::DB* db, bool durable) : db_{db} { write_.sync = durable; }
  static rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions write_;
  rocksdb::PinnableSlice value_;
  std::atomic<std::uint64_t> next_{1};
};

}  // namespace bench
