// SPDX-License-Identifier: MIT
#include <varve/backup.hpp>
#include <varve/upgrade.hpp>

#include "capi/error.hpp"
#include "capi/handles.hpp"
#include "capi/sized.hpp"

using namespace varve;

namespace varve::capi {
namespace {

std::optional<backup_options> options_of(const varve_backup_options* given) {
  const auto known = load_sized(given);
  if (!known || known->reflink > 1 || !is_zero(known->reserved, 0, sizeof known->reserved)) return std::nullopt;
  backup_options o{.reflink = known->reflink != 0};
  if (known->file_mode != 0) o.file_mode = known->file_mode;
  if (known->on_progress != nullptr)
    o.on_progress = [call = known->on_progress, user = known->user](const recovery_progress& p) {
      call(user, p.bytes_done, p.bytes_total);
    };
  return o;
}

int give_copied(const backup_report& r, varve_backup_report* to) noexcept {
  return stored(store_sized(varve_backup_report{.size = 0,
                                                .first_sequence = r.sequences.first.value,
                                                .end_sequence = r.sequences.end.value,
                                                .segments = r.segments,
                                                .bytes_copied = r.bytes_copied,
                                                .bytes_shared = r.bytes_shared},
                            to));
}

}  // namespace
}  // namespace varve::capi

int varve_backup(const char* from, const char* to, const varve_backup_options* options, varve_backup_report* report) {
  return capi::guarded([&] {
    const auto known = capi::options_of(options);
    if (!known) return capi::remember(errc::bad_option);
    // Found out now, not when everything is copied.
    if (report != nullptr && report->size < sizeof report->size) return capi::remember(errc::bad_option);
    const auto done = backup(from, to, *known);
    if (!done) return capi::remember(done.error());
    return report == nullptr ? static_cast<int>(VARVE_OK) : capi::give_copied(*done, report);
  });
}

int varve_upgrade(const char* from, const char* to, const varve_backup_options* options, varve_backup_report* report,
                  varve_report* found, varve_on_finding on_finding, void* user) {
  return capi::guarded([&] {
    const auto known = capi::options_of(options);
    if (!known) return capi::remember(errc::bad_option);
    if (report != nullptr && report->size < sizeof report->size) return capi::remember(errc::bad_option);
    if (found != nullptr && found->size < sizeof found->size) return capi::remember(errc::bad_option);
    const auto done = upgrade(from, to, *known);
    if (!done) return capi::remember(done.error());
    if (const int given = capi::give(done->found, found, on_finding, user); given != VARVE_OK) return given;
    const backup_report made{.sequences = done->sequences,
                             .segments = done->segments,
                             .bytes_copied = done->bytes_copied,
                             .bytes_shared = done->bytes_shared};
    return report == nullptr ? static_cast<int>(VARVE_OK) : capi::give_copied(made, report);
  });
}
