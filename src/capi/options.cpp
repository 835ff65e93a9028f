// SPDX-License-Identifier: MIT
#include "capi/options.hpp"

#include <algorithm>
#include <limits>
#include <span>

#include "capi/handles.hpp"
#include "capi/sized.hpp"

namespace varve::capi {
namespace {

/// As much as a duration may hold: what is longer is longer than its owner allows anyhow.
template <class Duration>
Duration as(std::uint64_t count) noexcept {
  return Duration{
      static_cast<typename Duration::rep>(std::min<std::uint64_t>(count, std::numeric_limits<std::int32_t>::max()))};
}

/// Bytes that this library does not know, so that a later one may.
bool is_zero(std::span<const std::uint8_t> reserved) noexcept {
  return std::ranges::all_of(reserved, [](std::uint8_t b) { return b == 0; });
}

std::uint32_t threads_of(std::uint32_t given) noexcept { return given == VARVE_ALL_PROCESSORS ? 0 : given == 0 ? 1 : given; }

/// Outside: understood. Inside: not the default.
std::optional<std::optional<durability>> policy_of(const varve_durability& d) noexcept {
  if (d.reserved != 0) return std::nullopt;
  switch (d.kind) {
    case VARVE_DURABILITY_DEFAULT: return std::optional<durability>{};
    case VARVE_NOT_SYNCED: return none();
    case VARVE_IMMEDIATE: return immediate();
    case VARVE_GROUPED: return grouped(as<std::chrono::microseconds>(d.window_us));
    case VARVE_PERIODIC: return periodic(as<std::chrono::milliseconds>(d.interval_ms), d.after_records, d.after_bytes);
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<log_options> options_of(const varve_log_options* given) {
  const auto known = load_sized(given);
  if (!known || known->checksum > VARVE_CHECKSUM_NONE || known->when_full > VARVE_WAIT ||
      known->record_times > VARVE_WITHOUT_TIMES || !is_zero(known->reserved) || known->reserved_too != 0)
    return std::nullopt;
  const auto policy = policy_of(known->durability);
  if (!policy) return std::nullopt;
  log_options o;
  o.segment_bytes = known->segment_bytes;
  if (known->checksum != VARVE_CHECKSUM_DEFAULT) o.checksum = static_cast<checksum>(known->checksum);
  o.index_stride_bytes = known->index_stride_bytes;
  if (known->record_times != VARVE_TIMES_DEFAULT) o.record_times = known->record_times == VARVE_WITH_TIMES;
  o.durability = policy->value_or(none());
  if (known->version_info != nullptr) o.version_info = {known->version_info, known->version_info_bytes};
  if (known->prepared_segments != 0) o.prepared_segments = known->prepared_segments;
  if (known->spare_segments != 0) o.spare_segments = known->spare_segments == VARVE_NO_SPARES ? 0 : known->spare_segments;
  if (known->file_mode != 0) o.file_mode = known->file_mode;
  o.warm_bytes = known->warm_bytes;
  if (known->mark_interval_ms != 0)
    o.mark_interval = known->mark_interval_ms == VARVE_NEVER ? std::chrono::milliseconds{0}
                                                             : as<std::chrono::milliseconds>(known->mark_interval_ms);
  const auto retention = options_of(known->retention);
  if (!retention) return std::nullopt;
  o.retention = *retention;
  o.max_disk_bytes = known->max_disk_bytes;
  o.when_full = static_cast<when_full>(known->when_full);
  o.recovery = known->accept_loss != 0       ? recovery_mode::accept_loss
               : known->strict_recovery != 0 ? recovery_mode::strict
                                             : recovery_mode::prefix;
  o.create = known->must_exist == 0;
  o.allow_any_file_system = known->allow_any_file_system != 0;
  o.verify_on_read = known->unverified_reads == 0;
  o.verify_at_open = known->verify_at_open != 0;
  o.recovery_threads = threads_of(known->recovery_threads);
  if (known->on_progress != nullptr)
    o.on_progress = [call = known->on_progress, user = known->user](const recovery_progress& p) {
      call(user, p.bytes_done, p.bytes_total);
    };
  set_functions(*known, o);
  return o;
}

std::optional<retention_rules> options_of(const varve_retention_rules* given) noexcept {
  const auto known = load_sized(given);
  if (!known || !is_zero(known->reserved)) return std::nullopt;
  return retention_rules{.max_bytes = known->max_bytes,
                         .max_segments = known->max_segments,
                         .max_age = as<std::chrono::seconds>(known->max_age_seconds),
                         .keep_records = known->keep_records,
                         .keep_for_readers = known->keep_for_readers != 0,
                         .readers_max_bytes = known->readers_max_bytes,
                         .readers_max_age = as<std::chrono::seconds>(known->readers_max_age_seconds)};
}

std::optional<append_options> options_of(const varve_append_options* given) noexcept {
  if (given == nullptr) return append_options{};
  const auto known = load_sized(given);
  if (!known || !is_zero(known->reserved)) return std::nullopt;
  const auto policy = policy_of(known->durability);
  if (!policy) return std::nullopt;
  return append_options{.type = known->type, .durability = *policy, .time = time_of(known->time_ns)};
}

std::optional<verify_options> options_of(const varve_verify_options* given, void* user) {
  const auto known = load_sized(given);
  if (!known || !is_zero(known->reserved)) return std::nullopt;
  verify_options o{.threads = threads_of(known->threads)};
  if (known->accept_loss != 0) o.recovery = recovery_mode::accept_loss;
  if (known->on_progress != nullptr)
    o.on_progress = [call = known->on_progress, user](const recovery_progress& p) {
      call(user, p.bytes_done, p.bytes_total);
    };
  return o;
}

std::optional<view_options> options_of(const varve_view_options* given) noexcept {
  const auto known = load_sized(given);
  if (!known || !is_zero(known->reserved)) return std::nullopt;
  return view_options{.verify_on_read = known->unverified_reads == 0};
}

}  // namespace varve::capi
