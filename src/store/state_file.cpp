// SPDX-License-Identifier: MIT
#include "store/state_file.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>

#include "os/point.hpp"

namespace varve::core {
namespace {

/// What stands in the file.
struct slots {
  std::optional<format::state> newest[2];  // of the copies of each slot
  bool is_newer_format = false;            // one of a version that we do not know

  /// The slot that counts; -1 if no copy of any is valid.
  [[nodiscard]] int current() const noexcept {
    if (newest[0] && newest[1]) return newest[0]->generation > newest[1]->generation ? 0 : 1;
    return newest[0] ? 0 : newest[1] ? 1 : -1;
  }
};

os::result<slots> read_slots(const os::file& file, unsigned copies) noexcept {
  slots found;
  for (unsigned slot = 0; slot < 2; ++slot) {
    for (const std::uint64_t offset : std::span{format::state_copy_offset[slot]}.first(copies)) {
      format::sector bytes{};
      const auto n = os::read_at(file, offset, bytes);
      if (!n) return std::unexpected(n.error());
      if (*n != bytes.size()) continue;
      const auto seen = format::decode<format::state>(bytes);
      if (!seen && seen.error() == format::sector_fault::newer) found.is_newer_format = true;
      if (!seen || !format::is_sane(*seen)) continue;
      auto& newest = found.newest[slot];
      if (!newest || seen->generation > newest->generation) newest = *seen;
    }
  }
  return found;
}

unsigned copies_of(const log_place& place) noexcept { return place.is_of_version_1() ? 1 : 2; }

}  // namespace

result<void> state_file::create(const log_place& place, std::uint32_t permissions, format::state first) {
  state_file made;
  auto file = os::create_file(place.directory, format::state_name, permissions);
  if (!file) return place.fail_call(file.error());
  made.file_ = std::move(*file);
  if (const auto done = os::allocate(made.file_, format::state_file_bytes); !done) return place.fail_call(done.error());
  const auto status = os::status_of(made.file_);
  if (!status) return place.fail_call(status.error());
  first.inode = status->inode;
  first.birth_ns = status->birth_ns;
  // Both: with one slot of something else, and that lost, the other would lie.
  for (const unsigned slot : {0U, 1U}) {
    ++first.generation;
    if (auto done = made.store(place, slot, first); !done) return done;
  }
  if (const auto done = os::sync_file(made.file_); !done) return place.fail_call(done.error());
  return {};
}

result<void> state_file::replace(const log_place& place, std::uint32_t permissions, const format::state& lost) {
  state_file made;
  // One that an earlier call has left.
  if (const auto gone = os::remove(place.directory, format::state_temporary_name); !gone && gone.error().number != ENOENT)
    return place.fail_call(gone.error());
  auto file = os::create_file(place.directory, format::state_temporary_name, permissions);
  if (!file) return place.fail_call(file.error());
  made.file_ = std::move(*file);
  if (const auto done = os::allocate(made.file_, format::state_file_bytes); !done) return place.fail_call(done.error());
  format::state next = lost;
  next.inode = next.birth_ns = 0;  // no file has that inode
  for (const unsigned slot : {0U, 1U}) {
    ++next.generation;
    if (auto done = made.store(place, slot, next); !done) return done;
  }
  if (const auto done = os::sync_file(made.file_); !done) return place.fail_call(done.error());
  VARVE_POINT("state.before_rename");
  if (const auto done = os::rename(place.directory, format::state_temporary_name, format::state_name); !done)
    return place.fail_call(done.error());
  VARVE_POINT("state.before_directory_sync");
  if (const auto done = os::sync_directory(place.directory); !done) return place.fail_call(done.error());
  return {};
}

state_file state_file::proposed(const format::state& s) noexcept {
  state_file made;
  made.current_ = s;
  made.both_known_ = made.copy_ = true;
  return made;
}

result<state_file> state_file::open(const log_place& place, os::access mode) {
  state_file opened;
  auto file = os::open_file(place.directory, format::state_name, mode);
  if (!file && file.error().number == ENOENT) return place.fail_file(errc::incomplete, format::state_name);
  if (!file) return place.fail_open(file.error());
  opened.file_ = std::move(*file);
  opened.copies_ = copies_of(place);
  const auto status = os::status_of(opened.file_);
  if (!status) return place.fail_call(status.error());
  if (mode == os::access::read_write && status->links > 1)
    return fail({.code = errc::not_a_log, .subject = place.path, .os_errno = EMLINK});
  opened.inode_ = status->inode;
  opened.birth_ns_ = status->birth_ns;
  const auto found = read_slots(opened.file_, opened.copies_);
  if (!found) return place.fail_call(found.error());
  if (found->is_newer_format) return fail({.code = errc::newer_format, .subject = place.path});
  const int current = found->current();
  if (current < 0) return place.fail_file(errc::damaged, format::state_name);
  // It was cut short, or half copied, and with it went all copies of a slot, perhaps of the newer one.
  const bool lacks_slot = !found->newest[0] || !found->newest[1];
  if (lacks_slot && status->bytes < format::state_file_bytes && !place.is_of_version_1())
    return place.fail_file(errc::incomplete, format::state_name);
  opened.slot_ = static_cast<unsigned>(current);
  opened.current_ = *found->newest[current];
  if (mode == os::access::read_write && !format::may_be_followed(opened.current_))
    return place.fail_file(errc::damaged, format::state_name);
  opened.both_known_ = found->newest[0] && found->newest[1];
  opened.copy_ = opened.current_.inode != status->inode || opened.current_.birth_ns != status->birth_ns;
  return opened;
}

std::optional<format::state> state_file::look_again() const noexcept {
  const auto found = read_slots(file_, copies_);
  if (!found) return std::nullopt;
  const int current = found->current();
  return current < 0 ? std::nullopt : found->newest[current];
}

bool state_file::is_unchanged() const noexcept {
  const auto now = look_again();
  return now && now->generation == current_.generation;
}

bool state_file::is_of_same_epoch() const noexcept {
  const auto now = look_again();
  return now && now->epoch == current_.epoch;
}

result<void> state_file::reaffirm(const log_place& place) { return store(place, slot_, current_); }

result<void> state_file::write(const log_place& place, format::state next) {
  next.generation = std::max(next.generation, current_.generation) + 1;
  next.inode = inode_;
  next.birth_ns = birth_ns_;
  if (auto done = store(place, slot_ ^ 1U, next); !done) return done;
  slot_ ^= 1U;
  current_ = next;
  both_known_ = true;
  copy_ = false;
  return {};
}

result<void> state_file::store(const log_place& place, unsigned slot, const format::state& s) {
  const auto bytes = format::encode(s);
  VARVE_POINT("state.before_store");
  for (const std::uint64_t offset : format::state_copy_offset[slot])
    if (const auto done = os::write_at(file_, offset, bytes); !done) return place.fail_call(done.error());
  VARVE_POINT("state.before_sync");
  if (const auto done = os::sync_data(file_); !done) return place.fail_call(done.error());
  return {};
}

}  // namespace varve::core
