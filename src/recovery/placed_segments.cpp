// SPDX-License-Identifier: MIT
#include "recovery/placed_segments.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "base/bits.hpp"
#include "segment/walker.hpp"

namespace varve::core {
namespace {

constexpr std::uint64_t page_bytes = 4096;

std::uint64_t frames_in(std::uint64_t bytes) noexcept { return bytes / format::frame_header_bytes; }

std::uint64_t word_at(const segment& s, std::uint64_t offset) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, s.bytes().data() + offset, sizeof word);
  return word;
}

bool is_sequence(std::uint64_t s) noexcept { return s != 0 && s <= format::sequence_max; }

class placer {
 public:
  explicit placer(const log_evidence& from) : from_(from) { find_checksum(); }

  placed_segments run() {
    for (std::size_t i = 0; i < from_.segments.size(); ++i)
      if (from_.segments[i].activation) place_whole(i);
    // One that is found may name the one before it.
    for (bool found = true; found;) {
      found = false;
      for (std::size_t i = from_.segments.size(); i-- > 0;)
        if (!from_.segments[i].activation && !is_placed(i)) found = rebuild(i) || found;
    }
    for (std::size_t i = 0; i < from_.segments.size(); ++i) note_unplaced(i);
    std::ranges::sort(found_.all, {}, [](const placed_segment& p) { return std::pair{p.facts.base, p.facts.number}; });
    return std::move(found_);
  }

 private:
  void find_checksum() {
    if (from_.meta) kind_ = static_cast<varve::checksum>(from_.meta->checksum_kind);
    for (const auto& f : from_.segments)
      if (!kind_ && f.identity) kind_ = static_cast<varve::checksum>(f.identity->checksum_kind);
    for (const auto& f : from_.segments)
      if (!kind_) kind_ = kind_by_trying(f);
  }

  /// By the first frame. Without checksums a frame of another kind never validates, but for one without a body.
  [[nodiscard]] std::optional<varve::checksum> kind_by_trying(const segment_evidence& f) const {
    auto facts = facts_of(f);
    const auto in = map_evidence(from_, f, facts);
    for (auto number = static_cast<std::uint8_t>(checksum::xxh3); in && format::is_checksum_kind(number); ++number) {
      facts.checksum = static_cast<varve::checksum>(number);
      if (is_valid(*in, format::segment_header_bytes, facts)) return facts.checksum;
    }
    return std::nullopt;
  }

  [[nodiscard]] segment_facts facts_of(const segment_evidence& f) const noexcept {
    const std::uint64_t there = round_up(f.file_bytes, page_bytes);
    segment_facts facts{.number = f.number, .capacity = f.identity ? std::min(f.identity->capacity, there) : there};
    facts.capacity = std::min(facts.capacity, format::segment_bytes_max);
    facts.checksum = f.identity ? static_cast<varve::checksum>(f.identity->checksum_kind) : kind_.value_or(checksum::xxh3);
    return facts;
  }

  void place_whole(std::size_t i) {
    const auto& f = from_.segments[i];
    const auto& a = *f.activation;
    placed_segment p{.facts = facts_of(f),
                     .given_up = a.given_up,
                     .predecessor = a.predecessor,
                     .predecessor_salt = a.predecessor_salt,
                     .begin = {format::segment_header_bytes, a.base},
                     .rebuilt = !f.identity || f.mended,
                     .copies = {i}};
    p.facts.base = a.base;
    p.facts.salt = a.salt;
    p.facts.epoch = a.epoch;
    p.facts.begun_ns = a.begun_ns;
    p.end = end_of(f, p.facts);
    add(std::move(p));
  }

  /// The end that counts; a seal says as much, if only the end is lost.
  static std::optional<segment_evidence::end_part> end_of(const segment_evidence& f, const segment_facts& facts) noexcept {
    const format::activation a{.base = facts.base, .salt = facts.salt};
    const format::identity i{.capacity = std::max(facts.capacity, f.identity ? f.identity->capacity : 0)};
    const auto counts = [&](const segment_evidence::end_part& e) {
      return format::belongs(format::end{.salt = e.salt, .offset = e.offset, .last = e.last, .cause = e.cause}, a, i);
    };
    if (f.end && counts(*f.end)) return f.end;
    if (!f.seal) return std::nullopt;
    const segment_evidence::end_part sealed{f.seal->salt, f.seal->offset, f.seal->last, 0, format::end_cause::roll};
    return counts(sealed) ? std::optional{sealed} : std::nullopt;
  }

  /// A second file of one salt is a copy of the same use; of both the better header counts.
  void add(placed_segment p) {
    p.facts.first_frame = p.facts.base;
    const auto [at, is_new] = by_salt_.try_emplace(p.facts.salt, found_.all.size());
    if (is_new) return found_.all.push_back(std::move(p));
    placed_segment* const same = &found_.all[at->second];
    // An end only ever goes down.
    if (p.end && (!same->end || p.end->last < same->end->last)) same->end = p.end;
    same->copies.insert(same->copies.end(), p.copies.begin(), p.copies.end());
    same->facts.capacity = std::max(same->facts.capacity, p.facts.capacity);
    same->rebuilt = same->rebuilt && p.rebuilt;
  }

