// SPDX-License-Identifier: MIT
#include "recovery/evidence.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "base/bits.hpp"
#include "format/file_name.hpp"
#include "recovery/mended_sector.hpp"

namespace varve::core {
namespace {

constexpr std::uint64_t page_bytes = 4096;
// Slots of the meta and the state stand at multiples of a page, in this much of their files.
constexpr std::uint64_t slots_bytes = 4 * page_bytes;

template <class S>
read_sector<S> sector_at(std::span<const std::byte> bytes, std::uint64_t offset) noexcept {
  format::sector sector{};
  std::memcpy(sector.data(), bytes.data() + offset, sector.size());
  return read_or_mend<S>(sector);
}

class collector {
 public:
  explicit collector(log_evidence& all) noexcept : all_(all) {}

  result<void> add_log(const std::filesystem::path& path) {
    auto done = open_directory(path.string());
    if (!done) return done;
    const auto& dir = all_.directories.back();
    if (auto read = read_meta(dir); !read) return read;
    if (auto read = read_state(dir); !read) return read;
    if (auto read = read_live(dir); !read) return read;
    return add_segments();
  }

  result<void> add(const std::filesystem::path& path) {
    auto as_directory = open_directory(path.string());
    if (as_directory) return add_segments();
    if (as_directory.error().code() != errc::not_a_log) return as_directory;
    const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
    if (auto done = open_directory(parent.string()); !done) return done;
    return add_segment(path.filename().string());
  }

 private:
  result<void> open_directory(const std::string& path) {
    const auto* const subject = intern(path);
    if (subject == nullptr) return fail({.code = errc::out_of_memory});
    auto opened = os::open_directory(path);
    if (!opened) {
      const int number = opened.error().number;
      if (number == ENOENT) return fail({.code = errc::not_found, .subject = subject});
      if (number == ENOTDIR || number == ELOOP)
        return fail({.code = errc::not_a_log, .subject = subject, .os_errno = number});
      return fail_call(number, subject);
    }
    all_.directories.push_back({.opened = std::move(*opened), .path = subject});
    return {};
  }

  /// Zeros for what is not there, or cannot be read: they are never valid. None if there is no such file.
  template <std::size_t Bytes>
  result<std::optional<os::file_status>> read_file(const evidence_directory& dir, const char* name,
                                                   std::array<std::byte, Bytes>& bytes) {
    const auto file = os::open_file(dir.opened, name, os::access::read);
    if (!file) {
      const int number = file.error().number;
      if (number == ENOENT || number == ELOOP || number == EINVAL) return std::nullopt;
      return fail_call(number, dir.path);
    }
    const auto status = os::status_of(*file);
    if (!status) return fail_call(status.error().number, dir.path);
    for (std::uint64_t at = 0; at < Bytes; at += page_bytes) {
      const auto page = std::span{bytes}.subspan(at, page_bytes);
      if (!os::read_at(*file, at, page)) std::ranges::fill(page, std::byte{});  // which is nothing
    }
    return *status;
  }

  result<void> read_meta(const evidence_directory& dir) {
    std::array<std::byte, slots_bytes> bytes{};
    const auto file = read_file(dir, format::meta_name, bytes);
    if (!file) return std::unexpected(file.error());
    for (std::uint64_t at = 0; at < bytes.size() && !all_.meta; at += page_bytes) {
      const auto read = sector_at<format::meta>(bytes, at);
      if (read.newer || (read.fields && !format::may_read(read.fields->features)))
        return fail({.code = errc::newer_format, .subject = dir.path});
      if (read.fields && format::is_sane(*read.fields)) all_.meta = read.fields;
    }
    return {};
  }

