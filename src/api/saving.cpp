// SPDX-License-Identifier: MIT
#include "api/saving.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "reader/cursor.hpp"
#include "store/segment_files.hpp"

namespace varve::core {
namespace {

using save_function = std::function<bool(const checkpoint_request&)>;

/// Stands at the first record from `from` on. Nothing: there is none up to `last`.
result<std::optional<reader>> reader_from(const std::shared_ptr<record_source>& source, std::uint64_t from,
                                          std::uint64_t last) {
  auto records = reader_access::make_reader(source, {from});
  if (!records) return std::unexpected(records.error());
  const auto first = records->next();
  if (!first) return std::unexpected(first.error());
  if (!*first || (*first)->sequence().value > last) return std::nullopt;  // all of them are abandoned
  if (auto done = records->seek((*first)->sequence()); !done) return std::unexpected(done.error());
  return std::optional<reader>{std::move(*records)};
}

result<bool> save_records(const save_function& save, const std::shared_ptr<record_source>& source, std::uint64_t from,
                          std::uint64_t last) {
  for (;;) {
    auto records = reader_from(source, from, last);
    if (!records && records.error().code() == errc::trimmed) {  // meanwhile: that need not be saved any more
      from = source->first();
      if (from > last) return true;
      continue;
    }
    if (!records) return std::unexpected(records.error());
    if (!*records) return true;
    return save({.records = **records, .first = (*records)->position(), .last = {last}});
  }
}

/// What the openings that began them called themselves, by the numbers of segments.
result<std::map<std::uint64_t, std::string>> version_infos(const log_place& place) {
  std::map<std::uint64_t, std::string> infos;
  const auto found = read_segment_files(place);
  if (!found) return std::unexpected(found.error());
  for (const auto& f : found->files)
    if (f.identity) infos.emplace(f.number, f.identity->version_info);
  return infos;
}

result<void> replay_segment(log_object& log, const recovery_handler& handler, sequence_range which) {
  cursor at{log};
  if (auto done = at.seek(which.first.value); !done) return done;
  for (std::optional<result<record>> element;;) {
    at.next_before(which.end.value, element);
    if (!element) return {};
    if (!*element) return std::unexpected(element->error());
    if (!handler.record(**element)) return fail({.code = errc::cancelled, .subject = log.path()});
  }
}

result<void> replay(log_object& log, const recovery_handler& handler) {
  const auto infos = version_infos(log.place());
  if (!infos) return std::unexpected(infos.error());
  const std::uint64_t from = log.checkpointed() + 1;
  for (const auto& s : log.segments()) {
    const recovered_segment shown{
        .number = s.number,
        .sequences = {{std::max(s.base, from)}, {s.end}},
        .version_info = infos->contains(s.number) ? std::string_view{infos->at(s.number)} : std::string_view{}};
    if (shown.sequences.end <= shown.sequences.first) continue;
    if (handler.segment && handler.segment(shown) == recovery_handler::choice::skip) continue;
    if (!handler.record) continue;
    if (auto done = replay_segment(log, handler, shown.sequences); !done) return done;
  }
  return {};
}

}  // namespace

reading_layer reading_for(const log_options& options) {
  reading_layer above;
  if (options.on_recovery.segment || options.on_recovery.record)
    above.replay = [handler = options.on_recovery](log_object& log) { return replay(log, handler); };
  if (options.checkpoint.save)
    above.save = [save = options.checkpoint.save](log_object& log, std::uint64_t first, std::uint64_t last) {
      return save_records(save, log.shared_from_this(), first, last);
    };
  return above;
}

}  // namespace varve::core
