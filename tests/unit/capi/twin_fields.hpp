// SPDX-License-Identifier: MIT
//
// twin_fields.hpp - every field of the structs of varve.h, and of their twins in C++, by name. Structs are taken apart as
// a whole: a field that is added to either side does not compile until it stands here, with its twin.
#pragma once

#include <map>
#include <numeric>
#include <span>
#include <string>
#include <type_traits>

#include <varve/varve.h>
#include <varve/varve.hpp>

namespace varve::testing {

/// All fields of a struct by their names in varve.h, as text.
using fields = std::map<std::string, std::string>;

template <class T>
  requires std::is_integral_v<T>
std::string shown(T value) {
  return std::to_string(value);
}
template <class T>
  requires std::is_enum_v<T>
std::string shown(T value) {
  return std::to_string(static_cast<std::uint64_t>(value));
}
inline std::string shown(sequence s) { return std::to_string(s.value); }
inline std::string shown(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::string shown(const void* data, std::size_t bytes) { return {static_cast<const char*>(data), bytes}; }

// ---- Records.
inline fields of(const varve_record& r) {
  const auto& [data, bytes, sequence, epoch, type, batch_goes_on, is_chunk, time_ns] = r;
  return {{"data", shown(data, bytes)}, {"sequence", shown(sequence)},           {"epoch", shown(epoch)},
          {"type", shown(type)},        {"batch_goes_on", shown(batch_goes_on)}, {"is_chunk", shown(is_chunk)},
          {"time_ns", shown(time_ns)}};
}
template <class Record>
fields of_record(const Record& r) {
  return {{"data", shown(r.payload())},
          {"sequence", shown(r.sequence())},
          {"epoch", shown(r.epoch())},
          {"type", shown(r.type())},
          {"batch_goes_on", shown(r.batch_goes_on())},
          {"is_chunk", shown(r.is_chunk())},
          {"time_ns", shown(r.time().time_since_epoch().count())}};
}

// ---- Errors.
inline fields of_last_error() {
  VARVE_SIZED(varve_error, e);
  static_cast<void>(varve_last_error(&e));
  const auto& [size, code, os_errno, segment, offset, first, last, limit, process, path, path_bytes, may_have, reserved] = e;
  return {{"code", shown(code)},
          {"os_errno", shown(os_errno)},
          {"segment", shown(segment)},
          {"offset", shown(offset)},
          {"first_sequence", shown(first)},
          {"last_sequence", shown(last)},
          {"limit", shown(limit)},
          {"process", shown(process)},
          {"path", shown(path, path_bytes)},
          {"may_have_happened", shown(may_have)},
          {"message", varve_error_message()}};
}
inline fields of(const error& e) {
  return {{"code", shown(e.code())},
          {"os_errno", shown(e.os_errno())},
          {"segment", shown(e.segment())},
          {"offset", shown(e.offset())},
          {"first_sequence", shown(e.first_sequence())},
          {"last_sequence", shown(e.last_sequence())},
          {"limit", shown(e.limit())},
          {"process", shown(e.process())},
          {"path", std::string{e.path()}},
          {"may_have_happened", shown(e.may_have_happened())},
          {"message", e.message()}};
}

// ---- Statistics.
inline fields of(const varve_statistics& s) {
  const auto& [size, first, durable, published, claimed, oldest_unfinished, segments, prepared, warm_bytes, bytes_used,
               bytes_allocated, syncs, rolls, waits, spare, recycled, mark_syncs] = s;
  return {{"first", shown(first)},
          {"durable", shown(durable)},
          {"published", shown(published)},
          {"claimed", shown(claimed)},
          {"oldest_unfinished", shown(oldest_unfinished)},
          {"segments", shown(segments)},
          {"prepared", shown(prepared)},
          {"warm_bytes", shown(warm_bytes)},
          {"bytes_used", shown(bytes_used)},
          {"bytes_allocated", shown(bytes_allocated)},
          {"syncs", shown(syncs)},
          {"rolls", shown(rolls)},
          {"waits", shown(waits)},
          {"spare", shown(spare)},
          {"recycled", shown(recycled)},
          {"mark_syncs", shown(mark_syncs)}};
}
inline fields of(const statistics& s) {
  const auto& [at, claimed, oldest_unfinished, segments, prepared, spare, recycled, warm_bytes, bytes_used, bytes_allocated,
               syncs, rolls, waits, mark_syncs] = s;
  const auto& [first, durable, published] = at;
  return {{"first", shown(first)},
          {"durable", shown(durable)},
          {"published", shown(published)},
          {"claimed", shown(claimed)},
          {"oldest_unfinished", shown(oldest_unfinished)},
          {"segments", shown(segments)},
          {"prepared", shown(prepared)},
          {"warm_bytes", shown(warm_bytes)},
          {"bytes_used", shown(bytes_used)},
          {"bytes_allocated", shown(bytes_allocated)},
          {"syncs", shown(syncs)},
          {"rolls", shown(rolls)},
          {"waits", shown(waits)},
          {"spare", shown(spare)},
          {"recycled", shown(recycled)},
          {"mark_syncs", shown(mark_syncs)}};
}

// ---- Description.
inline fields with_prefix(const std::string& prefix, const fields& inner) {
  fields all;
  for (const auto& [name, value] : inner) all[prefix + name] = value;
  return all;
}
inline fields of(const varve_opening& o) {
  const auto& [found, reserved, kept, cut_bytes, cut_records, stepped_over, cut_first, cut_end, later] = o;
  return {{"found", shown(found)},
          {"kept", shown(kept)},
          {"cut_bytes", shown(cut_bytes)},
          {"cut_records", shown(cut_records)},
          {"stepped_over", shown(stepped_over)},
          {"cut_first", shown(cut_first)},
          {"cut_end", shown(cut_end)}};
}
inline fields of(const log_description::opening& o) {
  const auto& [found, kept, cut_bytes, cut_records, stepped_over, cut] = o;
  return {{"found", shown(found)},
          {"kept", shown(kept)},
          {"cut_bytes", shown(cut_bytes)},
          {"cut_records", shown(cut_records)},
          {"stepped_over", shown(stepped_over)},
          {"cut_first", shown(cut.first)},
          {"cut_end", shown(cut.end)}};
}
inline fields of(const varve_description& d) {
  const auto& [size, first, durable, published, epoch, checksum, segment_bytes, index_stride_bytes, writer, process,
               prepared, active, ended, sealed, damaged, bytes_used, bytes_allocated, unfinished_sequence,
               unfinished_segment, unfinished_offset, finished_behind, last_open, next_open, has_next_open, refuses,
               record_times, would_cut, reserved, dropped, checkpointed, archived, set_aside_directories, set_aside_bytes] =
      d;
  fields all{{"first", shown(first)},
             {"durable", shown(durable)},
             {"published", shown(published)},
             {"epoch", shown(epoch)},
             {"checksum", shown(checksum)},
             {"segment_bytes", shown(segment_bytes)},
             {"index_stride_bytes", shown(index_stride_bytes)},
             {"writer", shown(writer)},
             {"process", shown(process)},
             {"prepared", shown(prepared)},
             {"active", shown(active)},
             {"ended", shown(ended)},
             {"sealed", shown(sealed)},
             {"damaged", shown(damaged)},
             {"dropped", shown(dropped)},
             {"bytes_used", shown(bytes_used)},
             {"bytes_allocated", shown(bytes_allocated)},
             {"unfinished_sequence", shown(unfinished_sequence)},
             {"unfinished_segment", shown(unfinished_segment)},
             {"unfinished_offset", shown(unfinished_offset)},
             {"finished_behind", shown(finished_behind)},
             {"has_next_open", shown(has_next_open)},
             {"refuses", shown(refuses)},
             {"would_cut", shown(would_cut)},
             {"record_times", shown(record_times)},
             {"checkpointed", shown(checkpointed)},
             {"archived", shown(archived)},
             {"set_aside_directories", shown(set_aside_directories)},
             {"set_aside_bytes", shown(set_aside_bytes)}};
  all.merge(with_prefix("last_open.", of(last_open)));
  all.merge(with_prefix("next_open.", of(next_open)));
  return all;
}
inline fields of(const log_description& d) {
  const auto& [at, epoch, checkpointed, archived, segment_bytes, checksum, index_stride_bytes, record_times, prepared,
               active, ended, sealed, damaged, dropped, bytes_used, bytes_allocated, writer, process, oldest_unfinished,
               last_open, next_open, pins, set_aside, refuses, would_cut] = d;
  static_cast<void>(pins);  // varve_view_pins()
  std::uint64_t set_aside_bytes = 0;
  for (const auto& each : set_aside) set_aside_bytes += each.bytes;
  const auto unfinished = oldest_unfinished.value_or(log_description::unfinished_claim{});
  const auto& [sequence, segment, offset, finished_behind] = unfinished;
  fields all{{"first", shown(at.first)},
             {"durable", shown(at.durable)},
             {"published", shown(at.published)},
             {"epoch", shown(epoch)},
             {"checksum", shown(checksum)},
             {"segment_bytes", shown(segment_bytes)},
             {"index_stride_bytes", shown(index_stride_bytes)},
             {"writer", shown(writer)},
             {"process", shown(process)},
             {"prepared", shown(prepared)},
             {"active", shown(active)},
             {"ended", shown(ended)},
             {"sealed", shown(sealed)},
             {"damaged", shown(damaged)},
             {"dropped", shown(dropped)},
             {"bytes_used", shown(bytes_used)},
             {"bytes_allocated", shown(bytes_allocated)},
             {"unfinished_sequence", shown(sequence)},
             {"unfinished_segment", shown(segment)},
             {"unfinished_offset", shown(offset)},
             {"finished_behind", shown(finished_behind)},
             {"has_next_open", shown(next_open.has_value())},
             {"refuses", shown(refuses)},
             {"would_cut", shown(would_cut)},
             {"record_times", shown(record_times)},
             {"checkpointed", shown(checkpointed)},
             {"archived", shown(archived)},
             {"set_aside_directories", shown(set_aside.size())},
             {"set_aside_bytes", shown(set_aside_bytes)}};
  all.merge(with_prefix("last_open.", of(last_open)));
  all.merge(with_prefix("next_open.", of(next_open.value_or(log_description::opening{}))));
  return all;
}

// ---- Segments, pins, verdicts.
inline fields of(const varve_segment& s) {
  const auto& [size, number, file_bytes, used_bytes, first, end, state, reserved, version_info, version_info_bytes] = s;
  return {{"number", shown(number)},
          {"file_bytes", shown(file_bytes)},
          {"used_bytes", shown(used_bytes)},
          {"first_sequence", shown(first)},
          {"end_sequence", shown(end)},
          {"state", shown(state)},
          {"version_info", shown(version_info, version_info_bytes)}};
}
inline fields of(const segment_description& s) {
  const auto& [number, file_bytes, used_bytes, sequences, state, version_info] = s;
  return {{"number", shown(number)},
          {"file_bytes", shown(file_bytes)},
          {"used_bytes", shown(used_bytes)},
          {"first_sequence", shown(sequences.first)},
          {"end_sequence", shown(sequences.end)},
          {"state", shown(state)},
          {"version_info", version_info}};
}
inline fields of(const varve_pin_holder& p) {
  const auto& [size, segment, process] = p;
  return {{"segment", shown(segment)}, {"process", shown(process)}};
}
inline fields of(const log_description::pin& p) {
  const auto& [segment, process] = p;
  return {{"segment", shown(segment)}, {"process", shown(process)}};
}
inline fields of(const varve_retention_verdict& v) {
  const auto& [size, segment, first, end, bytes, reason, goes, reserved, text, text_bytes] = v;
  return {{"segment", shown(segment)},      {"first_sequence", shown(first)}, {"end_sequence", shown(end)},
          {"bytes", shown(bytes)},          {"reason", shown(reason)},        {"goes", shown(goes)},
          {"text", shown(text, text_bytes)}};
}
inline fields of(const retention_verdict& v) {
  const auto& [segment, sequences, bytes, goes, reason] = v;
  return {{"segment", shown(segment)},
          {"first_sequence", shown(sequences.first)},
          {"end_sequence", shown(sequences.end)},
          {"bytes", shown(bytes)},
          {"reason", shown(reason)},
          {"goes", shown(goes)},
          {"text", std::string{text_of(reason)}}};
}

// ---- Reports.
inline fields of(const varve_finding& f) {
  const auto& [size, kind, row, reserved, segment, offset, first, end, cause, cause_bytes] = f;
  return {{"kind", shown(kind)},
          {"row", std::string(1, row)},
          {"segment", shown(segment)},
          {"offset", shown(offset)},
          {"first_sequence", shown(first)},
          {"end_sequence", shown(end)},
          {"cause", shown(cause, cause_bytes)}};
}
inline fields of(const recovery_report::finding& f) {
  const auto& [row, segment, offset, sequences] = f;
  return {{"kind", shown(f.kind())},
          {"row", std::string(1, row)},
          {"segment", shown(segment)},
          {"offset", shown(offset)},
          {"first_sequence", shown(sequences.first)},
          {"end_sequence", shown(sequences.end)},
          {"cause", std::string{f.cause()}}};
}
inline fields of(const varve_report& r) {
  const auto& [size, kept, cut_bytes, cut_records, stepped_over, indexes_rebuilt, findings, clean, reserved, given_up,
               lost] = r;
  return {{"kept", shown(kept)},
          {"cut_bytes", shown(cut_bytes)},
          {"cut_records", shown(cut_records)},
          {"stepped_over", shown(stepped_over)},
          {"indexes_rebuilt", shown(indexes_rebuilt)},
          {"findings", shown(findings)},
          {"given_up", shown(given_up)},
          {"lost", shown(lost)},
          {"clean", shown(clean)}};
}
inline fields of(const recovery_report& r) {
  const auto& [kept, cut_bytes, cut_records, stepped_over, given_up, indexes_rebuilt, clean, findings, lost] = r;
  return {{"kept", shown(kept)},
          {"cut_bytes", shown(cut_bytes)},
          {"cut_records", shown(cut_records)},
          {"stepped_over", shown(stepped_over)},
          {"indexes_rebuilt", shown(indexes_rebuilt)},
          {"findings", shown(findings.size())},
          {"given_up", shown(given_up)},
          {"lost", shown(std::accumulate(lost.begin(), lost.end(), std::uint64_t{0},
                                         [](std::uint64_t n, const sequence_range& each) { return n + each.size(); }))},
          {"clean", shown(clean)}};
}
inline fields of(const varve_salvage_report& r) {
  const auto& [size, first, end, records, missing, gaps, abandoned, unfinished, removed, superseded, headers, is_known,
               reserved] = r;
  return {{"first_sequence", shown(first)},
          {"end_sequence", shown(end)},
          {"records", shown(records)},
          {"missing", shown(missing)},
          {"gaps", shown(gaps)},
          {"abandoned", shown(abandoned)},
          {"unfinished", shown(unfinished)},
          {"removed", shown(removed)},
          {"superseded", shown(superseded)},
          {"damaged_headers", shown(headers)},
          {"trim_point_known", shown(is_known)}};
}
inline fields of(const salvage_report& r) {
  const auto& [sequences, records, abandoned, missing, unfinished, removed, superseded, is_known, gaps, decisions, headers,
               foreign] = r;
  static_cast<void>(decisions);  // C is told how many records they removed
  static_cast<void>(foreign);
  return {{"first_sequence", shown(sequences.first)},
          {"end_sequence", shown(sequences.end)},
          {"records", shown(records)},
          {"missing", shown(missing)},
          {"gaps", shown(gaps.size())},
          {"abandoned", shown(abandoned)},
          {"unfinished", shown(unfinished)},
          {"removed", shown(removed)},
          {"superseded", shown(superseded)},
          {"damaged_headers", shown(headers.size())},
          {"trim_point_known", shown(is_known)}};
}

}  // namespace varve::testing
