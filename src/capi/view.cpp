// SPDX-License-Identifier: MIT
#include <new>

#include "capi/error.hpp"
#include "capi/handles.hpp"
#include "capi/options.hpp"
#include "capi/sized.hpp"

using namespace varve;

namespace {

varve_opening shown(const log_description::opening& o) noexcept {
  return {.found = static_cast<std::uint32_t>(o.found),
          .reserved = 0,
          .kept = o.kept,
          .cut_bytes = o.cut_bytes,
          .cut_records = o.cut_records,
          .stepped_over = o.stepped_over,
          .cut_first = o.cut.first.value,
          .cut_end = o.cut.end.value,
          .later = {}};
}

varve_description shown(const log_description& d) noexcept {
  varve_description s{};
  s.first = d.at.first.value;
  s.durable = d.at.durable.value;
  s.published = d.at.published.value;
  s.epoch = d.epoch;
  s.checksum = static_cast<std::uint32_t>(d.checksum);
  s.segment_bytes = d.segment_bytes;
  s.index_stride_bytes = d.index_stride_bytes;
  s.writer = static_cast<std::uint32_t>(d.writer);
  s.process = d.process;
  s.prepared = d.prepared;
  s.active = d.active;
  s.ended = d.ended;
  s.sealed = d.sealed;
  s.dropped = d.dropped;
  s.checkpointed = d.checkpointed.value;
  s.archived = d.archived.value;
  s.damaged = d.damaged;
  s.bytes_used = d.bytes_used;
  s.bytes_allocated = d.bytes_allocated;
  if (d.oldest_unfinished) {
    s.unfinished_sequence = d.oldest_unfinished->sequence.value;
    s.unfinished_segment = d.oldest_unfinished->segment;
    s.unfinished_offset = d.oldest_unfinished->offset;
    s.finished_behind = d.oldest_unfinished->finished_behind;
  }
  s.last_open = shown(d.last_open);
  if (d.next_open) s.next_open = shown(*d.next_open);
  s.has_next_open = d.next_open.has_value();
  s.refuses = d.refuses;
  s.would_cut = d.would_cut;
  s.record_times = d.record_times;
  s.set_aside_directories = d.set_aside.size();
  for (const auto& each : d.set_aside) s.set_aside_bytes += each.bytes;
  return s;
}

varve_segment shown(const segment_description& d) noexcept {
  varve_segment s{};
  s.size = sizeof s;
  s.number = d.number;
  s.file_bytes = d.file_bytes;
  s.used_bytes = d.used_bytes;
  s.first_sequence = d.sequences.first.value;
  s.end_sequence = d.sequences.end.value;
  s.state = static_cast<std::uint32_t>(d.state);
  s.version_info = d.version_info.c_str();
  s.version_info_bytes = d.version_info.size();
  return s;
}

}  // namespace

int varve_view_open(const char* directory, const varve_view_options* options, varve_view** view) {
  return capi::guarded([&] {
    const auto known = capi::options_of(options);
    if (!known) return capi::remember(errc::bad_option);
    auto opened = log_view::open(directory, *known);
    if (!opened) return capi::remember(opened.error());
    *view = new varve_view{std::move(*opened)};
    return static_cast<int>(VARVE_OK);
  });
}

void varve_view_free(varve_view* view) { delete view; }

int varve_view_read(const varve_view* view, uint64_t sequence, varve_record* record, varve_pin** pin) {
  return capi::give(view->view.read({sequence}), record, pin);
}

int varve_view_read_copy(const varve_view* view, uint64_t sequence, void* buffer, size_t capacity, varve_record* record) {
  return capi::give_copy(view->view.read({sequence}), buffer, capacity, record);
}

int varve_view_find_time(const varve_view* view, int64_t time_ns, uint64_t* sequence) {
  return capi::taken(view->view.find_time(capi::time_of(time_ns)), [&](varve::sequence s) { *sequence = s.value; });
}

int varve_view_reader(const varve_view* view, uint64_t from, varve_reader** reader) {
  return capi::give(view->view.reader({from}), reader);
}

uint64_t varve_view_first_sequence(const varve_view* view) { return view->view.first_sequence().value; }
uint64_t varve_view_published_sequence(const varve_view* view) { return view->view.published_sequence().value; }
uint64_t varve_view_durable_sequence(const varve_view* view) { return view->view.durable_sequence().value; }

int varve_view_stats(const varve_view* view, varve_statistics* statistics) {
  const auto stats = view->view.stats();
  return stats ? capi::give(*stats, statistics) : capi::remember(stats.error());
}

int varve_view_describe(const varve_view* view, varve_description* description) {
  return capi::guarded([&] {
    const auto described = view->view.describe();
    if (!described) return capi::remember(described.error());
    return capi::stored(capi::store_sized(shown(*described), description));
  });
}

int varve_view_pins(const varve_view* view, void (*on_pin)(void* user, const varve_pin_holder* pin), void* user) {
  return capi::guarded([&] {
    return capi::taken(view->view.describe(), [&](const log_description& d) {
      for (const auto& each : d.pins) {
        const varve_pin_holder pin{sizeof(varve_pin_holder), each.segment, each.process};
        on_pin(user, &pin);
      }
    });
  });
}

int varve_view_segments(const varve_view* view, void (*on_segment)(void* user, const varve_segment* segment), void* user) {
  return capi::guarded([&] {
    return capi::taken(view->view.segments(), [&](const std::vector<segment_description>& all) {
      for (const auto& each : all) {
        const auto segment = shown(each);
        on_segment(user, &segment);
      }
    });
  });
}

int varve_view_plan_retention(const varve_view* view, const varve_retention_rules* rules, varve_on_verdict on_verdict,
                              void* user) {
  return capi::guarded([&] {
    const auto known = capi::options_of(rules);
    if (!known) return capi::remember(errc::bad_option);
    return capi::give(view->view.plan_retention(*known), on_verdict, user);
  });
}
