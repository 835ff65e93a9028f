// SPDX-License-Identifier: MIT
//
// varve_store.hpp - varve as a store: one segment that takes the whole lap, and a spare one. With times, or without.
#pragma once

#include <varve/varve.hpp>

#include "stores/ready_log.hpp"
#include "stores/store.hpp"

namespace bench {

template <bool with_times>
class basic_varve_store {
 public:
  static constexpr std::string_view name = with_times ? "varve_times" : "varve";

  static made<basic_varve_store> make(const store_plan& plan) {
    const std::uint64_t time_bytes = with_times ? 8 : 0;
    const varve::log_options options{.segment_bytes = segment_bytes_for(plan.records, plan.payload_bytes + time_bytes),
                                     .record_times = with_times,
                                     .durability = plan.durable ? varve::immediate() : varve::none(),
                                     .prepared_segments = 1};
    auto log = open_ready(plan.directory / "log", options);
    if (!log) return std::unexpected(log.error());
    return std::unique_ptr<basic_varve_store>{new basic_varve_store{plan.directory / "log", std::move(*log)}};
  }

  ~basic_varve_store() { discard_records(directory_); }
  basic_varve_store(const basic_varve_store&) = delete;
  basic_varve_store& operator=(const basic_varve_store&) = delete;

  bool append(std::string_view payload) noexcept { return log_.append(payload).has_value(); }
  bool append_batch(std::span<const std::string_view> batch) noexcept { return log_.append_batch(batch).has_value(); }
  std::string why() {
    const auto again = log_.append(std::string_view{});
    return again ? "an append failed, and the next one did not" : again.error().message();
  }

  std::string check(std::uint64_t records, const payloads& appended) const {
    if (log_.stats().rolls != 0) return "a roll fell into the lap";
    std::uint64_t seen = 0;
    for (const auto& record : log_.records()) {
      if (!record) return record.error().message();
      if (record->sequence().value != ++seen) return "a sequence is missing";
      if (!appended.has(record->text())) return "a record has other bytes";
    }
    return seen == records ? std::string{} : "records are missing at the end";
  }

  [[nodiscard]] varve::log& log() noexcept { return log_; }

 private:
  basic_varve_store(std::filesystem::path directory, varve::log log) noexcept
      : directory_{std::move(directory)}, log_{std::move(log)} {}
  std::filesystem::path directory_;
  varve::log log_;
};

using varve_store = basic_varve_store<false>;
using varve_times_store = basic_varve_store<true>;

}  // namespace bench
