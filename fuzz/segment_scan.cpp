// SPDX-License-Identifier: MIT
//
// segment_scan.cpp - fuzz target: the bytes of one segment, and of its index. Walking, searching behind a hole and coming
// near a sequence stay inside, end, and find frames that docs/format.md calls valid.
//
// Input: flags (1 byte), checksum kind (1), base (8), how far the frames go in words (2), index slots (8 of 8), then what
// stands behind the header of the segment.
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <memory>

#include "recovery/resync.hpp"
#include "repair_frames.hpp"
#include "segment/walker.hpp"
#include "support/memory_os.hpp"

namespace varve::fuzz {
namespace {

constexpr std::uint64_t capacity = format::segment_bytes_min, salt = 0x9c3f5a7e12d4b680, page = 4096;
constexpr std::uint32_t stride = 8192;
constexpr std::size_t slots = capacity / stride, header_bytes = 12 + 8 * slots;

checksum kind_of(std::uint8_t choice) { return static_cast<checksum>(1 + choice % 5); }

/// A mapping of its own for each run, that ends just before a page that nobody may touch.
os::mapping mapped_bytes(std::uint64_t bytes) {
  void* const all = ::mmap(nullptr, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(all != MAP_FAILED, "no memory");
  auto* const start = static_cast<std::byte*>(all);
  check(::mprotect(start + bytes, page, PROT_NONE) == 0, "mprotect");
  return os::mapping{{start, bytes}};
}

/// As docs/format.md has it.
bool is_valid(const core::segment& s, std::uint64_t offset, std::uint64_t sequence, const format::frame& f) {
  const std::uint64_t limit = std::min(s.end_offset(), s.facts().capacity);
  const auto room = s.bytes().subspan(offset, limit - offset);
  const auto expected = shape_of(room);
  return number_at(room, 0, 8) == (sequence ^ salt) && expected && expected->extent == f.extent &&
         is_whole(*expected, room, offset, sequence ^ salt, s.facts().checksum);
}

core::segment_index index_of(std::span<const std::byte> words) {
  const auto directory = os::open_directory(".");
  const core::index_identity id{.log = {}, .number = 1, .capacity = capacity, .stride_bytes = stride};
  byte_vector file(format::index_header_bytes);
  const format::index_header header{.number = 1, .slots = slots, .stride_bytes = stride};
  std::ranges::copy(format::encode(header), file.begin());
  file.insert(file.end(), words.begin(), words.end());
  file.resize(format::index_header_bytes + 8 * slots);
  testing::memory_os::put("./00000000000000000001.idx", file);
  return core::segment_index::load(*directory, id);
}

/// Returns the sequence at which the walk ends. Notes frames in the index as a reader does.
std::uint64_t walk(const std::shared_ptr<core::segment>& s, format::depth how_deep) {
  core::walker at{s};
  for (;;) {
    const std::uint64_t before = at.offset(), sequence = at.sequence();
    const auto seen = how_deep == format::depth::everything ? at.step_and_note(how_deep) : at.step(how_deep);
    if (seen.what != core::sight::frame) break;
    check(at.offset() == before + seen.frame.extent && at.sequence() == sequence + 1, "a step that is none");
    check(at.offset() <= capacity, "outside");
    if (how_deep == format::depth::everything) check(is_valid(*s, before, sequence, seen.frame), "not valid");
  }
  // What recovery and views look for where a walk stops.
  for (std::uint64_t offset = at.offset(), sequence = at.sequence();;) {
    const auto rest = core::look_behind(*s, offset, sequence, how_deep);
    if (rest.what != core::behind::frame && rest.what != core::behind::broken) break;
    check(rest.offset >= offset + format::frame_header_bytes && rest.offset < capacity && rest.sequence > sequence,
          "behind");
    offset = rest.offset;
    sequence = rest.sequence;
  }
  return at.sequence();
}

void come_near(const std::shared_ptr<core::segment>& s, std::uint64_t end) {
  const std::uint64_t base = s->facts().base;
  for (std::uint64_t target = base; target < end && target < base + 64; ++target) {
    const auto found = core::walker::near(s, target, end - 1);
    check(found.at.sequence() <= target && found.at.sequence() >= base, "beyond the target");
    check(format::is_frame_boundary(found.at.offset(), capacity), "no place for a frame");
    if (!found.target) continue;
    check(found.at.sequence() == target && is_valid(*s, found.at.offset(), target, *found.target), "not the target");
  }
}

}  // namespace

void run(std::span<const std::byte> input) {
  testing::memory_os::reset();
  taker from{input};
  const auto flags = from.take<std::uint8_t>();
  const checksum kind = kind_of(from.take<std::uint8_t>());
  const std::uint64_t base = 1 + from.take<std::uint64_t>() % format::sequence_max;
  const std::uint64_t words = from.take<std::uint16_t>();
  auto index = index_of(from.take_bytes(8 * slots));
  auto map = mapped_bytes(capacity);
  const auto rest = from.take_bytes(capacity - format::segment_header_bytes);
  std::ranges::copy(rest, map.bytes().data() + format::segment_header_bytes);
  const void* const guard = map.bytes().data() + capacity;
  {
    const core::segment_facts facts{
        .number = 1, .base = base, .salt = salt, .epoch = 1, .capacity = capacity, .checksum = kind, .first_frame = base};
    const auto s = std::make_shared<core::segment>(facts, os::file{}, std::move(map), std::move(index));
    if ((flags & 1) != 0) {
      const std::uint64_t offset = std::min(format::segment_header_bytes + 8 * words, capacity);
      s->set_end(offset, std::min(base + (flags >> 1), format::sequence_max + 1));
    }
    static_cast<void>(walk(s, format::depth::shape));
    const std::uint64_t end = walk(s, format::depth::everything);
    come_near(s, end);
  }
  check(::munmap(const_cast<void*>(guard), page) == 0, "munmap");
}

void repair(byte_vector& input, std::uint64_t seed) {
  if (input.size() < header_bytes + format::frame_header_bytes) return;
  testing::dice random{seed};
  byte_vector file(format::segment_header_bytes);
  file.insert(file.end(), input.begin() + header_bytes, input.end());
  file.resize(std::min<std::size_t>(file.size(), capacity) / 8 * 8);
  const std::uint64_t base = 1 + load<std::uint64_t>(input, 2) % format::sequence_max;
  repair_frames(file, {.base = base, .salt = salt, .sum = kind_of(std::to_integer<std::uint8_t>(input[1]))}, random);
  std::copy(file.begin() + format::segment_header_bytes, file.end(), input.begin() + header_bytes);
  // Slots that are not of this salt say nothing.
  for (std::size_t i = 0; i < slots; ++i) {
    const std::size_t at = 12 + 8 * i;
    const auto slot = load<std::uint64_t>(input, at);
    if (slot != 0 && random.one_in(2)) store(std::span{input}, at, (slot & ~0ULL >> 6) | salt << 58);
  }
}

}  // namespace varve::fuzz
