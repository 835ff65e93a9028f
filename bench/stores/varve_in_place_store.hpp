// SPDX-License-Identifier: MIT
//
// varve_in_place_store.hpp - varve as a store whose records are written where they will lie: claim, fill, publish.
#pragma once

#include <cstring>

#include "stores/varve_store.hpp"

namespace bench {

class varve_in_place_store {
 public:
  static constexpr std::string_view name = "varve_in_place";

  static made<varve_in_place_store> make(const store_plan& plan) {
    auto store = varve_store::make(plan);
    if (!store) return std::unexpected(store.error());
    return std::unique_ptr<varve_in_place_store>{new varve_in_place_store{std::move(*store)}};
  }

  bool append(std::string_view payload) noexcept {
    auto claim = store_->log().claim(payload.size());
    if (!claim) return false;
    std::memcpy(claim->bytes().data(), payload.data(), payload.size());
    return claim->publish().has_value();
  }
  std::string why() { return store_->why(); }
  std::string check(std::uint64_t records, const payloads& appended) const { return store_->check(records, appended); }

 private:
  explicit varve_in_place_store(std::unique_ptr<varve_store> store) noexcept : store_{std::move(store)} {}
  std::unique_ptr<varve_store> store_;
};

}  // namespace bench
