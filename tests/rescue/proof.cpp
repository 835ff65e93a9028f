// SPDX-License-Identifier: MIT
#include "rescue/proof.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "format/file_name.hpp"
#include "format/frame.hpp"

namespace varve::testing::rescue {
namespace {

template <class S>
std::optional<S> sector_of(const byte_vector& bytes, std::uint64_t at) {
  if (bytes.size() < at + format::sector_bytes) return std::nullopt;
  format::sector s;
  std::memcpy(s.data(), bytes.data() + at, s.size());
  const auto fields = format::decode<S>(s);
  return fields ? std::optional{*fields} : std::nullopt;
}

template <class S>
std::optional<S> sane_sector_of(const byte_vector& bytes, std::uint64_t at) {
  auto s = sector_of<S>(bytes, at);
  return s && format::is_sane(*s) ? s : std::nullopt;
}

proved_segment segment_of(const std::string& name, std::uint64_t number, const byte_vector& bytes) {
  proved_segment p{.name = name, .number = number};
  p.identity = sane_sector_of<format::identity>(bytes, format::identity_offset);
  p.activation = sane_sector_of<format::activation>(bytes, format::activation_offset);
  if (!p.identity || !p.activation) return p;
  p.end = sector_of<format::end>(bytes, format::end_offset);
  if (p.end && !format::belongs(*p.end, *p.activation, *p.identity)) p.end.reset();
  p.seal = sector_of<format::seal>(bytes, format::seal_offset);
  if (p.seal && p.seal->salt != p.activation->salt) p.seal.reset();
  if (p.seal && p.end && !format::belongs(*p.seal, *p.end)) p.seal.reset();
  return p;
}

}  // namespace

proof::proof(const file_set& files) {
  if (const auto f = files.find(format::meta_name); f != files.end())
    for (const std::uint64_t at : format::meta_copy_offset)
      if (!meta) meta = sane_sector_of<format::meta>(f->second, at);
  read_state(files);
  read_segments(files);
  read_marks(files);
  count_seals();
}

void proof::read_state(const file_set& files) {
  const auto f = files.find(format::state_name);
  if (f == files.end()) return;
  for (const auto& slot : format::state_copy_offset) {
    for (const std::uint64_t at : slot) {
      const auto s = sane_sector_of<format::state>(f->second, at);
      if (s && (!state || s->generation > state->generation)) state = s;
    }
  }
  if (!state) return;
  first = state->trim_point;
  durable = std::max(first - 1, state->durable_floor);
  if (state->condition == format::condition::clean) durable = std::max(durable, state->clean_next - 1);
}

void proof::read_segments(const file_set& files) {
  for (const auto& [name, bytes] : files)
    if (const auto number = format::parse_name(format::file_kind::segment, name))
      segments.push_back(segment_of(name, *number, bytes));
}

/// Of the latest epoch that is not before the state's: what an earlier one speaks of may have been cut since.
void proof::read_marks(const file_set& files) {
  const auto f = files.find(format::live_name);
  if (f == files.end()) return;
  std::uint64_t latest = state ? state->epoch : 0, up_to = 0;
  for (const std::uint64_t at : format::mark_slot_offset) {
    const auto m = sane_sector_of<format::mark>(f->second, at);
    if (!m || m->epoch < latest) continue;
    up_to = m->epoch > latest ? m->sequence : std::max(up_to, m->sequence);
    latest = m->epoch;
  }
  durable = std::max(durable, up_to);
}

void proof::count_seals() {
  for (const auto& s : segments)
    if (s.seal) durable = std::max(durable, std::min(s.seal->last + 1, cut_of(s)) - 1);
}

/// From which sequence on a later epoch has cut what the segment holds.
std::uint64_t proof::cut_of(const proved_segment& s) const {
  std::uint64_t cut = format::sequence_max;
  if (!s.activation) return cut;
  for (const auto& other : segments)
    if (other.identity && other.activation && other.activation->epoch > s.activation->epoch)
      cut = std::min(cut, other.activation->base);
  if (state && state->truncate_intent != 0 && s.activation->epoch < state->epoch) cut = std::min(cut, state->truncate_intent);
  return cut;
}

bool proof::is_removed(const std::string& file, std::uint64_t sequence) const {
  if (sequence < first) return true;
  const auto s = std::ranges::find(segments, file, &proved_segment::name);
  if (s == segments.end()) return false;
  const bool was_cut = s->end && s->end->cause != format::end_cause::roll && s->end->last < sequence;
  return was_cut || sequence >= cut_of(*s);
}

bool proof::may_stand(const file_set& files, std::uint64_t sequence, const written& w) const {
  return std::ranges::any_of(files, [&](const auto& file) {
    if (!file.first.ends_with(".seg") || is_removed(file.first, sequence)) return false;
    const std::string_view text{reinterpret_cast<const char*>(file.second.data()), file.second.size()};
    return text.contains(w.text);
  });
}

std::vector<frame_at> frames_of(const file_set& files, const proof& p) {
  std::vector<frame_at> all;
  for (const auto& s : p.segments) {
    if (!s.identity || !s.activation) continue;
    const std::span<const std::byte> bytes{files.at(s.name)};
    const std::uint64_t capacity = std::min<std::uint64_t>(bytes.size(), s.identity->capacity);
    std::uint64_t at = format::segment_header_bytes, sequence = s.activation->base;
    while (at + format::frame_header_bytes <= capacity) {
      std::uint64_t stamp = 0;
      std::memcpy(&stamp, bytes.data() + at, sizeof stamp);
      if (stamp != format::stamp_of(sequence, s.activation->salt)) break;
      const auto f = format::parse_frame(bytes.subspan(at, capacity - at), at, stamp,
                                         static_cast<checksum>(s.identity->checksum_kind), format::depth::everything);
      if (!f) break;
      if (f->is_record() && !p.is_removed(s.name, sequence)) all.push_back({s.name, at, f->extent, sequence});
      at += f->extent;
      ++sequence;
    }
  }
  return all;
}

bool is_intact(const frame_at& f, const file_set& before, const file_set& now) {
  const auto is = now.find(f.file);
  if (is == now.end() || is->second.size() < f.offset + f.extent) return false;
  const auto& was = before.at(f.file);
  const auto same = [&](std::uint64_t from, std::uint64_t bytes) {
    return std::memcmp(was.data() + from, is->second.data() + from, bytes) == 0;
  };
  return same(0, format::segment_header_bytes) && same(f.offset, f.extent);
}

}  // namespace varve::testing::rescue