  result<void> read_state(const evidence_directory& dir) {
    std::array<std::byte, slots_bytes> bytes{};
    const auto file = read_file(dir, format::state_name, bytes);
    if (!file) return std::unexpected(file.error());
    std::vector<std::uint64_t> generations;
    for (std::uint64_t at = 0; at < bytes.size(); at += page_bytes) {
      const auto read = sector_at<format::state>(bytes, at);
      if (read.newer) return fail({.code = errc::newer_format, .subject = dir.path});
      if (!read.fields || !format::is_sane(*read.fields)) continue;
      generations.push_back(read.fields->generation);
      if (!all_.state || read.fields->generation > all_.state->generation) all_.state = read.fields;
    }
    if (!all_.state) return {};
    // They are written in turn: if the one before is there, it is not the newest that is lost.
    all_.state_is_newest = std::ranges::find(generations, all_.state->generation - 1) != generations.end();
    all_.state_is_in_place = *file && all_.state->inode == (*file)->inode && all_.state->birth_ns == (*file)->birth_ns;
    return {};
  }

  result<void> read_live(const evidence_directory& dir) {
    std::array<std::byte, page_bytes> bytes{};
    const auto file = read_file(dir, format::live_name, bytes);
    if (!file) return std::unexpected(file.error());
    for (const std::uint64_t at : format::mark_slot_offset) {
      const auto read = sector_at<format::mark>(bytes, at);
      if (read.fields && format::is_sane(*read.fields)) all_.marks.push_back(*read.fields);
    }
    format::writer_words words{};
    std::memcpy(&words, bytes.data() + format::writer_words_offset, sizeof words);
    if (words.published_check != format::check_of(words.published, words.epoch)) return {};
    all_.published = words.published;
    all_.published_epoch = words.epoch;
    return {};
  }

  result<void> add_segments() {
    const auto names = os::list(all_.directories.back().opened);
    if (!names) return fail_call(names.error().number, all_.directories.back().path);
    auto sorted = *names;
    std::ranges::sort(sorted);
    for (const auto& name : sorted) {
      if (!format::parse_name(format::file_kind::segment, name)) continue;
      if (auto done = add_segment(name); !done) return done;
    }
    return {};
  }

  result<void> add_segment(const std::string& name) {
    const auto& dir = all_.directories.back();
    std::array<std::byte, format::segment_header_bytes> header{};
    const auto file = read_file(dir, name.c_str(), header);
    if (!file) return std::unexpected(file.error());
    if (!*file) return {};
    segment_evidence f{.directory = all_.directories.size() - 1, .name = name, .file_bytes = (*file)->bytes};
    f.number = format::parse_name(format::file_kind::segment, name).value_or(0);
    if (!read_header(header, f)) return fail({.code = errc::newer_format, .subject = dir.path, .segment = f.number});
    all_.segments.push_back(std::move(f));
    return {};
  }

  /// False if a sector is of a newer version.
  static bool read_header(std::span<const std::byte> header, segment_evidence& f) noexcept {
    const auto identity = sector_at<format::identity>(header, format::identity_offset);
    const auto activation = sector_at<format::activation>(header, format::activation_offset);
    const auto end = sector_at<format::end>(header, format::end_offset);
    const auto seal = sector_at<format::seal>(header, format::seal_offset);
    if (identity.newer || activation.newer || end.newer || seal.newer) return false;
    f.mended = identity.mended || activation.mended || end.mended || seal.mended;
    if (const auto& i = identity.fields; i && format::is_sane(*i)) {
      if (!format::may_read(i->features)) return false;
      f.identity = {i->log, i->number, i->capacity, i->index_stride_bytes, i->checksum_kind};
      f.number = i->number;
    }
    if (const auto& a = activation.fields; a && format::is_sane(*a)) {
      f.activation = {a->base, a->salt, a->epoch, a->predecessor, a->predecessor_salt, a->time_ns, a->given_up};
    } else {
      keep_torn_activation(header, f);
    }
    if (const auto& e = end.fields; e && e->offset != 0) f.end = {e->salt, e->offset, e->last, e->successor, e->cause};
    if (const auto& s = seal.fields) f.seal = {s->salt, s->offset, s->last};
    return true;
  }

