// SPDX-License-Identifier: MIT
#include "stores/lmdb_store.hpp"

namespace bench {
namespace {

constexpr std::size_t map_bytes = std::size_t{4} << 30;  // address space; the file is sparse

std::unexpected<std::string> fail(int code) { return std::unexpected(std::string{mdb_strerror(code)}); }

}  // namespace

made<lmdb_store> lmdb_store::make(const store_plan& plan) {
  std::unique_ptr<lmdb_store> store{new lmdb_store};
  const auto directory = plan.directory / "lmdb";
  std::filesystem::create_directories(directory);
  const unsigned flags = MDB_WRITEMAP | (plan.durable ? 0U : MDB_NOSYNC | MDB_MAPASYNC);
  if (const int code = mdb_env_create(&store->environment_); code != 0) return fail(code);
  if (const int code = mdb_env_set_mapsize(store->environment_, map_bytes); code != 0) return fail(code);
  if (const int code = mdb_env_open(store->environment_, directory.c_str(), flags, 0600); code != 0) return fail(code);

  MDB_txn* transaction = nullptr;
  if (const int code = mdb_txn_begin(store->environment_, nullptr, 0, &transaction); code != 0) return fail(code);
  if (const int code = mdb_dbi_open(transaction, nullptr, 0, &store->table_); code != 0) return fail(code);
  MDB_stat kept{};
  if (const int code = mdb_stat(transaction, store->table_, &kept); code != 0) return fail(code);
  if (const int code = mdb_txn_commit(transaction); code != 0) return fail(code);
  store->next_ = kept.ms_entries + 1;
  return store;
}

lmdb_store::~lmdb_store() {
  if (reading_) mdb_txn_abort(reading_);
  if (environment_) mdb_env_close(environment_);
}

bool lmdb_store::append_batch(std::span<const std::string_view> batch) {
  MDB_txn* transaction = nullptr;
  if (mdb_txn_begin(environment_, nullptr, 0, &transaction) != 0) return false;
  for (const auto payload : batch) {
    const key at{next_++};
    MDB_val where = value(at.text()), stored = value(payload);
    if (mdb_put(transaction, table_, &where, &stored, MDB_APPEND) != 0) {
      mdb_txn_abort(transaction);
      return false;
    }
  }
  return mdb_txn_commit(transaction) == 0;
}

}  // namespace bench
