// SPDX-License-Identifier: MIT
//
// rebuild_state.cpp - makes varve.state and varve.meta again out of the segments. Layer maintain.
//
// What they are to say is found, and tried by a survey, before a byte is written; then each file takes its place at once.
// The meta comes last: until then the log is refused as it was.
#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>
#include <vector>

#include <varve/recovery.hpp>

#include "os/point.hpp"
#include "recovery/lost_state.hpp"
#include "recovery/segment_checks.hpp"
#include "recovery/set_aside.hpp"
#include "recovery/survey.hpp"
#include "store/log_directory.hpp"
#include "store/log_export.hpp"
#include "store/meta_file.hpp"

namespace varve {
namespace core {
namespace {

bool is_lost(const error& e) noexcept { return e.code() == errc::damaged || e.code() == errc::incomplete; }

result<live_file> open_live(const log_place& place) {
  auto live = live_file::open_for_reading(place);
  if (!live) return live;
  const auto owned = live->has_owner();  // by a child of a writer, say, which has no lock of the directory
  if (!owned) return place.fail_call(owned.error());
  if (*owned) return fail({.code = errc::locked, .subject = place.path, .segment = live->writer_process()});
  return live;
}

state_rebuild report_of(const log_place& place, const format::state& state, survey s, bool is_state_lost,
                        bool is_meta_lost) {
  state_rebuild r{.state = is_state_lost,
                  .meta = is_meta_lost,
                  .sequences = {{s.first}, {s.next}},
                  .segments = s.chain.size(),
                  .segment_bytes = place.meta.segment_bytes,
                  .index_stride_bytes = place.meta.index_stride_bytes,
                  .checksum = place.checksum_kind(),
                  .record_times = place.keeps_times(),
                  .next_open = std::move(s.report)};
  if (is_state_lost) r.may_have_been_trimmed = r.sequences;
  if (is_state_lost) r.truncated_from = {state.truncate_intent};
  return r;
}

/// The files that are lost; what is left of them is kept first.
result<void> write(const log_place& place, const format::state& state, const state_rebuild_options& options,
                   state_rebuild& done) {
  std::vector<const char*> names;
  if (done.state) names.push_back(format::state_name);
  if (done.meta) names.push_back(format::meta_name);
  VARVE_POINT("rebuild.before_aside");
  auto kept = keep_copies(place, names, options.file_mode);
  if (!kept) return std::unexpected(kept.error());
  done.kept_in = std::move(*kept);
  VARVE_POINT("rebuild.before_state");
  if (done.state) {
    if (auto written = state_file::replace(place, options.file_mode, state); !written) return written;
  }
  VARVE_POINT("rebuild.before_meta");
  if (!done.meta) return {};
  // One that an earlier call has left.
  const auto gone = os::remove(place.directory, format::meta_temporary_name);
  if (!gone && gone.error().number != ENOENT) return place.fail_call(gone.error());
  return write_meta(place, options.file_mode);
}

result<state_rebuild> rebuild(const std::filesystem::path& directory, const state_rebuild_options& options) {
  if (!is_file_mode(options.file_mode)) return bad_option("file_mode");
  if (options.threads > check_threads_max) return bad_option("threads");
  auto opened = open_place_to_rebuild(directory);
  if (!opened) return std::unexpected(opened.error());
  log_place& place = opened->place;
  const auto live = open_live(place);
  if (!live) return std::unexpected(live.error());
  if (opened->is_meta_lost) {
    if (auto found = take_meta_from_segments(place); !found) return std::unexpected(found.error());
  }
  auto state = state_file::open(place, os::access::read);
  const bool is_state_lost = !state && is_lost(state.error());
  if (!state && !is_state_lost) return std::unexpected(state.error());
  if (!is_state_lost && !opened->is_meta_lost) return bad_option("directory");
  if (is_state_lost) {
    const auto found = state_from_segments(place, *live);
    if (!found) return std::unexpected(found.error());
    state = state_file::proposed(*found);
  }
  auto seen = survey_log(place, *state, *live,
                         {.every_byte = is_state_lost, .threads = options.threads, .on_progress = &options.on_progress});
  if (!seen) return std::unexpected(seen.error());
  const auto& wanted = state->current();
  auto done = report_of(place, wanted, std::move(*seen), is_state_lost, opened->is_meta_lost);
  if (options.dry_run) return done;
  if (auto written = write(place, wanted, options, done); !written) return std::unexpected(written.error());
  return done;
}

}  // namespace
}  // namespace core

result<state_rebuild> rebuild_state(const std::filesystem::path& directory, const state_rebuild_options& options) {
  try {
    return core::rebuild(directory, options);
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve
