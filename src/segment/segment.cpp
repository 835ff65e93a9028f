// SPDX-License-Identifier: MIT
//
// Ordering of the header sectors, which views in other processes read while the roller writes them
//   header:A / header:B   every other word of the end sector is written, then its offset
// A sector that is read half written fails its checksum and counts as absent, so the other sectors need no order.
#include "segment/segment.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>

#include "format/file_name.hpp"
#include "os/waiting.hpp"
#include "segment/mapped_sector.hpp"

namespace varve::core {
namespace {

constexpr std::size_t word_bytes = sizeof(std::uint64_t);
constexpr std::size_t end_offset_at = offsetof(format::end, offset);

/// Whoever takes a file exclusively only asks whether it is pinned, and gives it back at once; or he is about to use it
/// anew, and then there is no use in waiting. Arbitrary: some milliseconds.
os::result<void> pin(const os::file& file) noexcept {
  constexpr unsigned tries_max = 50;
  constexpr std::chrono::microseconds pause{100};
  for (unsigned tries = 0;; ++tries) {
    const auto pinned = os::try_pin(file);
    if (!pinned) return std::unexpected(pinned.error());
    if (*pinned) return {};
    if (tries == tries_max) return std::unexpected(os::failure{EBUSY});
    os::nap(pause);
  }
}

}  // namespace

void segment::begin(const format::activation& a) noexcept {
  facts_.base = a.base - a.given_up;
  facts_.salt = a.salt;
  facts_.epoch = a.epoch;
  facts_.begun_ns = a.time_ns;
  facts_.first_frame = a.base;
  facts_.generation = a.generation;
  store_sector(map_.bytes().data() + format::activation_offset, format::encode(a));
  mark_header_dirty();
}

void segment::populate_for_writing(std::uint64_t begin, std::uint64_t bytes) const noexcept {
  static_cast<void>(os::populate_for_writing(map_, begin, bytes));
  index_.populate_for_writing(begin, bytes);
}

void segment::write_end(const format::end& e) noexcept {
  std::byte* place = map_.bytes().data() + format::end_offset;
  auto sector = format::encode(e);
  constexpr std::uint64_t nothing = 0;
  std::memcpy(sector.data() + end_offset_at, &nothing, word_bytes);
  store_sector(place, sector);
  VARVE_POINT("roll.between_end_words");
  // header:A  release. Pairs with header:B: who reads this offset reads the rest of the sector as well.
  shared::store(shared::place_at<std::uint64_t>(place + end_offset_at), e.offset, std::memory_order_release, "header:A");
  mark_header_dirty();
}

std::optional<format::end> segment::read_end() const noexcept {
  const std::byte* place = map_.bytes().data() + format::end_offset;
  const auto& offset_place = shared::place_at<std::uint64_t>(place + end_offset_at);
  // header:B  acquire. Pairs with header:A.
  if (shared::load(offset_place, std::memory_order_acquire, "header:B") == 0) return std::nullopt;
  const auto e = format::decode<format::end>(load_sector(place));
  const format::activation of_this{.base = facts_.first_frame, .salt = facts_.salt};
  if (!e || !format::belongs(*e, of_this, format::identity{.capacity = facts_.capacity})) return std::nullopt;
  return *e;
}

std::uint64_t segment::read_sealed_time() const noexcept {
  const auto s = format::decode<format::seal>(load_sector(map_.bytes().data() + format::seal_offset));
  const auto e = read_end();
  return s && e && format::belongs(*s, *e) ? s->time_last_ns : 0;
}

result<std::shared_ptr<segment>> open_segment(const os::file& directory, const error_subject* path,
                                              const segment_facts& facts, os::access mode, pinning how, segment_index index,
                                              std::vector<hole> holes) {
  const auto name = format::name_of(format::file_kind::segment, facts.number);
  const auto not_ours = [&] {
    // Opened under its old name, and pinned when it had got another: that is no damage.
    const auto there = os::open_file(directory, name.c_str(), os::access::read);
    if (!there && there.error().number == ENOENT)
      return fail({.code = errc::io, .subject = path, .os_errno = ENOENT, .segment = facts.number});
    return fail({.code = errc::damaged, .subject = path, .segment = facts.number});
  };
  auto file = os::open_file(directory, name.c_str(), mode);
  if (!file) {
    return fail({.code = code_of_errno(file.error().number),
                 .subject = path,
                 .os_errno = file.error().number,
                 .segment = facts.number});
  }
  // Pinned first, looked at then: what its header says stays true.
  if (how == pinning::yes) {
    if (const auto pinned = pin(*file); !pinned) return fail_call(pinned.error().number, path);
  }
  auto map = os::map(*file, facts.capacity, mode);
  if (!map && map.error().number == EINVAL) return not_ours();  // the file was cut short
  if (!map) return fail_call(map.error().number, path);
  const auto header = map->bytes().first(format::segment_header_bytes);
  const auto identity = format::decode<format::identity>(load_sector(header.data() + format::identity_offset));
  const auto activation = format::decode<format::activation>(load_sector(header.data() + format::activation_offset));
  if (identity ? identity->number != facts.number : !facts.header_rebuilt) return not_ours();
  // What no writer would have stored is as lost as what cannot be read.
  const bool is_there = activation && format::is_sane(*activation);
  if (is_there ? activation->salt != facts.salt || activation->base != facts.first_frame : !facts.header_rebuilt)
    return not_ours();
  if (mode == os::access::read && how == pinning::no) file->close();  // the mapping stays
  return std::make_shared<segment>(facts, std::move(*file), std::move(*map), std::move(index), std::move(holes));
}

}  // namespace varve::core
