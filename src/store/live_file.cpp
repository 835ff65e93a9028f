// SPDX-License-Identifier: MIT
//
// Ordering of the writer's words
//   live:word   relaxed: each is a hint by itself, believed only while a writer of the same epoch lives
//   turn:A / turn:B   the state says what went, then the turn changes: who sees that reads a state of then or later. (turn:A
//                     also in view/view_object.cpp)
#include "store/live_file.hpp"

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "os/shared.hpp"
#include "segment/mapped_sector.hpp"

namespace varve::core {

result<void> live_file::lock(const log_place& place) {
  const auto locked = os::try_lock_for_life(file_);
  if (!locked) return place.fail_call(locked.error());
  if (!*locked) return fail({.code = errc::locked, .subject = place.path});
  return {};
}

/// Through a descriptor of its own: a mapping keeps its file open, and so the lock, as long as a reader is held.
os::result<void> live_file::map_again(const log_place& place, os::access mode) {
  const auto file = os::open_file(place.directory, format::live_name, mode);
  if (!file) return std::unexpected(file.error());
  auto map = os::map(*file, format::live_page_bytes, mode);
  if (!map) return std::unexpected(map.error());
  map_ = std::move(*map);
  is_short_ = false;
  return {};
}

/// What is left of a file that was cut short: a mark in it says what was durable as well as ever. No writer has it: the next
/// one makes it whole, and it is then another one for whoever looks on.
os::result<void> live_file::copy_short() {
  auto copy = os::map_private(format::block_bytes);
  if (!copy) return std::unexpected(copy.error());
  if (const auto n = os::read_at(file_, 0, copy->bytes()); !n) return std::unexpected(n.error());
  map_ = std::move(*copy);
  is_short_ = true;
  return {};
}

result<live_file> live_file::open_for_recovery(const log_place& place) {
  live_file live;
  auto file = os::open_file(place.directory, format::live_name, os::access::read_write);
  if (!file && file.error().number == ENOENT) return live;
  if (!file) return place.fail_open(file.error());
  live.file_ = std::move(*file);
  const auto status = os::status_of(live.file_);
  if (!status) return place.fail_call(status.error());
  if (status->links > 1)
    return fail({.code = errc::not_a_log, .subject = place.path, .os_errno = EMLINK});  // somebody else's file as well
  if (auto done = live.lock(place); !done) return std::unexpected(done.error());
  auto mapped = live.map_again(place, os::access::read);
  if (!mapped && mapped.error().number == EINVAL) mapped = live.copy_short();
  if (!mapped) return place.fail_call(mapped.error());
  return live;
}

result<void> live_file::begin_writing(const log_place& place, std::uint32_t permissions) {
  if (!file_.is_open()) {
    auto made = os::create_file(place.directory, format::live_name, permissions);
    if (!made) return place.fail_open(made.error());
    file_ = std::move(*made);
    if (auto done = lock(place); !done) return done;
  }
  const auto status = os::status_of(file_);
  if (!status) return place.fail_call(status.error());
  // Blocks too, not only its size: a store to a page without one raises SIGBUS on a full disk.
  if (status->bytes < format::live_file_bytes || status->allocated_bytes < format::live_file_bytes) {
    if (const auto done = os::allocate(file_, format::live_file_bytes); !done) return place.fail_call(done.error());
    // Its size and entry must last: a log without checksums lives by its marks.
    if (const auto done = os::sync_file(file_); !done) return place.fail_call(done.error());
    if (const auto done = os::sync_directory(place.directory); !done) return place.fail_call(done.error());
  }
  if (const auto mapped = map_again(place, os::access::read_write); !mapped) return place.fail_call(mapped.error());
  return {};
}

result<live_file> live_file::open_for_writing(const log_place& place, std::uint32_t permissions) {
  auto live = open_for_recovery(place);
  if (!live) return live;
  if (auto done = live->begin_writing(place, permissions); !done) return std::unexpected(done.error());
  return live;
}

result<live_file> live_file::open_for_reading(const log_place& place) {
  live_file live;
  auto file = os::open_file(place.directory, format::live_name, os::access::read);
  if (!file && file.error().number == ENOENT) return live;
  if (!file) return place.fail_open(file.error());
  live.file_ = std::move(*file);
  auto map = os::map(live.file_, format::live_page_bytes, os::access::read);
  if (!map && map.error().number == EINVAL) {
    if (const auto copied = live.copy_short(); !copied) return place.fail_call(copied.error());
    return live;
  }
  if (!map) return place.fail_call(map.error());
  live.map_ = std::move(*map);
  return live;
}

bool live_file::is_allocated() const noexcept {
  const auto status = file_.is_open() ? os::status_of(file_) : os::result<os::file_status>{};
  return status && status->allocated_bytes >= format::live_file_bytes;
}

bool live_file::is_same_file(const live_file& other) const noexcept {
  if (!file_.is_open() || !other.file_.is_open() || map_.is_mapped() != other.map_.is_mapped() ||
      is_short_ != other.is_short_)
    return false;
  const auto mine = os::status_of(file_), its = os::status_of(other.file_);
  return mine && its && mine->inode == its->inode && mine->birth_ns == its->birth_ns;
}

std::optional<format::mark> live_file::best_mark(std::uint64_t epoch) const noexcept {
  if (!map_.is_mapped()) return std::nullopt;
  // A slot that is being written is no mark, and then the other one may be older than it was when the first was looked at:
  // the writer has been there meanwhile. So what an incomplete look says must be seen twice.
  constexpr unsigned looks_max = 8;
  auto [best, complete] = look_at_marks(epoch);
  for (unsigned looks = 1; !complete && looks < looks_max; ++looks) {
    const auto before = best;
    std::tie(best, complete) = look_at_marks(epoch);
    // None at all may be seen again and again beside a writer that syncs all the time.
    if (best && before && best->sequence == before->sequence) break;
  }
  return best;
}

/// The better one, and whether both were there.
std::pair<std::optional<format::mark>, bool> live_file::look_at_marks(std::uint64_t epoch) const noexcept {
  std::optional<format::mark> best;
  bool complete = true;
  for (const std::uint64_t offset : format::mark_slot_offset) {
    const auto slot = format::decode<format::mark>(load_sector(map_.bytes().data() + offset));
    if (slot && format::is_sane(*slot) && slot->epoch == epoch) {
      if (!best || slot->sequence > best->sequence) best = *slot;
    } else {
      complete = false;
    }
  }
  return {best, complete};
}

std::optional<std::uint64_t> live_file::later_mark(std::uint64_t epoch, std::uint64_t generation) const noexcept {
  std::optional<std::uint64_t> highest;
  if (!map_.is_mapped()) return highest;
  for (const std::uint64_t offset : format::mark_slot_offset) {
    const auto slot = format::decode<format::mark>(load_sector(map_.bytes().data() + offset));
    if (!slot || !format::is_sane(*slot) || (slot->epoch <= epoch && slot->generation <= generation)) continue;
    highest = std::max(highest.value_or(0), slot->sequence);
  }
  return highest;
}

std::vector<format::mark> live_file::all_marks() const {
  std::vector<format::mark> marks;
  if (!map_.is_mapped()) return marks;
  for (const std::uint64_t offset : format::mark_slot_offset) {
    const auto slot = format::decode<format::mark>(load_sector(map_.bytes().data() + offset));
    if (slot && format::is_sane(*slot)) marks.push_back(*slot);
  }
  return marks;
}

void live_file::store_mark(const format::mark& m) noexcept {
  store_sector(map_.bytes().data() + format::mark_slot_offset[next_slot_], format::encode(m));
  next_slot_ ^= 1U;
}

os::result<void> live_file::forget_marks_after(std::uint64_t epoch, std::uint64_t generation) noexcept {
  bool found = false;
  for (const std::uint64_t offset : format::mark_slot_offset) {
    std::byte* const place = map_.bytes().data() + offset;
    const auto slot = format::decode<format::mark>(load_sector(place));
    if (!slot || (slot->epoch <= epoch && slot->generation <= generation)) continue;
    store_sector(place, format::sector{});
    found = true;
  }
  return found ? sync_mark() : os::result<void>{};
}

os::result<bool> live_file::has_owner() const noexcept {
  if (!file_.is_open()) return false;
  return os::is_locked_for_life(file_, os::life_lock::owner);
}

os::result<bool> live_file::has_appender() const noexcept {
  if (!file_.is_open()) return false;
  return os::is_locked_for_life(file_, os::life_lock::appender);
}

format::writer_words& live_file::words() const noexcept {
  return shared::place_at<format::writer_words>(map_.bytes().data() + format::writer_words_offset);
}

os::result<bool> live_file::begin_appending(std::uint64_t epoch, std::uint32_t process) noexcept {
  store_published(0, epoch);
  shared::store(words().epoch, epoch, std::memory_order_relaxed, "live:word");
  shared::store(words().process, std::uint64_t{process}, std::memory_order_relaxed, "live:word");
  return os::try_lock_for_life(file_, os::life_lock::appender);
}

void live_file::begin_epoch(std::uint64_t epoch, std::uint64_t published) noexcept {
  store_published(published, epoch);
  shared::store(words().epoch, epoch, std::memory_order_relaxed, "live:word");
}

void live_file::store_published(std::uint64_t sequence, std::uint64_t epoch) noexcept {
  shared::store(words().published, sequence, std::memory_order_relaxed, "live:word");
  shared::store(words().published_check, format::check_of(sequence, epoch), std::memory_order_relaxed, "live:word");
}

void live_file::bump_turn() noexcept {
  auto& turn = shared::place_at<std::uint64_t>(map_.bytes().data() + format::turn_offset);
  shared::fetch_add(turn, std::uint64_t{1}, std::memory_order_release, "turn:B");
}

void live_file::touch_mark_page() noexcept {
  auto& turn = shared::place_at<std::uint64_t>(map_.bytes().data() + format::turn_offset);
  shared::fetch_add(turn, std::uint64_t{0}, std::memory_order_relaxed, "turn:touch");  // relaxed: it changes nothing
}

std::uint64_t live_file::turn() const noexcept {
  const std::uint64_t* const place = turn_place();
  return place == nullptr ? 0 : shared::load(*place, std::memory_order_acquire, "turn:A");
}

const std::uint64_t* live_file::turn_place() const noexcept {
  if (!map_.is_mapped() || is_short_) return nullptr;
  const std::byte* const page = map_.bytes().data();
  return &shared::place_at<std::uint64_t>(page + format::turn_offset);
}

std::uint64_t live_file::published_in(std::uint64_t epoch) const noexcept {
  if (!map_.is_mapped()) return 0;
  const std::uint64_t published = shared::load(words().published, std::memory_order_relaxed, "live:word");
  const std::uint64_t check = shared::load(words().published_check, std::memory_order_relaxed, "live:word");
  return check == format::check_of(published, epoch) ? published : 0;
}

std::uint64_t live_file::writer_epoch() const noexcept {
  return map_.is_mapped() ? shared::load(words().epoch, std::memory_order_relaxed, "live:word") : 0;
}

std::uint64_t live_file::writer_process() const noexcept {
  return map_.is_mapped() ? shared::load(words().process, std::memory_order_relaxed, "live:word") : 0;
}

}  // namespace varve::core