  static void keep_torn_activation(std::span<const std::byte> header, segment_evidence& f) noexcept {
    const auto bytes = header.subspan(format::activation_offset, format::sector_bytes);
    f.has_torn_activation = std::ranges::any_of(bytes, [](std::byte b) { return b != std::byte{0}; });
    std::memcpy(&f.torn_base, bytes.data() + offsetof(format::activation, base), sizeof f.torn_base);
    std::memcpy(&f.torn_salt, bytes.data() + offsetof(format::activation, salt), sizeof f.torn_salt);
  }

  log_evidence& all_;
};

/// Which log this is: by its meta, or what most of the segments say.
void find_the_log(log_evidence& all) {
  std::map<format::uuid, std::size_t> votes;
  for (const auto& f : all.segments)
    if (f.identity) ++votes[f.identity->log];
  const auto most = std::ranges::max_element(votes, {}, [](const auto& v) { return v.second; });
  if (all.meta) {
    all.log = all.meta->log;
  } else if (most != votes.end()) {
    all.log = most->first;
  }
  std::erase_if(all.segments, [&](const segment_evidence& f) {
    const bool is_foreign = f.identity && f.identity->log != all.log;
    if (is_foreign) all.foreign.push_back(all.directories[f.directory].path->text + '/' + f.name);
    return is_foreign;
  });
}

bool is_part_of_a_log(const segment_evidence& f) noexcept { return f.identity || f.activation || f.end || f.seal; }

/// Copies what can be read; where that is not so, zeros.
os::result<os::mapping> copy_readable(const os::file& file, std::uint64_t bytes) {
  auto map = os::map_private(bytes);
  if (!map) return map;
  for (std::uint64_t at = 0; at < bytes; at += page_bytes)
    static_cast<void>(os::read_at(file, at, map->bytes().subspan(at, std::min(page_bytes, bytes - at))));
  return map;
}

}  // namespace

result<log_evidence> collect_evidence(const std::filesystem::path& directory, std::span<const std::filesystem::path> more) {
  log_evidence all;
  collector from{all};
  if (!directory.empty()) {
    if (auto done = from.add_log(directory); !done) return std::unexpected(done.error());
    all.path = all.directories.front().path;
  }
  for (const auto& each : more)
    if (auto done = from.add(each); !done) return std::unexpected(done.error());
  if (all.path == nullptr && !all.directories.empty()) all.path = all.directories.front().path;
  const bool is_a_log = all.meta || all.state || std::ranges::any_of(all.segments, is_part_of_a_log);
  if (!is_a_log && all.segments.empty()) {
    // An empty directory may become a log; one with something else in it is none.
    const auto names =
        all.directories.empty() ? os::result<std::vector<std::string>>{} : os::list(all.directories[0].opened);
    return fail({.code = names && names->empty() ? errc::not_found : errc::not_a_log, .subject = all.path});
  }
  if (!is_a_log) return fail({.code = errc::not_a_log, .subject = all.path});
  find_the_log(all);
  return all;
}

std::shared_ptr<segment> map_evidence(const log_evidence& all, const segment_evidence& of, const segment_facts& facts) {
  if (facts.capacity <= format::segment_header_bytes) return nullptr;
  auto file = os::open_file(all.directories[of.directory].opened, of.name.c_str(), os::access::read);
  if (!file) return nullptr;
  static_cast<void>(os::try_pin(*file));  // a writer that lives puts it to no other use meanwhile
  auto map = of.file_bytes < facts.capacity ? os::result<os::mapping>{} : os::map(*file, facts.capacity, os::access::read);
  const bool is_readable = map && map->is_mapped() && os::populate_for_reading(*map, 0, facts.capacity);
  if (!is_readable) map = copy_readable(*file, facts.capacity);
  if (!map) return nullptr;
  return std::make_shared<segment>(facts, std::move(*file), std::move(*map), segment_index{});
}

}  // namespace varve::core
