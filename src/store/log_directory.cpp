// SPDX-License-Identifier: MIT
#include "store/log_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "format/file_name.hpp"
#include "os/process.hpp"
#include "store/live_file.hpp"
#include "store/meta_file.hpp"
#include "store/segment_files.hpp"
#include "store/state_file.hpp"

namespace varve::core {
namespace {

result<os::file> open_existing(const std::string& path, const error_subject* subject) {
  auto opened = os::open_directory(path);
  if (opened) return std::move(*opened);
  const int number = opened.error().number;
  if (number == ENOENT) return fail({.code = errc::not_found, .subject = subject});
  if (number == ENOTDIR || number == ELOOP) return fail({.code = errc::not_a_log, .subject = subject, .os_errno = number});
  return fail_call(number, subject);
}

result<os::file> open_or_make(const std::string& path, const error_subject* subject, const log_options& options) {
  auto opened = open_existing(path, subject);
  if (opened || opened.error().code() != errc::not_found || !options.create) return opened;
  // Who may enter the directory is whoever may read the files: an x for each r.
  const std::uint32_t mode = options.file_mode | (options.file_mode & 0444) >> 2;
  if (const auto made = os::make_directory(path, mode); !made && made.error().number != EEXIST) {
    if (made.error().number == ENOENT) return fail({.code = errc::not_found, .subject = subject, .os_errno = ENOENT});
    return fail_call(made.error().number, subject);
  }
  return open_existing(path, subject);
}

result<void> check_file_system(const log_place& place, const log_options& options) {
  if (options.allow_any_file_system) return {};
  const auto kind = os::file_system_of(place.directory);
  if (!kind) return place.fail_call(kind.error());
  if (*kind != os::file_system_kind::local) return fail({.code = errc::unsupported_file_system, .subject = place.path});
  return {};
}

std::string text_of(const std::filesystem::path& directory) { return directory.string(); }

/// The meta of what there is, if this version may have it.
result<meta_file> read_known_meta(const log_place& place, bool for_writing, oldest_format oldest) {
  auto found = read_meta(place);
  if (!found) return found;
  const auto& meta = found->meta;
  if (!(for_writing ? format::may_write(meta.features) : format::may_read(meta.features)))
    return fail({.code = errc::newer_format, .subject = place.path});
  if (meta.head.version < format::version && oldest == oldest_format::current)
    return fail({.code = errc::older_format, .subject = place.path});
  if (for_writing && !found->is_ours_alone)
    return fail({.code = errc::not_a_log, .subject = place.path, .os_errno = EMLINK});
  return found;
}

/// A creation that died before varve.meta was durable has left the state of a log that nobody has opened yet.
bool was_opened_once(const log_place& place) {
  const auto state = state_file::open(place, os::access::read);
  return state && state->current().epoch != 0;
}

/// No varve.meta: is this a log that has lost it? The state, or varve.live, beside something that is called as a segment; or
/// such a state.
bool has_lost_meta(const log_place& place, const std::vector<std::string>& names) {
  if (was_opened_once(place)) return true;
  const auto is_there = [&names](const char* name) { return std::ranges::find(names, name) != names.end(); };
  if (!is_there(format::state_name) && !is_there(format::live_name)) return false;
  return std::ranges::any_of(names,
                             [](const auto& n) { return format::parse_name(format::file_kind::segment, n).has_value(); });
}

/// Without varve.meta: is there a segment, whatever log it is of, or such a state? Then it was lost.
result<bool> was_opened(const log_place& place) {
  if (was_opened_once(place)) return true;
  const auto found = read_segment_files(place);
  if (!found) return std::unexpected(found.error());
  return std::ranges::any_of(found->files,
                             [](const segment_file& f) { return f.activation || f.activation_damaged || f.foreign; });
}

/// What may stand in a directory in which a log is to be made: nothing, or what a creation that died has left. Segments are
/// made only after varve.meta is durable, so files with such names are somebody else's, or of a log that has lost it.
bool may_be_left_over(std::string_view name) noexcept {
  return name == format::state_name || name == format::live_name || name == format::meta_temporary_name ||
         name == "lost+found";
}

result<void> clear_for_creation(const log_place& place) {
  const auto names = os::list(place.directory);
  if (!names) return place.fail_call(names.error());
  const auto lacks_meta = was_opened(place);
  if (!lacks_meta) return std::unexpected(lacks_meta.error());
  if (*lacks_meta) return place.fail_file(errc::incomplete, format::meta_name);  // that is no new log
  for (const auto& name : *names) {
    if (!may_be_left_over(name)) return fail({.code = errc::not_a_log, .subject = intern(place.path->text + '/' + name)});
  }
  for (const auto& name : *names) {
    if (name == "lost+found") continue;
    if (const auto done = os::remove(place.directory, name.c_str()); !done) return place.fail_call(done.error());
  }
  return {};
}

format::state empty_state() noexcept { return {.condition = format::condition::clean, .trim_point = 1, .clean_next = 1}; }

/// varve.meta is made last: without it there is no log yet.
result<void> create(log_place& place, const log_options& options) {
  if (auto done = clear_for_creation(place); !done) return done;
  place.meta = {
      .checksum_kind = static_cast<std::uint8_t>(options.checksum.value_or(checksum::xxh3)),
      .frame_alignment_log2 = format::frame_alignment_log2,
      .times = static_cast<std::uint8_t>(options.record_times.value_or(false)),
      .segment_bytes = options.segment_bytes != 0 ? options.segment_bytes : format::segment_bytes_default,
      .index_stride_bytes = options.index_stride_bytes != 0 ? options.index_stride_bytes : format::index_stride_default,
      .created_ns = os::wall_clock_ns()};
  if (const auto done = os::fill_random(place.meta.log); !done) return place.fail_call(done.error());
  if (auto done = state_file::create(place, options.file_mode, empty_state()); !done) return done;
  if (const auto live = live_file::open_for_writing(place, options.file_mode); !live) return std::unexpected(live.error());
  return write_meta(place, options.file_mode);
}

result<void> compare_options(const log_place& place, const log_options& options) {
  if (options.segment_bytes != 0 && options.segment_bytes != place.meta.segment_bytes) return bad_option("segment_bytes");
  if (options.checksum && *options.checksum != place.checksum_kind()) return bad_option("checksum");
  if (options.index_stride_bytes != 0 && options.index_stride_bytes != place.meta.index_stride_bytes)
    return bad_option("index_stride_bytes");
  if (options.record_times && *options.record_times != place.keeps_times()) return bad_option("record_times");
  return {};
}

}  // namespace

result<void> take_writers_lock(const log_place& place) {
  const auto locked = os::try_lock_directory(place.directory);
  if (!locked) return place.fail_call(locked.error());
  if (*locked) return {};
  const auto live = live_file::open_for_reading(place);  // says who, if it can be read
  return fail({.code = errc::locked, .subject = place.path, .segment = live ? live->writer_process() : 0});
}

result<log_place> open_place_for_writing(const std::filesystem::path& directory, const log_options& options) {
  log_place place;
  place.path = intern(text_of(directory));
  if (place.path == nullptr) return fail({.code = errc::out_of_memory});
  auto opened = open_or_make(text_of(directory), place.path, options);
  if (!opened) return std::unexpected(opened.error());
  place.directory = std::move(*opened);
  if (auto done = check_file_system(place, options); !done) return std::unexpected(done.error());
  if (auto done = take_writers_lock(place); !done) return std::unexpected(done.error());
  const auto found = read_known_meta(place, true, oldest_format::current);
  if (!found && found.error().code() == errc::not_found && options.create) {
    if (auto done = create(place, options); !done) return std::unexpected(done.error());
    return place;
  }
  if (!found && found.error().code() == errc::not_found) {
    const auto lacks_meta = was_opened(place);
    if (lacks_meta && *lacks_meta) return place.fail_file(errc::incomplete, format::meta_name);
  }
  if (!found) return std::unexpected(found.error());
  place.meta = found->meta;
  if (place.meta.kind == format::directory_kind::archive) return fail({.code = errc::is_archive, .subject = place.path});
  if (auto done = compare_options(place, options); !done) return std::unexpected(done.error());
  place.spoiled_meta = found->spoiled;
  return place;
}

result<log_place> open_place_for_reading(const std::filesystem::path& directory, oldest_format oldest) {
  log_place place;
  place.path = intern(text_of(directory));
  if (place.path == nullptr) return fail({.code = errc::out_of_memory});
  auto opened = open_existing(text_of(directory), place.path);
  if (!opened) return std::unexpected(opened.error());
  place.directory = std::move(*opened);
  auto found = read_known_meta(place, false, oldest);
  if (!found && found.error().code() == errc::not_found) {
    const auto names = os::list(place.directory);
    if (!names) return place.fail_call(names.error());
    found = read_known_meta(place, false, oldest);  // it may have become a log meanwhile
    if (!found && found.error().code() == errc::not_found) {
      if (has_lost_meta(place, *names)) return place.fail_file(errc::incomplete, format::meta_name);
      // A directory with something in it is no log; an empty one may become a log.
      const bool is_log_without_meta = std::ranges::all_of(*names, [](const auto& n) { return may_be_left_over(n); });
      return fail({.code = is_log_without_meta ? errc::not_found : errc::not_a_log, .subject = place.path});
    }
  }
  if (!found) return std::unexpected(found.error());
  place.meta = found->meta;
  return place;
}

result<place_to_rebuild> open_place_to_rebuild(const std::filesystem::path& directory) {
  place_to_rebuild opened;
  log_place& place = opened.place;
  place.path = intern(text_of(directory));
  if (place.path == nullptr) return fail({.code = errc::out_of_memory});
  auto existing = open_existing(text_of(directory), place.path);
  if (!existing) return std::unexpected(existing.error());
  place.directory = std::move(*existing);
  if (auto done = check_file_system(place, {}); !done) return std::unexpected(done.error());
  if (auto done = take_writers_lock(place); !done) return std::unexpected(done.error());
  const auto found = read_known_meta(place, true, oldest_format::current);
  if (found) {
    place.meta = found->meta;
    place.spoiled_meta = found->spoiled;
    if (place.meta.kind != format::directory_kind::log) return fail({.code = errc::is_archive, .subject = place.path});
    return opened;
  }
  opened.is_meta_lost = true;
  if (found.error().code() == errc::damaged) return opened;
  if (found.error().code() != errc::not_found) return std::unexpected(found.error());
  const auto names = os::list(place.directory);
  if (!names) return place.fail_call(names.error());
  if (has_lost_meta(place, *names)) return opened;
  return fail({.code = names->empty() ? errc::not_found : errc::not_a_log, .subject = place.path});
}

}  // namespace varve::core
