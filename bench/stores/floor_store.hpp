// SPDX-License-Identifier: MIT
//
// floor_store.hpp - the floor as a store: one mapped file that holds the whole lap.
#pragma once

#include "floor.hpp"
#include "mapped_file.hpp"
#include "stores/store.hpp"

namespace bench {

class floor_store {
 public:
  static constexpr std::string_view name = "floor";

  static made<floor_store> make(const store_plan& plan) {
    auto file = mapped_file::create(plan.directory / "floor", plan.records * floor_extent(plan.payload_bytes));
    if (!file) return std::unexpected(file.error());
    return std::unique_ptr<floor_store>{new floor_store{std::move(*file)}};
  }

  bool append(std::string_view payload) noexcept {
    const std::uint64_t extent = floor_extent(payload.size());
    const auto at = segment_.take(extent, 1);
    if (!segment_.fits(at, extent)) return false;
    segment_.fill(at, payload);
    segment_.stamp(at);
    return true;
  }

  /// One claim; stamped last to first, so that whoever sees the first sees all.
  bool append_batch(std::span<const std::string_view> batch) noexcept {
    std::uint64_t bytes = 0;
    for (const auto payload : batch) bytes += floor_extent(payload.size());
    const auto first = segment_.take(bytes, batch.size());
    if (!segment_.fits(first, bytes)) return false;
    auto at = first;
    for (const auto payload : batch) {
      segment_.fill(at, payload);
      at = {at.offset + floor_extent(payload.size()), at.sequence + 1};
    }
    for (std::size_t i = batch.size(); i-- > 0;) {
      at = {at.offset - floor_extent(batch[i].size()), at.sequence - 1};
      segment_.stamp(at);
    }
    return true;
  }

  std::string why() const { return "the floor's file is full"; }

  std::string check(std::uint64_t records, const payloads& appended) const {
    for (std::uint64_t i = 0; i < records; ++i)
      if (!segment_.has({i * floor_extent(appended.bytes()), i}, appended.bytes())) return "a frame is not there";
    return {};
  }

 private:
  explicit floor_store(mapped_file file) noexcept : file_{std::move(file)}, segment_{file_.bytes()} {}
  mapped_file file_;
  floor_segment segment_;
};

}  // namespace bench
