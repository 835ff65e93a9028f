// SPDX-License-Identifier: MIT
#include "archive/archived_copy.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "format/file_name.hpp"
#include "os/point.hpp"

namespace varve::core {
namespace {

constexpr std::string_view compressed_suffix = ".zst";
constexpr std::size_t block_bytes = std::size_t{1} << 20;

result<void> write_compressed(const log_place& from, const copy_source& source, const os::file& to, const log_place& archive,
                              int level) {
  auto packer = compressor::begin(to, level, source.end_offset);
  if (!packer) return archive.fail_call(packer.error());
  const auto put = [&](std::span<const std::byte> bytes) -> result<void> {
    if (const auto done = packer->write(bytes); !done) return archive.fail_call(done.error());
    return {};
  };
  if (auto done = put(header_of_copy(source, source.end_offset)); !done) return done;
  const auto read = read_frames(from, source, [&](std::uint64_t, std::span<const std::byte> bytes) { return put(bytes); });
  if (!read) return std::unexpected(read.error());
  if (const auto done = packer->finish(); !done) return archive.fail_call(done.error());
  if (const auto done = os::sync_file(to); !done) return archive.fail_call(done.error());
  return {};
}

}  // namespace

std::string copy_name(std::uint64_t number, packing how) {
  std::string name{format::name_of(format::file_kind::segment, number).view()};
  if (how == packing::compressed) name += compressed_suffix;
  return name;
}

std::string temporary_copy_name(std::uint64_t number, packing how) { return copy_name(number, how) + ".new"; }

std::optional<copy_name_parts> parse_copy_name(std::string_view name) noexcept {
  const bool is_compressed = name.ends_with(compressed_suffix);
  if (is_compressed) name.remove_suffix(compressed_suffix.size());
  const auto number = format::parse_name(format::file_kind::segment, name);
  if (!number) return std::nullopt;
  return copy_name_parts{.number = *number, .how = is_compressed ? packing::compressed : packing::plain};
}

os::result<copy_reader> copy_reader::open(const os::file& directory, const std::string& name, packing how) {
  copy_reader made;
  auto file = os::open_file(directory, name.c_str(), os::access::read);
  if (!file) return std::unexpected(file.error());
  made.file_ = std::make_unique<os::file>(std::move(*file));
  if (how == packing::plain) return made;
  auto unpacker = decompressor::begin(*made.file_);
  if (!unpacker) return std::unexpected(unpacker.error());
  made.unpacker_.emplace(std::move(*unpacker));
  return made;
}

os::result<std::size_t> copy_reader::read(std::span<std::byte> bytes) {
  if (unpacker_) return unpacker_->read(bytes);
  const auto n = os::read_at(*file_, offset_, bytes);
  if (n) offset_ += *n;
  return n;
}

os::result<bool> is_copy_of(const os::file& directory, const std::string& name, packing how, const copy_source& source) {
  auto reader = copy_reader::open(directory, name, how);
  if (!reader) return std::unexpected(reader.error());
  const segment_header header = header_of_copy(source, source.end_offset);
  if (how == packing::plain) {
    const auto status = os::status_of(reader->file());
    if (!status) return std::unexpected(status.error());
    const auto wanted = os::status_of(source.segment->file());
    if (!wanted) return std::unexpected(wanted.error());
    if (status->bytes != wanted->bytes) return false;
  }
  std::vector<std::byte> block(block_bytes);
  for (std::uint64_t at = 0; at < source.end_offset;) {
    const std::uint64_t limit = at < header.size() ? header.size() : source.end_offset;
    const auto part = std::span{block}.first(std::min<std::uint64_t>(block.size(), limit - at));
    const auto n = reader->read(part);
    if (!n && n.error().number == EBADMSG) return false;
    if (!n) return std::unexpected(n.error());
    const std::byte* const expected = at < header.size() ? header.data() + at : source.segment->bytes().data() + at;
    if (*n != part.size() || std::memcmp(part.data(), expected, part.size()) != 0) return false;
    at += part.size();
  }
  if (how == packing::plain) return true;
  // Its checksum stands behind the last byte.
  const auto more = reader->read(std::span{block}.first(1));
  if (!more && more.error().number != EBADMSG) return std::unexpected(more.error());
  return more && *more == 0;
}

result<void> write_copy(const log_place& from, const copy_source& source, const log_place& archive, const std::string& name,
                        packing how, int level, std::uint32_t permissions) {
  VARVE_POINT("archiver.before_create");
  const auto file = os::create_file(archive.directory, name.c_str(), permissions);
  if (!file) return archive.fail_call(file.error());
  if (how == packing::compressed) return write_compressed(from, source, *file, archive, level);
  const auto done = copy_segment(from, source, *file, archive, false, {});
  return done ? result<void>{} : std::unexpected(done.error());
}

}  // namespace varve::core