  [[nodiscard]] bool is_placed(std::size_t i) const noexcept {
    return std::ranges::any_of(found_.all, [&](const auto& p) { return std::ranges::find(p.copies, i) != p.copies.end(); });
  }

  bool rebuild(std::size_t i) {
    const auto& f = from_.segments[i];
    const auto facts = facts_of(f);
    const bool may_hold = f.number != 0 || f.end || f.seal;
    if (!may_hold || is_forgotten(f)) return false;
    const auto bytes = map_evidence(from_, f, facts);
    if (!bytes) return false;
    auto p = by_a_salt(f, *bytes, facts);
    if (!p) p = by_an_anchor(f, *bytes, facts);
    if (!p) p = by_a_torn_sector(f, *bytes, facts);
    if (!p) return false;
    p->rebuilt = true;
    p->copies = {i};
    p->end = end_of(f, p->facts);
    if (const auto* const before = named_by_end(f.number)) {
      p->predecessor = before->facts.number;
      p->predecessor_salt = before->facts.salt;
    }
    add(std::move(*p));
    return true;
  }

  /// Nothing at all says that it was ever begun: a file that is ready for use, as most logs have one.
  [[nodiscard]] bool is_forgotten(const segment_evidence& f) const noexcept {
    const bool is_marked = std::ranges::any_of(from_.marks, [&](const format::mark& m) { return m.segment == f.number; });
    const bool is_clean_end = from_.state && from_.state->clean_segment == f.number;
    const bool is_named = is_marked || is_clean_end || f.number == 1 || named_by_end(f.number) != nullptr;
    return !f.has_torn_activation && !f.end && !f.seal && !is_named && !may_be_last(f) &&
           std::ranges::none_of(found_.all, [&](const auto& p) { return p.predecessor == f.number; });
  }

  /// Where nothing is left that would name the last segment, any file after all others may be it.
  [[nodiscard]] bool may_be_last(const segment_evidence& f) const noexcept {
    if (!from_.marks.empty() || (from_.state && from_.state->condition == format::condition::clean)) return false;
    return std::ranges::none_of(found_.all, [&](const auto& p) { return p.facts.number >= f.number; });
  }

  // ---- A salt that some valid sector says.

  [[nodiscard]] std::optional<placed_segment> by_a_salt(const segment_evidence& f, const segment& in,
                                                        segment_facts facts) const {
    for (const auto& p : found_.all)
      if (p.predecessor == f.number && f.number != 0)
        if (auto found = with_salt(f, in, facts, p.predecessor_salt, p.facts.base - 1)) return found;
    if (f.end)
      if (auto found = with_salt(f, in, facts, f.end->salt, f.end->last)) return found;
    if (f.seal)
      if (auto found = with_salt(f, in, facts, f.seal->salt, f.seal->last)) return found;
    return std::nullopt;
  }

  /// `last`: no frame of it has a higher sequence, unless it was cut.
  [[nodiscard]] std::optional<placed_segment> with_salt(const segment_evidence& f, const segment& in, segment_facts facts,
                                                        std::uint64_t salt, std::uint64_t last) const {
    if ((salt & format::salt_top_bit) == 0) return std::nullopt;
    facts.salt = salt;
    const std::uint64_t most = frames_in(facts.capacity);
    for (std::uint64_t at = format::segment_header_bytes; facts.capacity - at >= format::frame_header_bytes;
         at += format::frame_alignment) {
      const std::uint64_t s = word_at(in, at) ^ salt;
      if (!is_sequence(s) || s > last + most || s + most < last || !is_valid(in, at, facts)) continue;
      facts.base = s;
      const std::uint64_t before = frames_in(at - format::segment_header_bytes);
      for (const std::uint64_t base : possible_bases(f))
        if (base < s && s - base <= before) facts.base = base;
      const bool is_known = at == format::segment_header_bytes || facts.base != s;
      return placed_segment{.facts = facts,
                            .begin = is_known ? frame_place{format::segment_header_bytes, facts.base} : frame_place{at, s}};
    }
    return std::nullopt;
  }

  /// By its own stamp, whatever that is.
  static bool is_valid(const segment& in, std::uint64_t at, const segment_facts& facts) noexcept {
    format::frame f;
    return format::read_frame(in.bytes().subspan(at, facts.capacity - at), at, word_at(in, at), facts.checksum,
                              format::depth::everything, f) == format::frame_fault::none;
  }

