// SPDX-License-Identifier: MIT
#include <filesystem>
#include <vector>

#include "capi/error.hpp"
#include "capi/handles.hpp"
#include "capi/options.hpp"
#include "capi/sized.hpp"

using namespace varve;

namespace varve::capi {
namespace {

std::uint64_t count_lost(const recovery_report& r) noexcept {
  std::uint64_t count = 0;
  for (const auto& each : r.lost) count += each.size();
  return count;
}

}  // namespace

int give(const statistics& s, varve_statistics* to) noexcept {
  return stored(store_sized(varve_statistics{.size = 0,
                                             .first = s.at.first.value,
                                             .durable = s.at.durable.value,
                                             .published = s.at.published.value,
                                             .claimed = s.claimed.value,
                                             .oldest_unfinished = s.oldest_unfinished.value,
                                             .segments = s.segments,
                                             .prepared = s.prepared,
                                             .warm_bytes = s.warm_bytes,
                                             .bytes_used = s.bytes_used,
                                             .bytes_allocated = s.bytes_allocated,
                                             .syncs = s.syncs,
                                             .rolls = s.rolls,
                                             .waits = s.waits,
                                             .spare = s.spare,
                                             .recycled = s.recycled,
                                             .mark_syncs = s.mark_syncs},
                            to));
}

varve_finding shown(const recovery_report::finding& f) noexcept {
  const auto cause = f.cause();
  return {.size = sizeof(varve_finding),
          .kind = static_cast<std::uint32_t>(f.kind()),
          .row = f.row,
          .reserved = {},
          .segment = f.segment,
          .offset = f.offset,
          .first_sequence = f.sequences.first.value,
          .end_sequence = f.sequences.end.value,
          .cause = cause.data(),
          .cause_bytes = cause.size()};
}

int give(const recovery_report& r, varve_report* report, varve_on_finding on_finding, void* user) noexcept {
  if (report != nullptr) {
    const bool has_a_size = store_sized(varve_report{.size = 0,
                                                     .kept = r.kept,
                                                     .cut_bytes = r.cut_bytes,
                                                     .cut_records = r.cut_records,
                                                     .stepped_over = r.stepped_over,
                                                     .indexes_rebuilt = r.indexes_rebuilt,
                                                     .findings = r.findings.size(),
                                                     .clean = r.clean,
                                                     .reserved = {},
                                                     .given_up = r.given_up,
                                                     .lost = count_lost(r)},
                                        report);
    if (!has_a_size) return remember(errc::bad_option);
  }
  if (on_finding != nullptr)
    for (const auto& each : r.findings) {
      const auto finding = shown(each);
      on_finding(user, &finding);
    }
  return VARVE_OK;
}

int give(const result<std::vector<retention_verdict>>& verdicts, varve_on_verdict on_verdict, void* user) {
  return capi::taken(verdicts, [&](const std::vector<retention_verdict>& all) {
    if (on_verdict == nullptr) return;
    for (const auto& v : all) {
      const auto text = text_of(v.reason);
      const varve_retention_verdict shown{.size = sizeof(varve_retention_verdict),
                                          .segment = v.segment,
                                          .first_sequence = v.sequences.first.value,
                                          .end_sequence = v.sequences.end.value,
                                          .bytes = v.bytes,
                                          .reason = static_cast<std::uint32_t>(v.reason),
                                          .goes = v.goes,
                                          .reserved = {},
                                          .text = text.data(),
                                          .text_bytes = text.size()};
      on_verdict(user, &shown);
    }
  });
}

}  // namespace varve::capi

int varve_verify(const char* directory, varve_report* report, varve_on_finding on_finding, void* user) {
  return varve_verify_with(directory, nullptr, report, on_finding, user);
}

int varve_verify_with(const char* directory, const varve_verify_options* options, varve_report* report,
                      varve_on_finding on_finding, void* user) {
  return capi::guarded([&] {
    const auto known = capi::options_of(options, user);
    if (!known) return capi::remember(errc::bad_option);
    const auto tell = [&](const recovery_report::finding& f) {
      const auto finding = capi::shown(f);
      if (on_finding != nullptr) on_finding(user, &finding);
    };
    const auto verified = verify(directory, tell, *known);
    return verified ? capi::give(*verified, report, nullptr, nullptr) : capi::remember(verified.error());
  });
}

