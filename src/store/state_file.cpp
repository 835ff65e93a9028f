// SPDX-License-Identifier: MIT
#include "store/state_file.hpp"

#include <cerrno>

#include "os/point.hpp"

namespace varve::core {
namespace {

struct slots {
  std::expected<format::state, format::sector_fault> slot[2];
  /// The one that counts; -1 if neither is valid.
  [[nodiscard]] int newest() const noexcept {
    if (slot[0] && slot[1]) return slot[0]->generation > slot[1]->generation ? 0 : 1;
    return slot[0] ? 0 : slot[1] ? 1 : -1;
  }
};

os::result<slots> read_slots(const os::file& file) noexcept {
  slots found{{std::unexpected(format::sector_fault::absent), std::unexpected(format::sector_fault::absent)}};
  for (unsigned i = 0; i < 2; ++i) {
    format::sector bytes{};
    const auto n = os::read_at(file, i * format::state_slot_stride, bytes);
    if (!n) return std::unexpected(n.error());
    if (*n == bytes.size()) found.slot[i] = format::decode<format::state>(bytes);
    if (found.slot[i] && !format::is_sane(*found.slot[i])) found.slot[i] = std::unexpected(format::sector_fault::absent);
  }
  return found;
}

}  // namespace

result<void> state_file::create(const log_place& place, std::uint32_t permissions) {
  state_file made;
  auto file = os::create_file(place.directory, format::state_name, permissions);
  if (!file) return place.fail_call(file.error());
  made.file_ = std::move(*file);
  if (const auto done = os::allocate(made.file_, format::state_file_bytes); !done) return place.fail_call(done.error());
  const auto status = os::status_of(made.file_);
  if (!status) return place.fail_call(status.error());
  format::state empty{.generation = 1,
                      .condition = format::condition::clean,
                      .inode = status->inode,
                      .birth_ns = status->birth_ns,
                      .trim_point = 1,
                      .clean_next = 1};
  if (auto done = made.store(place, 0, empty); !done) return done;
  empty.generation = 2;
  if (auto done = made.store(place, 1, empty); !done) return done;
  if (const auto done = os::sync_file(made.file_); !done) return place.fail_call(done.error());
  return {};
}

result<state_file> state_file::open(const log_place& place, os::access mode) {
  state_file opened;
  auto file = os::open_file(place.directory, format::state_name, mode);
  if (!file && file.error().number == ENOENT) return place.fail_file(errc::damaged, format::state_name);
  if (!file) return place.fail_open(file.error());
  opened.file_ = std::move(*file);
  const auto status = os::status_of(opened.file_);
  if (!status) return place.fail_call(status.error());
  if (mode == os::access::read_write && status->links > 1)
    return fail({.code = errc::not_a_log, .subject = place.path, .os_errno = EMLINK});
  opened.inode_ = status->inode;
  opened.birth_ns_ = status->birth_ns;
  const auto found = read_slots(opened.file_);
  if (!found) return place.fail_call(found.error());
  for (const auto& slot : found->slot)
    if (!slot && slot.error() == format::sector_fault::newer)
      return fail({.code = errc::newer_format, .subject = place.path});
  const int newest = found->newest();
  if (newest < 0) return place.fail_file(errc::damaged, format::state_name);
  opened.slot_ = static_cast<unsigned>(newest);
  opened.current_ = *found->slot[newest];
  if (mode == os::access::read_write && !format::may_be_followed(opened.current_))
    return place.fail_file(errc::damaged, format::state_name);
  opened.both_valid_ = found->slot[0] && found->slot[1];
  opened.copy_ = opened.current_.inode != status->inode || opened.current_.birth_ns != status->birth_ns;
  return opened;
}

bool state_file::is_unchanged() const noexcept {
  const auto found = read_slots(file_);
  if (!found) return false;
  const int newest = found->newest();
  return newest >= 0 && found->slot[newest]->generation == current_.generation;
}

bool state_file::is_of_same_epoch() const noexcept {
  const auto found = read_slots(file_);
  if (!found) return false;
  const int newest = found->newest();
  return newest >= 0 && found->slot[newest]->epoch == current_.epoch;
}

result<void> state_file::reaffirm(const log_place& place) { return store(place, slot_, current_); }

result<void> state_file::write(const log_place& place, format::state next) {
  next.generation = current_.generation + 1;
  next.inode = inode_;
  next.birth_ns = birth_ns_;
  if (auto done = store(place, slot_ ^ 1U, next); !done) return done;
  slot_ ^= 1U;
  current_ = next;
  both_valid_ = true;
  copy_ = false;
  return {};
}

result<void> state_file::store(const log_place& place, unsigned slot, const format::state& s) {
  VARVE_POINT("state.before_store");
  if (const auto done = os::write_at(file_, slot * format::state_slot_stride, format::encode(s)); !done)
    return place.fail_call(done.error());
  VARVE_POINT("state.before_sync");
  if (const auto done = os::sync_data(file_); !done) return place.fail_call(done.error());
  return {};
}

}  // namespace varve::core