  [[nodiscard]] std::vector<std::uint64_t> possible_bases(const segment_evidence& f) const {
    std::vector<std::uint64_t> bases;
    // The first segment of a log begins with the first record, unless the log was emptied in between.
    if (f.number == 1 && (!from_.state || from_.state->trim_point == 1)) bases.push_back(1);
    if (is_sequence(f.torn_base)) bases.push_back(f.torn_base);
    if (const auto* const before = named_by_end(f.number)) bases.push_back(before->end->last + 1);
    return bases;
  }

  // ---- A place whose sequence some valid sector says.

  [[nodiscard]] std::optional<placed_segment> by_an_anchor(const segment_evidence& f, const segment& in,
                                                           segment_facts facts) const {
    std::vector<frame_place> anchors;  // where a frame ends, and its sequence
    for (const auto& m : from_.marks)
      if (m.segment == f.number) anchors.push_back({m.offset, m.sequence});
    if (const auto& s = from_.state; s && s->clean_segment == f.number)
      anchors.push_back({s->clean_offset, s->clean_next - 1});
    for (const auto& anchor : anchors) {
      const auto frames = frames_up_to(in, facts, anchor.offset);
      if (!frames || *frames == 0 || *frames > anchor.sequence) continue;
      facts.base = anchor.sequence - *frames + 1;
      facts.salt = word_at(in, format::segment_header_bytes) ^ facts.base;
      if (runs_on(in, facts, *frames))
        return placed_segment{.facts = facts, .begin = {format::segment_header_bytes, facts.base}};
    }
    return std::nullopt;
  }

  /// How many valid frames lead to just that offset, by whatever stamps.
  static std::optional<std::uint64_t> frames_up_to(const segment& in, const segment_facts& facts,
                                                   std::uint64_t end) noexcept {
    if (end > facts.capacity) return std::nullopt;
    std::uint64_t frames = 0, at = format::segment_header_bytes;
    for (format::frame f; at < end; at += f.extent, ++frames) {
      const auto room = in.bytes().subspan(at, end - at);
      if (room.size() < format::frame_header_bytes) return std::nullopt;
      if (format::read_frame(room, at, word_at(in, at), facts.checksum, format::depth::everything, f) !=
          format::frame_fault::none)
        return std::nullopt;
    }
    return frames;
  }

  /// The stamps of all of them fit together.
  static bool runs_on(const segment& in, const segment_facts& facts, std::uint64_t frames) noexcept {
    if ((facts.salt & format::salt_top_bit) == 0) return false;
    std::uint64_t at = format::segment_header_bytes;
    for (std::uint64_t i = 0; i < frames; ++i) {
      const std::uint64_t stamp = format::stamp_of(facts.base + i, facts.salt);
      format::frame f;
      if (word_at(in, at) != stamp) return false;
      if (format::read_frame(in.bytes().subspan(at, facts.capacity - at), at, stamp, facts.checksum, format::depth::shape,
                             f) != format::frame_fault::none)
        return false;
      at += f.extent;
    }
    return true;
  }

  // ---- What is left of a torn activation: two words that agree with the first stamp prove each other.

  [[nodiscard]] std::optional<placed_segment> by_a_torn_sector(const segment_evidence& f, const segment& in,
                                                               segment_facts facts) const {
    if (!is_valid(in, format::segment_header_bytes, facts)) return std::nullopt;
    const std::uint64_t stamp = word_at(in, format::segment_header_bytes);
    for (const std::uint64_t base : possible_bases(f)) {
      facts.base = base;
      facts.salt = stamp ^ base;
      // Segment 1 was made for the first record, and from nothing else: its frames are of its one use.
      const bool is_proved =
          f.number == 1 && base == 1 ? runs_on(in, facts, 1) : f.has_torn_activation && f.torn_salt == facts.salt;
      if (is_proved) return placed_segment{.facts = facts, .begin = {format::segment_header_bytes, base}};
    }
    return std::nullopt;
  }

  // ---- Neighbours.

  [[nodiscard]] const placed_segment* named_by_end(std::uint64_t number) const noexcept {
    const auto before =
        std::ranges::find_if(found_.all, [&](const auto& p) { return number != 0 && p.end && p.end->successor == number; });
    return before == found_.all.end() ? nullptr : &*before;
  }

  void note_unplaced(std::size_t i) {
    const auto& f = from_.segments[i];
    if (f.activation || is_placed(i) || is_forgotten(f)) return;
    const auto facts = facts_of(f);
    const auto bytes = map_evidence(from_, f, facts);
    if (bytes && is_valid(*bytes, format::segment_header_bytes, facts)) found_.unplaced.push_back(i);
  }

  const log_evidence& from_;
  std::optional<varve::checksum> kind_;
  placed_segments found_;
  std::map<std::uint64_t, std::size_t> by_salt_;  // into found_.all, which is sorted at the end
};

}  // namespace

placed_segments place_segments(const log_evidence& from) { return placer{from}.run(); }

}  // namespace varve::core