int varve_rebuild_indexes(const char* directory, uint64_t* segments) {
  return capi::guarded([&] {
    return capi::taken(rebuild_indexes(directory), [&](const index_rebuild& done) {
      if (segments != nullptr) *segments = done.segments;
    });
  });
}

int varve_rebuild_state(const char* directory, const varve_rebuild_options* options, varve_rebuild_report* report,
                        varve_report* next_open, varve_on_finding on_finding, void* user) {
  return capi::guarded([&] {
    const auto known = capi::options_of(options, user);
    if (!known) return capi::remember(errc::bad_option);
    // Found out now, not when it is done.
    if (report != nullptr && report->size < sizeof report->size) return capi::remember(errc::bad_option);
    if (next_open != nullptr && next_open->size < sizeof next_open->size) return capi::remember(errc::bad_option);
    const auto done = rebuild_state(directory, *known);
    if (!done) return capi::remember(done.error());
    if (const int given = capi::give(done->next_open, next_open, on_finding, user); given != VARVE_OK) return given;
    if (report == nullptr) return static_cast<int>(VARVE_OK);
    return capi::stored(capi::store_sized(varve_rebuild_report{.size = 0,
                                                               .first_sequence = done->sequences.first.value,
                                                               .end_sequence = done->sequences.end.value,
                                                               .segments = done->segments,
                                                               .trimmed_first = done->may_have_been_trimmed.first.value,
                                                               .trimmed_end = done->may_have_been_trimmed.end.value,
                                                               .truncated_from = done->truncated_from.value,
                                                               .segment_bytes = done->segment_bytes,
                                                               .index_stride_bytes = done->index_stride_bytes,
                                                               .checksum = static_cast<std::uint32_t>(done->checksum),
                                                               .state = done->state,
                                                               .meta = done->meta,
                                                               .record_times = done->record_times,
                                                               .reserved = {}},
                                          report));
  });
}

int varve_salvage(const char* directory, int (*on_record)(void* user, const varve_record* record),
                  int (*on_gap)(void* user, const varve_finding* gap), varve_salvage_report* report, void* user) {
  return varve_salvage_with(directory, nullptr, on_record, on_gap, report, user);
}

int varve_salvage_with(const char* directory, const varve_salvage_options* options,
                       int (*on_record)(void* user, const varve_record* record),
                       int (*on_gap)(void* user, const varve_finding* gap), varve_salvage_report* report, void* user) {
  return capi::guarded([&] {
    const auto known = capi::load_sized(options);
    if (!known || (known->from_count != 0 && known->from == nullptr)) return capi::remember(errc::bad_option);
    const auto lend_to = [user](auto* call) {
      return [call, user](const record& r) {
        const auto record = capi::shown(r);
        return call(user, &record) == 0;
      };
    };
    salvage_handler handler;
    if (on_record != nullptr) handler.record = lend_to(on_record);
    if (known->on_removed != nullptr) handler.removed = lend_to(known->on_removed);
    if (on_gap != nullptr)
      handler.gap = [&](const recovery_report::finding& f) {
        const auto gap = capi::shown(f);
        return on_gap(user, &gap) == 0;
      };
    const std::vector<std::filesystem::path> from(known->from, known->from + known->from_count);
    const auto done = salvage(directory == nullptr ? "" : directory, handler, {.from = from});
    if (!done) return capi::remember(done.error());
    if (report == nullptr) return static_cast<int>(VARVE_OK);
    return capi::stored(capi::store_sized(varve_salvage_report{.size = 0,
                                                               .first_sequence = done->sequences.first.value,
                                                               .end_sequence = done->sequences.end.value,
                                                               .records = done->records,
                                                               .missing = done->missing,
                                                               .gaps = done->gaps.size(),
                                                               .abandoned = done->abandoned,
                                                               .unfinished = done->unfinished,
                                                               .removed = done->removed,
                                                               .superseded = done->superseded,
                                                               .damaged_headers = done->headers.size(),
                                                               .trim_point_known = done->trim_point_known,
                                                               .reserved = {}},
                                          report));
  });
}
