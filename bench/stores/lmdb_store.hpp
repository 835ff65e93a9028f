// SPDX-License-Identifier: MIT
//
// lmdb_store.hpp - LMDB as a store: a writable map, keys appended in order, one transaction for a record or a batch. It has
// one writer at a time, by its own lock. Not durable: no sync at all.
#pragma once

#include <lmdb.h>

#include "stores/key.hpp"
#include "stores/store.hpp"

namespace bench {

class lmdb_store {
 public:
  static constexpr std::string_view name = "lmdb";
  static made<lmdb_store> make(const store_plan& plan);

  ~lmdb_store();
  lmdb_store(const lmdb_store&) = delete;
  lmdb_store& operator=(const lmdb_store&) = delete;

  bool append(std::string_view payload) { return append_batch({&payload, 1}); }
  bool append_batch(std::span<const std::string_view> batch);

  /// All in one reading transaction, begun with the first: what a reader of data at rest does.
  template <class See>
  bool read(std::uint64_t number, See&& see) {
    if (!reading_ && mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reading_) != 0) return false;
    const key at{number};
    MDB_val where = value(at.text()), found{};
    if (mdb_get(reading_, table_, &where, &found) != 0) return false;
    see(std::string_view{static_cast<const char*>(found.mv_data), found.mv_size});
    return true;
  }

  bool settle() { return mdb_env_sync(environment_, 1) == 0; }
  std::string why() const { return "lmdb failed"; }
  std::string check(std::uint64_t records, const payloads& appended) { return check_by_number(*this, records, appended); }

 private:
  lmdb_store() = default;
  static MDB_val value(std::string_view text) noexcept { return {text.size(), const_cast<char*>(text.data())}; }

  MDB_env* environment_ = nullptr;
  MDB_dbi table_ = 0;
  MDB_txn* reading_ = nullptr;
  std::uint64_t next_ = 1;  // touched within a writing transaction only
};

}  // namespace bench
