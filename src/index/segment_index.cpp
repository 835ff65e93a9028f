// SPDX-License-Identifier: MIT
#include "index/segment_index.hpp"

#include <algorithm>
#include <bit>

#include "base/bits.hpp"
#include "os/shared.hpp"

namespace varve::core {
namespace {

constexpr std::uint64_t slot_bytes = sizeof(std::uint64_t);

std::uint64_t file_bytes(const index_identity& id) noexcept {
  return format::index_header_bytes + format::slots_of(id.capacity, id.stride_bytes) * slot_bytes;
}

format::file_name name_of(std::uint64_t number) noexcept { return format::name_of(format::file_kind::index, number); }

bool is_index_of(const os::file& file, const index_identity& id) noexcept {
  const auto status = os::status_of(file);
  if (!status || status->bytes < file_bytes(id)) return false;
  format::sector bytes{};
  const auto n = os::read_at(file, 0, bytes);
  if (!n || *n != bytes.size()) return false;
  const auto header = format::decode<format::index_header>(bytes);
  return header && header->log == id.log && header->number == id.number && header->stride_bytes == id.stride_bytes &&
         header->slots == format::slots_of(id.capacity, id.stride_bytes);
}

}  // namespace

segment_index::segment_index(os::mapping map, std::uint64_t first_slot_at, const index_identity& id) noexcept
    : map_(std::move(map)),
      slots_(&shared::place_at<std::uint64_t>(map_.bytes().data() + first_slot_at)),
      count_(format::slots_of(id.capacity, id.stride_bytes)),
      capacity_(id.capacity),
      stride_log2_(static_cast<unsigned>(std::countr_zero(id.stride_bytes))) {}

segment_index segment_index::in_memory(const index_identity& id) noexcept {
  auto map = os::map_private(format::slots_of(id.capacity, id.stride_bytes) * slot_bytes);
  return map ? segment_index{std::move(*map), 0, id} : segment_index{};
}

segment_index segment_index::create(const os::file& directory, const index_identity& id,
                                    std::uint32_t permissions) noexcept {
  const auto name = name_of(id.number);
  // Always a new file, never one that stands there: its blocks are known to be allocated, and nobody else has it.
  static_cast<void>(os::remove(directory, name.c_str()));
  const auto file = os::create_file(directory, name.c_str(), permissions);
  if (!file) return in_memory(id);
  const format::index_header header{.log = id.log,
                                    .number = id.number,
                                    .slots = format::slots_of(id.capacity, id.stride_bytes),
                                    .stride_bytes = id.stride_bytes};
  if (os::allocate(*file, file_bytes(id)) && os::write_at(*file, 0, format::encode(header))) {
    if (auto map = os::map(*file, file_bytes(id), os::access::read_write))
      return segment_index{std::move(*map), format::index_header_bytes, id};
  }
  remove_index(directory, id.number);  // half an index is none
  return in_memory(id);
}

segment_index segment_index::load(const os::file& directory, const index_identity& id) noexcept {
  auto index = in_memory(id);
  const auto file = os::open_file(directory, name_of(id.number).c_str(), os::access::read);
  if (file && index.slots_ != nullptr && is_index_of(*file, id))
    static_cast<void>(os::read_at(*file, format::index_header_bytes, index.map_.bytes()));
  return index;
}

void segment_index::copy_from(const segment_index& other) noexcept {
  for (std::uint64_t i = 0; i < std::min(count_, other.count_); ++i) {
    const std::uint64_t word = shared::load(other.slots_[i], std::memory_order_relaxed, "index:slot");
    if (word != 0) shared::store(slots_[i], word, std::memory_order_relaxed, "index:slot");
  }
}

void segment_index::store(std::uint64_t begin, std::uint64_t end, std::uint64_t next_less_base,
                          std::uint64_t salt) const noexcept {
  const auto slot = format::slot_crossed(begin, end, capacity_, std::uint32_t{1} << stride_log2_);
  if (!slot) return;
  const std::uint64_t word = format::encode_slot({.sequence_less_base = next_less_base, .offset = end}, salt);
  // index:slot  relaxed. A page that says so already is not made dirty.
  if (shared::load(slots_[*slot], std::memory_order_relaxed, "index:slot") == word) return;
  shared::store(slots_[*slot], word, std::memory_order_relaxed, "index:slot");
}

void segment_index::populate_for_writing(std::uint64_t begin, std::uint64_t bytes) const noexcept {
  if (slots_ == nullptr) return;
  const std::uint64_t first = begin >> stride_log2_, last = (begin + bytes) >> stride_log2_;
  const std::uint64_t slots_at = map_.bytes().size() - count_ * slot_bytes;  // they are the last in it
  static_cast<void>(os::populate_for_writing(map_, slots_at + first * slot_bytes, (last - first + 1) * slot_bytes));
}

std::optional<segment_index::hint> segment_index::last_in(std::uint64_t low, std::uint64_t high,
                                                          std::uint64_t salt) const noexcept {
  while (high-- > low) {
    const auto place = place_at(high, salt);
    if (place) return hint{.slot = high, .place = *place};
  }
  return std::nullopt;
}

std::optional<segment_index::hint> segment_index::find(std::uint64_t target_less_base, std::uint64_t salt) const noexcept {
  // Records are often of much the same size: what a frame took on the way to the last find says about where to look.
  const auto mean = std::bit_cast<float>(frame_bytes_.load(std::memory_order_relaxed, "index:mean"));
  const double offset = static_cast<double>(format::segment_header_bytes) + static_cast<double>(target_less_base) * mean;
  const std::uint64_t probe =
      offset < static_cast<double>(capacity_) ? static_cast<std::uint64_t>(offset) >> stride_log2_ : count_;
  if (probe + 1 < count_) {
    const auto here = place_at(probe, salt), next = place_at(probe + 1, salt);
    if (here && here->sequence_less_base <= target_less_base &&
        (next ? target_less_base < next->sequence_less_base : is_near(*here, target_less_base)))
      return hint{.slot = probe, .place = *here};
  }
  const auto found = search(count_, probe, target_less_base, salt);
  if (found && found->place.sequence_less_base != 0) {
    const auto seen = static_cast<float>(found->place.offset - format::segment_header_bytes) /
                      static_cast<float>(found->place.sequence_less_base);
    const auto word = std::bit_cast<std::uint32_t>(seen);
    // Only if it matters, so that readers leave the line alone.
    if (seen < mean * 0.9999F || seen > mean * 1.0001F) frame_bytes_.store(word, std::memory_order_relaxed, "index:mean");
  }
  return found;
}

std::optional<std::uint64_t> segment_index::guess(const hint& h, std::uint64_t target_less_base,
                                                  std::uint64_t published_less_base, std::uint64_t salt) const noexcept {
  if (h.slot + 1 >= count_) return std::nullopt;
  const auto next = place_at(h.slot + 1, salt);
  if (!next || next->sequence_less_base <= h.place.sequence_less_base || next->offset <= h.place.offset) return std::nullopt;
  if (next->sequence_less_base > published_less_base + 1) return std::nullopt;
  // 28 bits by 33: cannot wrap.
  const std::uint64_t frames = next->sequence_less_base - h.place.sequence_less_base;
  const std::uint64_t bytes = (target_less_base - h.place.sequence_less_base) * (next->offset - h.place.offset) / frames;
  return h.place.offset + core::round_down(bytes, format::frame_alignment);
}

std::optional<segment_index::hint> segment_index::before(const hint& h, std::uint64_t target_less_base,
                                                         std::uint64_t salt) const noexcept {
  return search(h.slot, h.slot, target_less_base, salt);
}

/// Of the slots below `high`, beginning at `probe`: in growing steps until the place is between two, then by halves.
std::optional<segment_index::hint> segment_index::search(std::uint64_t high, std::uint64_t probe,
                                                         std::uint64_t target_less_base, std::uint64_t salt) const noexcept {
  // What is below `low` was seen to be low enough, or says nothing; what is at `high` and above is not wanted.
  std::uint64_t low = 0, step = 1;
  bool from_below = false, from_above = false;
  std::optional<hint> best;
  while (low < high) {
    const std::uint64_t at = std::clamp(probe, low, high - 1);
    const auto seen = last_in(low, at + 1, salt);
    if (seen && seen->place.sequence_less_base > target_less_base) {
      high = seen->slot;
      from_above = true;
      probe = high > step ? high - step : 0;
    } else {
      // Behind the last frame an index says nothing, up to its end.
      if (!seen && best && is_near(best->place, target_less_base)) return best;
      if (seen) best = seen;
      low = at + 1;
      from_below = true;
      probe = at + step;
    }
    step *= 2;
    if (from_below && from_above) probe = low + (high - low) / 2;
  }
  return best;
}

bool has_index(const os::file& directory, const index_identity& id) noexcept {
  const auto file = os::open_file(directory, name_of(id.number).c_str(), os::access::read);
  return file && is_index_of(*file, id);
}

void remove_index(const os::file& directory, std::uint64_t number) noexcept {
  static_cast<void>(os::remove(directory, name_of(number).c_str()));
}

}  // namespace varve::core
