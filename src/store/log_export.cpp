// SPDX-License-Identifier: MIT
#include "store/log_export.hpp"

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "format/file_name.hpp"
#include "os/point.hpp"
#include "os/process.hpp"
#include "store/log_directory.hpp"
#include "store/meta_file.hpp"
#include "store/state_file.hpp"

namespace varve::core {
namespace {

/// Makes a directory beside the wanted one.
result<std::string> make_partial(const std::string& wanted, const log_place& place, std::uint32_t permissions) {
  std::uint64_t number = 0;
  if (const auto done = os::fill_random(std::as_writable_bytes(std::span{&number, 1})); !done)
    return place.fail_call(done.error());
  constexpr char digits[] = "0123456789abcdef";
  std::string path = wanted + ".partial-";
  for (int shift = 60; shift >= 0; shift -= 4) path += digits[number >> shift & 15];
  const std::uint32_t mode = permissions | (permissions & 0444) >> 2;  // an x for each r
  if (const auto made = os::make_directory(path, mode); !made) return place.fail_call(made.error());
  return path;
}

}  // namespace

format::state closed_state(const format::state& of_source, const closed_end& end) noexcept {
  return {.generation = std::max(of_source.generation, end.newest.generation),
          .epoch = std::max(of_source.epoch, end.newest.epoch),
          .condition = format::condition::clean,
          .trim_point = end.first,
          .durable_floor = end.next - 1,
          .clean_segment = end.segment,
          .clean_offset = end.offset,
          .clean_next = end.next,
          // What was saved of the log is saved of its copy as well. Whether its segments are in an archive is another
          // matter: that is told to the copy when it asks.
          .checkpoint = std::min(of_source.checkpoint, end.next - 1)};
}

void newest_begun::note(std::uint64_t its_epoch, std::uint64_t its_generation) noexcept {
  epoch = std::max(epoch, static_cast<std::uint32_t>(its_epoch));
  generation = std::max(generation, its_generation);
}

log_export::log_export(log_export&& other) noexcept
    : place_(std::move(other.place_)),
      wanted_(std::move(other.wanted_)),
      path_(std::exchange(other.path_, {})),
      permissions_(other.permissions_) {}

log_export::~log_export() {
  if (!path_.empty()) remove_all();
}

result<log_export> log_export::begin(const std::filesystem::path& to, const format::meta& meta, std::uint32_t permissions) {
  log_export made;
  made.wanted_ = to.string();
  while (made.wanted_.size() > 1 && made.wanted_.ends_with('/')) made.wanted_.pop_back();
  if (made.wanted_.empty() || made.wanted_ == "/") return bad_option("to");
  // Looked at now, so that nobody copies for hours in vain; what counts is the renaming.
  const auto there = os::open_directory(made.wanted_);
  if (there || there.error().number == ENOTDIR) return bad_option("to");
  made.place_.path = intern(made.wanted_);
  made.place_.meta = meta;
  made.place_.meta.kind = format::directory_kind::log;
  made.permissions_ = permissions;
  auto path = make_partial(made.wanted_, made.place_, permissions);
  if (!path) return std::unexpected(path.error());
  made.path_ = std::move(*path);
  auto directory = os::open_directory(made.path_);
  if (!directory) return made.place_.fail_call(directory.error());
  made.place_.directory = std::move(*directory);
  const auto locked = os::try_lock_directory(made.place_.directory);
  if (!locked) return made.place_.fail_call(locked.error());
  if (!*locked) return fail({.code = errc::locked, .subject = made.place_.path});  // somebody removes it as a dead one
  return made;
}

result<os::file> log_export::make_segment(std::uint64_t number) {
  const auto name = format::name_of(format::file_kind::segment, number);
  auto file = os::create_file(place_.directory, name.c_str(), permissions_);
  if (!file) return place_.fail_call(file.error());
  return std::move(*file);
}

result<void> log_export::clear() {
  const auto names = os::list(place_.directory);
  if (!names) return place_.fail_call(names.error());
  for (const auto& name : *names)
    if (const auto done = os::remove(place_.directory, name.c_str()); !done) return place_.fail_call(done.error());
  return {};
}

result<void> log_export::write_all(const format::state& state) {
  if (auto done = state_file::create(place_, permissions_, state); !done) return done;
  return write_meta(place_, permissions_);  // last, as in any log; it syncs the directory
}

result<void> log_export::finish(const format::state& state) {
  if (auto done = write_all(state); !done) return done;
  VARVE_POINT("export.before_rename");
  const auto renamed = os::rename_directory_to_new(path_, wanted_);
  if (!renamed && renamed.error().number == EEXIST) return bad_option("to");
  if (!renamed) return place_.fail_call(renamed.error());
  path_ = wanted_;
  VARVE_POINT("export.before_sync");
  if (const auto done = os::sync_parent(place_.directory); !done) return place_.fail_call(done.error());
  path_.clear();
  return {};
}

/// Best effort: who is told of a failure knows that something may be left.
void log_export::remove_all() noexcept {
  if (const auto names = os::list(place_.directory))
    for (const auto& name : *names) static_cast<void>(os::remove(place_.directory, name.c_str()));
  place_.directory.close();
  static_cast<void>(os::remove_directory(path_));
}

}  // namespace varve::core
