// SPDX-License-Identifier: MIT
#include "archive/archive_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "os/point.hpp"
#include "segment/walker.hpp"
#include "store/log_directory.hpp"
#include "store/log_export.hpp"
#include "store/meta_file.hpp"

namespace varve::core {
namespace {

/// A sealed segment of a log, pinned, as a copy is to hold it.
result<copy_source> open_source(const log_place& log, const segment_file& f) {
  const bool is_sealed = f.identity && f.activation && !f.foreign && f.end && f.seal;
  if (!is_sealed) return fail({.code = errc::damaged, .subject = log.path, .segment = f.number});
  auto s = open_segment(log.directory, log.path, f.facts(log.checksum_kind()), os::access::read, pinning::yes);
  if (!s) return std::unexpected(s.error());
  return make_copy_source(log, std::move(*s), f.end->offset, f.end->last + 1);
}

/// Two opens of one directory?
os::result<bool> is_same(const os::file& one, const os::file& other) noexcept {
  const auto a = os::status_of(one), b = os::status_of(other);
  if (!a) return std::unexpected(a.error());
  if (!b) return std::unexpected(b.error());
  return a->inode == b->inode && a->birth_ns == b->birth_ns;
}

/// A recovery that accepted a loss has changed it.
bool has_lost_frames(const copy_source& source) noexcept {
  if (source.segment->facts().first_frame != source.segment->facts().base) return true;
  walker at{source.segment};
  for (auto seen = at.step(format::depth::shape); seen.what == sight::frame; seen = at.step(format::depth::shape))
    if (seen.frame.kind == format::frame_kind::gone) return true;
  return false;
}

/// Likewise, from some place to its end: then the segment after it says how much.
result<bool> lost_its_end(const log_place& log, const segment_file& f) {
  const auto found = read_segment_files(log, f.number);
  if (!found) return std::unexpected(found.error());
  return std::ranges::any_of(found->files, [&f](const segment_file& next) {
    return next.activation && next.activation->predecessor == f.number &&
           next.activation->predecessor_salt == f.activation->salt && next.activation->given_up != 0;
  });
}

/// What may stand in a directory that is to become an archive: nothing, or what the beginning of one has left.
bool may_be_left_over(const std::string& name) noexcept {
  return name == format::state_name || name == format::meta_temporary_name || name == "lost+found";
}

}  // namespace

result<archive_directory> archive_directory::open(const std::filesystem::path& directory, const settings& chosen) {
  archive_directory made;
  made.settings_ = chosen;
  made.place_.path = intern(directory.string());
  const std::uint32_t mode = chosen.permissions | (chosen.permissions & 0444) >> 2;  // an x for each r
  if (const auto done = os::make_directory(directory.string(), mode); !done && done.error().number != EEXIST)
    return made.place_.fail_call(done.error());
  auto opened = os::open_directory(directory.string());
  if (!opened && opened.error().number == ENOTDIR) return fail({.code = errc::not_a_log, .subject = made.place_.path});
  if (!opened) return made.place_.fail_call(opened.error());
  made.place_.directory = std::move(*opened);
  const auto locked = os::try_lock_directory(made.place_.directory);
  if (!locked) return made.place_.fail_call(locked.error());
  if (!*locked) return fail({.code = errc::locked, .subject = made.place_.path});
  if (auto done = made.look(); !done) return std::unexpected(done.error());
  return made;
}

result<void> archive_directory::look() {
  auto there = open_place_for_reading(place_.path->text);
  if (!there && there.error().code() == errc::not_found) {
    const auto names = os::list(place_.directory);
    if (!names) return place_.fail_call(names.error());
    if (!std::ranges::all_of(*names, may_be_left_over)) return fail({.code = errc::not_a_log, .subject = place_.path});
    return {};  // empty: it begins with the first segment
  }
  if (!there) return std::unexpected(there.error());
  if (!format::may_write(there->meta.features)) return fail({.code = errc::newer_format, .subject = place_.path});
  if (there->meta.kind != format::directory_kind::archive) return fail({.code = errc::not_a_log, .subject = place_.path});
  place_.meta = there->meta;
  auto state = state_file::open(place_, os::access::read_write);
  if (!state) return std::unexpected(state.error());
  auto listing = list_archive(place_, state->current().trim_point);
  if (!listing) return std::unexpected(listing.error());
  chain_ = std::move(listing->chain);
  has_gap_ = !listing->unconnected.empty();
  state_.emplace(std::move(*state));
  begun_ = true;
  return {};
}

result<void> archive_directory::begin_with(const log_place& log, const copy_source& first) {
  const auto names = os::list(place_.directory);
  if (!names) return place_.fail_call(names.error());
  for (const auto& name : *names) {
    if (name == "lost+found" || !may_be_left_over(name)) continue;
    if (const auto done = os::remove(place_.directory, name.c_str()); !done) return place_.fail_call(done.error());
  }
  place_.meta = log.meta;
  place_.meta.kind = format::directory_kind::archive;
  const std::uint64_t base = first.segment->facts().base;
  const auto empty = closed_state({}, {.first = base, .next = base});
  if (auto done = state_file::create(place_, settings_.permissions, empty); !done) return done;
  auto state = state_file::open(place_, os::access::read_write);
  if (!state) return std::unexpected(state.error());
  if (auto done = write_meta(place_, settings_.permissions); !done) return done;
  // Whoever made the directory may have died before it was durable.
  if (const auto done = os::sync_parent(place_.directory); !done) return place_.fail_call(done.error());
  state_.emplace(std::move(*state));
  begun_ = true;
  return {};
}

result<void> archive_directory::check_owner(const std::filesystem::path& log) const {
  const auto from = open_place_for_reading(log);
  const bool is_new = !from && from.error().code() == errc::not_found;
  if (!from && !is_new) return std::unexpected(from.error());
  if (!begun_ || (!is_new && place_.meta.log == from->meta.log)) return {};
  return fail({.code = errc::not_a_log, .subject = place_.path});
}

result<void> archive_directory::take(const sealed_segment& s) {
  const auto log = open_place_for_reading(s.directory);
  if (!log) return std::unexpected(log.error());
  const auto same = is_same(log->directory, place_.directory);
  if (!same) return place_.fail_call(same.error());
  if (*same) return bad_option("archive");  // a copy of itself is none
  if (begun_ && place_.meta.log != log->meta.log) return fail({.code = errc::not_a_log, .subject = place_.path});
  const auto f = read_segment_file(*log, s.number);
  if (!f) return std::unexpected(f.error());
  if (!*f) return log->fail_call({ENOENT}, s.number);
  const auto source = open_source(*log, **f);
  if (!source) return std::unexpected(source.error());
  if (!begun_) {
    if (auto done = begin_with(*log, *source); !done) return done;
  }
  const auto there = std::ranges::find(chain_, s.number, [](const archived_segment& a) { return a.header.number; });
  if (there == chain_.end()) {
    if (auto done = make_room(**f); !done) return done;
    if (auto done = store(*log, *source, nullptr); !done) return done;
    chain_.push_back({.header = **f, .how = settings_.level == 0 ? packing::plain : packing::compressed});
  } else {
    if (there->header.activation->salt != (*f)->activation->salt) return does_not_fit(s.number, 0, 0);
    const std::uint64_t end = (*f)->end->last + 1;
    // Frames never change but where a recovery accepted their loss: then the archive has the better copy.
    if (has_lost_frames(*source)) return settle();
    if (end < there->header.end->last + 1) {
      const auto has_lost = lost_its_end(*log, **f);
      if (!has_lost) return std::unexpected(has_lost.error());
      if (*has_lost) return settle();
    }
    const auto behind = there + 1;
    const bool fits = behind == chain_.end() || behind->header.activation->follows() == end;
    // An older state of the log, which somebody has restored. What came of it since is in the archive.
    if (!fits && behind->header.activation->follows() < end)
      return does_not_fit(s.number, behind->header.activation->follows(), end);
    if (auto done = store(*log, *source, &*there); !done) return done;
    there->header = **f;
    // The log was truncated within it: what was behind that is no more.
    if (!fits) {
      if (auto done = forget_from(static_cast<std::size_t>(behind - chain_.begin())); !done) return done;
    }
  }
  // The one that was missing may have come: then those behind it belong to the archive again.
  if (has_gap_) {
    if (auto done = look(); !done) return done;
  }
  return settle();
}

/// A segment that follows the last one needs none. One that follows an earlier one says that the log was truncated there:
/// what was behind that goes.
result<void> archive_directory::make_room(const segment_file& next) {
  if (chain_.empty()) {
    const std::uint64_t first = state_->current().trim_point;
    return next.activation->follows() == first ? result<void>{}
                                               : does_not_fit(next.number, first, next.activation->follows());
  }
  // The log was truncated to nothing, and begins where the archive does.
  if (next.activation->predecessor == 0 && next.activation->follows() == chain_.front().header.activation->follows())
    return forget_from(0);
  const auto is_before = [&](const archived_segment& a) {
    return a.header.number == next.activation->predecessor && a.header.activation->salt == next.activation->predecessor_salt;
  };
  const auto before = std::ranges::find_if(chain_, is_before);
  const std::uint64_t end = chain_.back().header.end->last + 1;
  if (before == chain_.end()) return does_not_fit(next.number, end, next.activation->follows());
  const auto& a = before->header;
  // It begins where that does if that was left without a record.
  const bool reaches =
      next.activation->follows() >= a.activation->follows() && next.activation->follows() <= a.end->last + 1;
  if (!reaches) return does_not_fit(next.number, a.end->last + 1, next.activation->follows());
  // It follows that one since what stood between was lost: here it is not.
  if (next.activation->given_up != 0 && before + 1 != chain_.end())
    return does_not_fit(next.number, a.end->last + 1, next.activation->follows());
  return forget_from(static_cast<std::size_t>(before - chain_.begin()) + 1);
}

/// Newest first, each durably: whenever it stops, what is left is a chain.
result<void> archive_directory::forget_from(std::size_t position) {
  while (chain_.size() > position) {
    if (auto done = remove(chain_.back().header.number, chain_.back().how); !done) return done;
    chain_.pop_back();
  }
  return {};
}

result<void> archive_directory::remove(std::uint64_t number, packing how) {
  const auto name = copy_name(number, how);
  if (const auto done = os::remove(place_.directory, name.c_str()); !done && done.error().number != ENOENT)
    return place_.fail_call(done.error(), number);
  if (const auto done = os::sync_directory(place_.directory); !done) return place_.fail_call(done.error());
  return {};
}

/// `there`: the copy that is there already. One that is what it should be stays.
result<void> archive_directory::store(const log_place& log, const copy_source& source, archived_segment* there) {
  const std::uint64_t number = source.segment->facts().number;
  if (there != nullptr) {
    const auto is_whole = is_copy_of(place_.directory, copy_name(number, there->how), there->how, source);
    if (!is_whole) return place_.fail_call(is_whole.error(), number);
    if (*is_whole) return {};
  }
  const packing how = settings_.level == 0 ? packing::plain : packing::compressed;
  const auto temporary = temporary_copy_name(number, how), name = copy_name(number, how);
  static_cast<void>(os::remove(place_.directory, temporary.c_str()));  // of somebody who died
  const auto put = [&]() -> result<void> {
    if (auto done = write_copy(log, source, place_, temporary, how, settings_.level, settings_.permissions); !done)
      return done;
    VARVE_POINT("archiver.before_compare");
    // From the disk, as far as that can be had.
    if (const auto file = os::open_file(place_.directory, temporary.c_str(), os::access::read)) os::drop_from_cache(*file);
    const auto is_whole = is_copy_of(place_.directory, temporary, how, source);
    if (!is_whole) return place_.fail_call(is_whole.error(), number);
    if (!*is_whole) return fail({.code = errc::damaged, .subject = place_.path, .segment = number});
    VARVE_POINT("archiver.before_rename");
    if (const auto done = os::rename(place_.directory, temporary.c_str(), name.c_str()); !done)
      return place_.fail_call(done.error(), number);
    if (const auto done = os::sync_directory(place_.directory); !done) return place_.fail_call(done.error());
    return {};
  };
  if (auto done = put(); !done) {
    static_cast<void>(os::remove(place_.directory, temporary.c_str()));
    return done;
  }
  if (there == nullptr || there->how == how) return {};
  if (auto done = remove(number, there->how); !done) return done;
  there->how = how;
  return {};
}

/// The state follows: what it says is there.
result<void> archive_directory::settle() {
  const auto& last = chain_.back().header;
  closed_end end{
      .first = state_->current().trim_point, .next = last.end->last + 1, .segment = last.number, .offset = last.end->offset};
  for (const auto& a : chain_) end.newest.note(a.header.activation->epoch, a.header.activation->generation);
  const auto next = closed_state(state_->current(), end);
  const auto& now = state_->current();
  const bool says_so = now.clean_segment == next.clean_segment && now.clean_offset == next.clean_offset &&
                       now.clean_next == next.clean_next && now.condition == next.condition && now.epoch == next.epoch &&
                       !state_->is_copy();
  if (says_so) return {};
  VARVE_POINT("archiver.before_state");
  return state_->write(place_, next);
}

std::unexpected<error> archive_directory::does_not_fit(std::uint64_t number, std::uint64_t from,
                                                       std::uint64_t to) const noexcept {
  return fail({.code = errc::damaged,
               .subject = place_.path,
               .segment = number,
               .first_sequence = from,
               .last_sequence = std::max(to, from + 1) - 1});
}

}  // namespace varve::core
