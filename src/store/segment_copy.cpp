// SPDX-License-Identifier: MIT
#include "store/segment_copy.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <ranges>
#include <utility>

#include "segment/mapped_sector.hpp"
#include "segment/walker.hpp"
#include "store/gap_filler.hpp"

namespace varve::core {
namespace {

// How much is handed on at a time. Arbitrary: few calls, and progress that moves.
constexpr std::uint64_t block_bytes = std::uint64_t{4} << 20;

template <class S>
std::optional<S> sector_of(const segment_header& header, std::uint64_t offset) noexcept {
  const auto decoded = format::decode<S>(load_sector(header.data() + offset));
  return decoded ? std::optional<S>{*decoded} : std::nullopt;
}

template <class S>
void put(segment_header& header, std::uint64_t offset, const S& fields) noexcept {
  const auto sector = format::encode(fields);
  std::memcpy(header.data() + offset, sector.data(), sector.size());
}

/// A sector that an older version wrote becomes what this one writes: all fields stand where they did, and what came with
/// this version is 0.
template <class S>
void renew(segment_header& header, std::uint64_t offset) noexcept {
  const auto fields = sector_of<S>(header, offset);
  if (fields && fields->head.version < format::version) put(header, offset, *fields);
}

std::unexpected<error> damaged_at(const log_place& from, const segment_facts& facts, std::uint64_t offset,
                                  std::uint64_t sequence) noexcept {
  return fail({.code = errc::damaged,
               .subject = from.path,
               .segment = facts.number,
               .offset = offset,
               .first_sequence = sequence,
               .last_sequence = sequence});
}

/// Is the segment sealed at the end that is wanted?
bool is_sealed_there(const copy_source& source, std::uint64_t end_offset) noexcept {
  const auto end = sector_of<format::end>(source.header, format::end_offset);
  const auto seal = sector_of<format::seal>(source.header, format::seal_offset);
  return end && seal && end->salt == source.segment->facts().salt && end->offset == end_offset &&
         end->last + 1 == source.end_sequence && format::belongs(*seal, *end);
}

/// The whole file at once, its end and what stands behind it as well. False where that cannot be.
os::result<bool> share_all(const copy_source& source, const os::file& to) noexcept {
  if (source.end_offset == none_yet || !is_sealed_there(source, source.end_offset)) return false;
  const auto done = os::share_blocks(source.segment->file(), to);
  if (done) return true;
  const int number = done.error().number;
  if (number == EOPNOTSUPP || number == EXDEV || number == EINVAL || number == ENOTTY) return false;
  return std::unexpected(done.error());
}

/// What a view steps over becomes what recovery makes of it.
os::result<void> fill_holes(const os::file& to, const segment& s) noexcept {
  for (const auto& h : std::views::reverse(s.holes()))
    if (const auto done = write_lost_frames(to, h, s.facts().salt); !done) return done;
  return {};
}

}  // namespace

result<copy_source> make_copy_source(const log_place& from, std::shared_ptr<core::segment> s, std::uint64_t end_offset,
                                     std::uint64_t end_sequence) {
  copy_source source{.segment = std::move(s), .end_offset = end_offset, .end_sequence = end_sequence};
  const segment_facts& facts = source.segment->facts();
  for (std::uint64_t at = 0; at < source.header.size(); at += format::sector_bytes) {
    const auto sector = load_sector(source.segment->bytes().data() + at);
    std::memcpy(source.header.data() + at, sector.data(), sector.size());
  }
  const auto identity = sector_of<format::identity>(source.header, format::identity_offset);
  const auto activation = sector_of<format::activation>(source.header, format::activation_offset);
  if (!identity || !format::is_sane(*identity) || !activation || activation->salt != facts.salt)
    return damaged_at(from, facts, 0, 0);
  // A segment of another chain may be damaged in this, too: nothing is read behind its capacity.
  if (end_offset != none_yet && !format::is_frame_boundary(end_offset, facts.capacity)) return damaged_at(from, facts, 0, 0);
  source.segment->set_end(end_offset, end_sequence);
  return source;
}

result<std::uint64_t> read_frames(const log_place& from, const copy_source& source, const copy_sink& take) {
  const core::segment& s = *source.segment;
  const std::uint64_t limit = std::min(source.end_offset, s.facts().capacity);
  // A load from a page that cannot be read would be a fault (SIGBUS), so all of them are probed first.
  if (const auto done = os::populate_for_reading(s.map(), 0, limit); !done)
    return from.fail_call(done.error(), s.facts().number);
  walker at{source.segment};
  std::uint64_t given = at.offset();
  const auto give = [&] {
    const std::uint64_t begin = std::exchange(given, at.offset());
    return begin == given ? result<void>{} : take(begin, s.bytes().subspan(begin, given - begin));
  };
  for (;;) {
    const auto seen = at.step(format::depth::everything);
    if (seen.what == sight::end) break;
    if (seen.what != sight::frame) return damaged_at(from, s.facts(), at.offset(), at.sequence());
    if (at.offset() - given < block_bytes) continue;
    if (auto done = give(); !done) return std::unexpected(done.error());
  }
  if (source.end_offset != none_yet && at.offset() != source.end_offset)
    return damaged_at(from, s.facts(), at.offset(), at.sequence());
  if (auto done = give(); !done) return std::unexpected(done.error());
  return at.offset();
}

segment_header header_of_copy(const copy_source& source, std::uint64_t end_offset) noexcept {
  segment_header header = source.header;
  renew<format::identity>(header, format::identity_offset);
  renew<format::activation>(header, format::activation_offset);
  renew<format::end>(header, format::end_offset);
  renew<format::seal>(header, format::seal_offset);
  if (is_sealed_there(source, end_offset)) return header;
  const segment_facts& facts = source.segment->facts();
  const std::uint64_t last = source.end_sequence - 1;
  put(header, format::end_offset,
      format::end{.salt = facts.salt, .offset = end_offset, .last = last, .cause = format::end_cause::recovery});
  put(header, format::seal_offset,
      format::seal{
          .salt = facts.salt, .offset = end_offset, .last = last, .frames = source.end_sequence - facts.first_frame});
  return header;
}

os::result<void> set_size(const os::file& to, const segment_header& header, std::uint64_t end_offset) noexcept {
  const auto identity = sector_of<format::identity>(header, format::identity_offset);
  if (!identity) return std::unexpected(os::failure{EINVAL});
  constexpr std::byte zero{};
  if (end_offset >= identity->file_bytes) return {};
  return os::write_at(to, identity->file_bytes - 1, {&zero, 1});
}

result<copy_outcome> copy_segment(const log_place& from, const copy_source& source, const os::file& to,
                                  const log_place& whole, bool share, const std::function<bool(std::uint64_t)>& on_block) {
  copy_outcome outcome;
  const auto shared = share ? share_all(source, to) : os::result<bool>{false};
  if (!shared) return whole.fail_call(shared.error());
  const auto take = [&](std::uint64_t offset, std::span<const std::byte> bytes) -> result<void> {
    if (!*shared) {
      if (const auto done = os::write_at(to, offset, bytes); !done) return whole.fail_call(done.error());
    }
    (*shared ? outcome.bytes_shared : outcome.bytes_copied) += bytes.size();
    if (on_block && !on_block(bytes.size())) return fail({.code = errc::cancelled, .subject = whole.path});
    return {};
  };
  const auto end = read_frames(from, source, take);
  if (!end) return std::unexpected(end.error());
  outcome.end_offset = *end;
  const segment_header header = header_of_copy(source, *end);
  const auto complete = [&]() -> os::result<void> {
    if (const auto done = fill_holes(to, *source.segment); !done) return done;
    // Of shared blocks, too: somebody may have changed the header between the pin and the sharing. The block that holds it
    // is then a new one.
    if (const auto done = os::write_at(to, 0, header); !done) return done;
    if (!*shared) {
      if (const auto done = set_size(to, header, *end); !done) return done;
    }
    return os::sync_file(to);
  };
  if (const auto done = complete(); !done) return whole.fail_call(done.error());
  outcome.bytes_copied += header.size();
  return outcome;
}

}  // namespace varve::core
