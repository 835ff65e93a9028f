// SPDX-License-Identifier: MIT
//
// repair_log.cpp - changes to a packed log that keep it whole enough to be looked at further.
#include <algorithm>

#include "format/index.hpp"
#include "format/live.hpp"
#include "format/meta.hpp"
#include "format/segment_header.hpp"
#include "format/state.hpp"
#include "packed_log.hpp"
#include "repair_frames.hpp"
#include "support/dice.hpp"

namespace varve::fuzz {
namespace {

using testing::dice;

bool is_segment(std::uint8_t name) { return name >= first_segment && name < first_index; }

void refresh_sectors(std::uint8_t name, std::span<std::byte> file) {
  if (is_segment(name)) {
    refresh<format::identity>(file, format::identity_offset);
    refresh<format::activation>(file, format::activation_offset);
    refresh<format::end>(file, format::end_offset);
    refresh<format::seal>(file, format::seal_offset);
  } else if (name == state_file) {
    for (const auto& copies : format::state_copy_offset)
      for (const std::uint64_t copy : copies) refresh<format::state>(file, copy);
  } else if (name == live_file) {
    refresh<format::mark>(file, format::mark_slot_offset[0]);
    refresh<format::mark>(file, format::mark_slot_offset[1]);
  } else if (name < state_file) {
    for (const std::uint64_t copy : format::meta_copy_offset) refresh<format::meta>(file, copy);
  } else {
    refresh<format::index_header>(file, 0);
  }
}

void refresh_frames(const packed_log& log, std::span<std::byte> file, dice& random) {
  if (file.size() < format::segment_header_bytes) return;
  const auto kind = log.files.contains(meta_file) && log.files.at(meta_file).size() >= format::sector_bytes
                        ? load<std::uint8_t>(log.files.at(meta_file), offsetof(format::meta, checksum_kind))
                        : std::uint8_t{1};
  const auto base = load<std::uint64_t>(file, format::activation_offset + offsetof(format::activation, base));
  const auto salt = load<std::uint64_t>(file, format::activation_offset + offsetof(format::activation, salt));
  repair_frames(file, {.base = base, .salt = salt, .sum = static_cast<checksum>(1 + (kind - 1U) % 5)}, random);
}

/// A number in a sector becomes another one that somebody may have reason to fear: an edge, or nearly what it was.
void change_number(std::span<std::byte> file, std::size_t sector, dice& random) {
  if (file.size() < sector + format::sector_bytes) return;
  const std::size_t at = sector + 16 + 8 * random.below(19);
  const auto was = load<std::uint64_t>(file, at);
  const std::uint64_t edges[] = {0,       1,          was + 1,     was - 1,         was + 8,    was - 8,    was + 24,
                                 was * 2, 0x7fffffff, 0xffffffff,  ~0ULL,           ~0ULL >> 1, 1ULL << 63, random.next(),
                                 4096,    65536,      file.size(), was ^ 1ULL << 63};
  store(file, at, random.pick(edges));
}

void change_some_number(std::uint8_t name, std::span<std::byte> file, dice& random) {
  constexpr std::size_t state_copies[] = {0, 4096, 8192, 12288};
  std::size_t sector = 0;
  if (is_segment(name)) sector = format::sector_bytes * random.below(4);
  if (name == live_file) sector = format::sector_bytes * random.below(3);
  if (name == state_file) sector = random.pick(state_copies);
  change_number(file, sector, random);
}

/// As if its writer had decided to truncate it, and died.
void decide_truncation(packed_log& log, dice& random) {
  const auto state = log.files.find(state_file);
  if (state == log.files.end()) return;
  const std::span<std::byte> file{state->second};
  const std::uint64_t next = 1 + random.below(24);
  for (const std::size_t slot : {0U, 4096U, 8192U, 12288U}) {
    if (file.size() < slot + format::sector_bytes) continue;
    store(file, slot + offsetof(format::state, condition), format::condition::open);
    store(file, slot + offsetof(format::state, truncate_intent), next);
    store(file, slot + offsetof(format::state, durable_floor), next - 1);
    store(file, slot + offsetof(format::state, truncations), static_cast<std::uint32_t>(random.below(3)));
  }
}

void change_files(packed_log& log, dice& random) {
  const auto any = [&] {
    auto file = log.files.begin();
    std::advance(file, random.below(log.files.size()));
    return file;
  };
  const auto file = any();
  switch (random.below(12)) {
    case 0: file->second.resize(random.below(file->second.size() + 1)); break;
    case 1: file->second.resize(std::min<std::size_t>(file->second.size() + 8 * random.below(1024), 256 * 1024)); break;
    case 2: log.files.erase(file); break;
    case 3: {  // the same under another number, perhaps also by its own word
      const auto number = random.below(first_index - first_segment);
      auto copy = file->second;
      if (random.one_in(2) && is_segment(file->first) && copy.size() >= format::sector_bytes)
        store<std::uint64_t>(copy, offsetof(format::identity, number), number + 1);
      log.files[static_cast<std::uint8_t>(first_segment + number)] = std::move(copy);
      break;
    }
    case 4: std::swap(file->second, any()->second); break;
    case 5: {  // a sector of one file in the same place of another
      const auto to = any();
      const std::size_t at = format::sector_bytes * random.below(4);
      if (std::min(file->second.size(), to->second.size()) < at + format::sector_bytes) break;
      std::copy_n(file->second.begin() + static_cast<std::ptrdiff_t>(at), format::sector_bytes,
                  to->second.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    }
    case 6: log.flags ^= static_cast<std::uint8_t>(1U << random.below(8)); break;
    case 7: decide_truncation(log, random); break;
    default: change_some_number(file->first, file->second, random); break;
  }
}

}  // namespace

void repair_log(packed_log& log, std::uint64_t seed) {
  dice random{seed};
  if (!log.files.empty() && random.one_in(2)) change_files(log, random);
  for (auto& [name, file] : log.files) {
    if (!random.one_in(16)) refresh_sectors(name, file);
    if (is_segment(name) && !random.one_in(4)) refresh_frames(log, file, random);
  }
}

}  // namespace varve::fuzz
