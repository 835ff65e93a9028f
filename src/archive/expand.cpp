// SPDX-License-Identifier: MIT
//
// expand.cpp - a log out of an archive. Layer archive.
#include <algorithm>
#include <cerrno>
#include <new>
#include <vector>

#include <varve/archiver.hpp>

#include "archive/archive_directory.hpp"
#include "store/log_directory.hpp"
#include "store/log_export.hpp"

namespace varve {
namespace core {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 20;

class expansion {
 public:
  expansion(const log_place& from, log_export& to) : from_(from), to_(to), block_(block_bytes) {}

  result<sequence_range> run() {
    const auto state = state_file::open(from_, os::access::read);
    if (!state) return std::unexpected(state.error());
    const auto& s = state->current();
    const auto listing = list_archive(from_, s.trim_point);
    if (!listing) return std::unexpected(listing.error());
    closed_end end{.first = s.trim_point, .next = s.trim_point};
    for (const auto& segment : listing->chain) {
      // A gap before it: chain_from() takes what names its predecessor, whatever it ends with.
      if (segment.header.activation->follows() > end.next && end.segment != 0) return missing(segment.header.number, end.next);
      auto ends_at = unpack(segment);
      if (!ends_at) return std::unexpected(ends_at.error());
      end = {.first = end.first,
             .next = segment.end_sequence,
             .segment = segment.header.number,
             .offset = *ends_at,
             .newest = end.newest};
      end.newest.note(segment.header.activation->epoch, segment.header.activation->generation);
    }
    // What it once held, or still holds without a connection, is missing.
    if (!listing->unconnected.empty()) return missing(listing->unconnected.front().number, end.next);
    if (end.next < s.clean_next) return missing(s.clean_segment, end.next);
    if (auto done = to_.finish(closed_state(s, end)); !done) return std::unexpected(done.error());
    return sequence_range{{end.first}, {end.next}};
  }

 private:
  [[nodiscard]] std::unexpected<error> missing(std::uint64_t number, std::uint64_t from) const noexcept {
    return fail(
        {.code = errc::damaged, .subject = from_.path, .segment = number, .first_sequence = from, .last_sequence = from});
  }

  /// Returns  where its frames end.
  result<std::uint64_t> unpack(const archived_segment& a) {
    const auto file = to_.make_segment(a.header.number);
    if (!file) return std::unexpected(file.error());
    if (auto done = copy_bytes(a, *file); !done) return std::unexpected(done.error());
    // Checked where it is now, frame by frame: that it was unpacked says nothing of what was packed.
    auto s = open_segment(to_.place().directory, from_.path, a.header.facts(from_.checksum_kind()), os::access::read,
                          pinning::yes);
    if (!s) return std::unexpected(s.error());
    // Where the log was truncated within it, the next one begins before it ends.
    const bool is_cut = a.end_sequence != a.header.end->last + 1;
    const auto source = make_copy_source(from_, std::move(*s), is_cut ? none_yet : a.header.end->offset, a.end_sequence);
    if (!source) return std::unexpected(source.error());
    const auto end = read_frames(from_, *source, [](std::uint64_t, std::span<const std::byte>) { return result<void>{}; });
    if (!end) return end;
    if (const auto done = os::write_at(*file, 0, header_of_copy(*source, *end)); !done)
      return to_.place().fail_call(done.error());
    if (const auto done = os::sync_file(*file); !done) return to_.place().fail_call(done.error());
    return end;
  }

  /// Header and frames; the rest of the file becomes a hole.
  result<void> copy_bytes(const archived_segment& a, const os::file& to) {
    auto reader = copy_reader::open(from_.directory, copy_name(a.header.number, a.how), a.how);
    if (!reader) return from_.fail_call(reader.error(), a.header.number);
    const std::uint64_t end = a.header.end->offset, size = a.header.identity->file_bytes;
    std::uint64_t at = 0;
    while (at < end) {
      const auto part = std::span{block_}.first(std::min<std::uint64_t>(block_.size(), end - at));
      const auto n = reader->read(part);
      if (!n && n.error().number != EBADMSG) return from_.fail_call(n.error(), a.header.number);
      if (!n || *n != part.size()) return damaged(a, at);
      if (const auto done = os::write_at(to, at, part); !done) return to_.place().fail_call(done.error());
      at += part.size();
    }
    if (a.how == packing::compressed) {
      const auto more = reader->read(std::span{block_}.first(1));  // its checksum stands behind the last byte
      if (!more && more.error().number != EBADMSG) return from_.fail_call(more.error(), a.header.number);
      if (!more || *more != 0) return damaged(a, at);
    }
    if (at == size) return {};
    constexpr std::byte zero{};
    if (const auto done = os::write_at(to, size - 1, {&zero, 1}); !done) return to_.place().fail_call(done.error());
    return {};
  }

  [[nodiscard]] std::unexpected<error> damaged(const archived_segment& a, std::uint64_t offset) const noexcept {
    return fail({.code = errc::damaged, .subject = from_.path, .segment = a.header.number, .offset = offset});
  }

  const log_place& from_;
  log_export& to_;
  std::vector<std::byte> block_;
};

}  // namespace
}  // namespace core

bool is_compressed_archive(const std::filesystem::path& directory) noexcept {
  try {
    const auto opened = os::open_directory(directory.string());
    const auto names = opened ? os::list(*opened) : std::unexpected(opened.error());
    if (!names || std::ranges::find(*names, format::meta_name) == names->end()) return false;
    return std::ranges::any_of(*names, [](const std::string& name) {
      const auto copy = core::parse_copy_name(name);
      return copy && copy->how == core::packing::compressed;
    });
  } catch (const std::bad_alloc&) {
    return false;
  }
}

result<sequence_range> expand_archive(const std::filesystem::path& from, const std::filesystem::path& to) {
  try {
    const auto place = core::open_place_for_reading(from);
    if (!place) return std::unexpected(place.error());
    if (!format::may_write(place->meta.features)) return core::fail({.code = errc::newer_format, .subject = place->path});
    auto made = core::log_export::begin(to, place->meta, 0600);
    if (!made) return std::unexpected(made.error());
    return core::expansion{*place, *made}.run();
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve
