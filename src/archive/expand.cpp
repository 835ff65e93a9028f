// SPDX-License-Identifier: MIT
//
// expand.cpp - a log out of an archive. Layer archive.
#include <algorithm>
#include <cerrno>
#include <functional>
#include <new>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <varve/archiver.hpp>

#include "archive/archive_directory.hpp"
#include "store/log_directory.hpp"
#include "store/log_export.hpp"

namespace varve {
namespace core {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 20;

/// whole: a log that is durable. outlined: one that has all but the records, which fill() brings; it may vanish.
enum class extent : std::uint8_t { whole, outlined };

class expansion {
 public:
  expansion(const log_place& from, log_export& to, extent wanted, const std::function<bool()>& keep_going)
      : from_(from), to_(to), wanted_(wanted), keep_going_(keep_going), block_(block_bytes) {}

  result<sequence_range> run() {
    const auto state = state_file::open(from_, os::access::read);
    if (!state) return std::unexpected(state.error());
    const auto& s = state->current();
    auto listing = list_archive(from_, s.trim_point);
    if (!listing) return std::unexpected(listing.error());
    closed_end end{.first = s.trim_point, .next = s.trim_point};
    for (const auto& segment : listing->chain) {
      // A gap before it: chain_from() takes what names its predecessor, whatever it ends with.
      if (segment.header.activation->follows() > end.next && end.segment != 0)
        return missing(segment.header.number, end.next);
      auto ends_at = make(segment);
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
    chain_ = std::move(listing->chain);
    return sequence_range{{end.first}, {end.next}};
  }

  [[nodiscard]] const std::set<std::uint64_t>& outlined() const noexcept { return outlined_; }

  result<void> fill(std::uint64_t number) {
    const auto a = std::ranges::find(chain_, number, [](const archived_segment& each) { return each.header.number; });
    if (a == chain_.end() || !outlined_.contains(number)) return {};
    const auto name = format::name_of(format::file_kind::segment, number);
    const auto file = os::open_file(to_.place().directory, name.c_str(), os::access::read_write);
    if (!file) return to_.place().fail_call(file.error(), number);
    if (const auto end = unpack(*a, *file); !end) return std::unexpected(end.error());
    outlined_.erase(number);
    return {};
  }

 private:
  [[nodiscard]] std::unexpected<error> missing(std::uint64_t number, std::uint64_t from) const noexcept {
    return fail(
        {.code = errc::damaged, .subject = from_.path, .segment = number, .first_sequence = from, .last_sequence = from});
  }

  /// Where the log was truncated within it, the next one begins before it ends.
  static bool is_cut(const archived_segment& a) noexcept { return a.end_sequence != a.header.end->last + 1; }

  /// Returns  where its frames end.
  result<std::uint64_t> make(const archived_segment& a) {
    const auto file = to_.make_segment(a.header.number);
    if (!file) return std::unexpected(file.error());
    return wanted_ == extent::whole || is_cut(a) ? unpack(a, *file) : outline(a, *file);
  }

  /// The header, which says where the frames end; in their place are holes.
  result<std::uint64_t> outline(const archived_segment& a, const os::file& file) {
    auto reader = copy_reader::open(from_.directory, copy_name(a.header.number, a.how), a.how);
    if (!reader) return from_.fail_call(reader.error(), a.header.number);
    segment_header header;
    const auto n = reader->read(header);
    if (!n && n.error().number != EBADMSG) return from_.fail_call(n.error(), a.header.number);
    if (!n || *n != header.size()) return damaged(a, 0);
    if (const auto done = os::write_at(file, 0, header); !done) return to_.place().fail_call(done.error());
    if (const auto done = set_size(file, header, header.size()); !done) return to_.place().fail_call(done.error());
    if (a.header.end->offset > header.size()) outlined_.insert(a.header.number);
    return a.header.end->offset;
  }

  /// Returns  where its frames end.
  result<std::uint64_t> unpack(const archived_segment& a, const os::file& file) {
    if (auto done = copy_bytes(a, file); !done) return std::unexpected(done.error());
    // Checked where it is now, frame by frame: that it was unpacked says nothing of what was packed.
    auto s = open_segment(to_.place().directory, from_.path, a.header.facts(from_.checksum_kind()), os::access::read,
                          pinning::yes);
    if (!s) return std::unexpected(s.error());
    const auto source = make_copy_source(from_, std::move(*s), is_cut(a) ? none_yet : a.header.end->offset, a.end_sequence);
    if (!source) return std::unexpected(source.error());
    const auto end = read_frames(from_, *source, [](std::uint64_t, std::span<const std::byte>) { return result<void>{}; });
    if (!end) return end;
    if (const auto done = os::write_at(file, 0, header_of_copy(*source, *end)); !done)
      return to_.place().fail_call(done.error());
    if (wanted_ == extent::outlined) return end;
    if (const auto done = os::sync_file(file); !done) return to_.place().fail_call(done.error());
    return end;
  }

  /// Header and frames; the rest of the file becomes a hole.
  result<void> copy_bytes(const archived_segment& a, const os::file& to) {
    auto reader = copy_reader::open(from_.directory, copy_name(a.header.number, a.how), a.how);
    if (!reader) return from_.fail_call(reader.error(), a.header.number);
    const std::uint64_t end = a.header.end->offset, size = a.header.identity->file_bytes;
    std::uint64_t at = 0;
    while (at < end) {
      if (keep_going_ && !keep_going_()) return fail({.code = errc::cancelled, .subject = to_.place().path});
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
  extent wanted_;
  std::function<bool()> keep_going_;
  std::vector<std::byte> block_;
  std::vector<archived_segment> chain_;
  std::set<std::uint64_t> outlined_;  // numbers of those whose records are not there
};

/// What is expanded, and what it becomes.
struct expanding {
  log_place from;
  log_export to;

  [[nodiscard]] static result<expanding> begin(const std::filesystem::path& from, const std::filesystem::path& to) {
    auto place = open_place_for_reading(from);
    if (!place) return std::unexpected(place.error());
    if (!format::may_write(place->meta.features)) return fail({.code = errc::newer_format, .subject = place->path});
    auto made = log_export::begin(to, place->meta, 0600);
    if (!made) return std::unexpected(made.error());
    return expanding{.from = std::move(*place), .to = std::move(*made)};
  }
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

result<sequence_range> expand_archive(const std::filesystem::path& from, const std::filesystem::path& to,
                                      const std::function<bool()>& keep_going) {
  try {
    auto between = core::expanding::begin(from, to);
    if (!between) return std::unexpected(between.error());
    return core::expansion{between->from, between->to, core::extent::whole, keep_going}.run();
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

struct archive_outline::state {
  explicit state(core::expanding b) : between(std::move(b)), run(between.from, between.to, core::extent::outlined, {}) {}

  core::expanding between;
  core::expansion run;
};

archive_outline::archive_outline(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
archive_outline::archive_outline(archive_outline&&) noexcept = default;
archive_outline& archive_outline::operator=(archive_outline&&) noexcept = default;
archive_outline::~archive_outline() = default;

result<archive_outline> archive_outline::make(const std::filesystem::path& from, const std::filesystem::path& to) {
  try {
    auto between = core::expanding::begin(from, to);
    if (!between) return std::unexpected(between.error());
    archive_outline made{std::make_unique<state>(std::move(*between))};
    if (auto done = made.state_->run.run(); !done) return std::unexpected(done.error());
    return made;
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

result<void> archive_outline::fill(std::uint64_t segment) {
  try {
    return state_->run.fill(segment);
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

std::vector<std::uint64_t> archive_outline::unfilled() const {
  const auto& numbers = state_->run.outlined();
  return {numbers.begin(), numbers.end()};
}

}  // namespace varve
