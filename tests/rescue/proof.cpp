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

bool is_cut(const format::end& e, proof::by whom) {
  return e.cause == format::end_cause::truncate || (e.cause == format::end_cause::recovery && whom == proof::by::salvage);
}

}  // namespace

proof::proof(const file_set& files) {
  if (const auto f = files.find(format::meta_name); f != files.end())
    for (const std::uint64_t at : format::meta_copy_offset)
      if (!meta) meta = sane_sector_of<format::meta>(f->second, at);
  read_segments(files);
  read_state(files);
  read_marks(files);
  // A segment under another's number is taken for foreign, whatever it says: it is no evidence.
  for (const auto& s : segments)
    if (s.seal && s.identity->number == s.number && !went_with_a_cut(s, by::salvage))
      was_durable(s.seal->last, s.activation->epoch);
}

void proof::read_state(const file_set& files) {
  const auto f = files.find(format::state_name);
  if (f == files.end()) return;
  for (const auto& slot : format::state_copy_offset) {
    bool is_there = false;
    for (const std::uint64_t at : slot) {
      const auto s = sane_sector_of<format::state>(f->second, at);
      if (s && (!state || s->generation > state->generation)) state = s;
      is_there = is_there || s;
    }
    if (!is_there && f->second.size() < format::state_file_bytes) lacks_slot = true;
  }
  if (!state) return;
  first = state->trim_point;
  durable = first - 1;
  was_durable(state->durable_floor, state->epoch);
  if (state->condition == format::condition::clean) was_durable(state->clean_next - 1, state->epoch);
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
  was_durable(up_to, latest);
}

/// What a later epoch has cut is not missed.
void proof::was_durable(std::uint64_t last, std::uint64_t epoch) {
  durable = std::max(durable, std::min(last + 1, cut_of(epoch, true)) - 1);
}

std::uint64_t proof::cut_of(std::uint64_t epoch, bool perhaps) const {
  std::uint64_t cut = format::sequence_max;
  for (const auto& s : segments)
    if ((s.identity || perhaps) && s.activation && s.activation->epoch > epoch) cut = std::min(cut, s.activation->base);
  if (state && state->truncate_intent != 0 && epoch < state->epoch) cut = std::min(cut, state->truncate_intent);
  return cut;
}

bool proof::went_with_a_cut(const proved_segment& s, by whom) const {
  const proved_segment* at = &s;
  for (std::size_t steps = 0; steps < segments.size(); ++steps) {
    const auto before = std::ranges::find_if(segments, [&](const proved_segment& other) {
      return other.identity && other.activation && at->activation && other.number == at->activation->predecessor &&
             other.activation->salt == at->activation->predecessor_salt;
    });
    if (before == segments.end()) return false;
    const std::uint64_t follows = at->activation->base - at->activation->given_up;
    if (before->end && is_cut(*before->end, whom) && before->end->last + 1 < follows) return true;
    at = &*before;
  }
  return false;
}

bool proof::is_removed(const std::string& file, std::uint64_t sequence, by whom) const {
  if (sequence < first) return true;
  const auto s = std::ranges::find(segments, file, &proved_segment::name);
  if (s == segments.end() || !s->activation) return false;
  if (s->end && is_cut(*s->end, whom) && s->end->last < sequence) return true;
  if (went_with_a_cut(*s, whom)) return true;
  const std::uint64_t cut = cut_of(s->activation->epoch, false);
  return whom == by::salvage ? sequence >= cut : s->activation->base > cut;
}

bool proof::may_stand(const file_set& files, std::uint64_t sequence, const written& w, by whom) const {
  return std::ranges::any_of(files, [&](const auto& file) {
    if (!file.first.ends_with(".seg") || is_removed(file.first, sequence, whom)) return false;
    const std::string_view text{reinterpret_cast<const char*>(file.second.data()), file.second.size()};
    return text.contains(w.text);
  });
}

std::string proof::text() const {
  std::string all = "durable to " + std::to_string(durable) + (meta ? "" : ", no meta");
  const auto add = [&all](const char* name, std::uint64_t n) { all += std::string{' '} + name + ' ' + std::to_string(n); };
  if (state) {
    all += state->condition == format::condition::clean ? ", clean:" : ", open:";
    add("generation", state->generation);
    add("epoch", state->epoch);
    add("trim", state->trim_point);
    add("floor", state->durable_floor);
    add("next", state->clean_next);
    add("intent", state->truncate_intent);
  }
  for (const auto& s : segments) {
    all += "\n  " + s.name + (s.identity ? "" : " no identity");
    if (s.identity && s.identity->number != s.number) add("is", s.identity->number);
    if (!s.activation) continue;
    add("base", s.activation->base);
    add("given up", s.activation->given_up);
    add("epoch", s.activation->epoch);
    add("generation", s.activation->generation);
    add("after", s.activation->predecessor);
    if (s.end) add("last", s.end->last);
    if (s.end) add("cause", static_cast<std::uint64_t>(s.end->cause));
    if (s.seal) all += " sealed";
  }
  return all;
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
      if (f->is_record() && !p.is_removed(s.name, sequence, proof::by::salvage))
        all.push_back({s.name, at, f->extent, sequence});
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
