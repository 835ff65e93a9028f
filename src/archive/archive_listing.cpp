// SPDX-License-Identifier: MIT
//
// archive_listing.cpp - which copies an archive has, and which of them are its log. Layer archive; only reads.
#include <algorithm>
#include <cerrno>
#include <map>
#include <span>

#include "archive/archive_directory.hpp"

namespace varve::core {
namespace {

result<segment_file> read_header(const log_place& archive, const copy_name_parts& copy) {
  segment_file f{.number = copy.number};
  const auto damaged = fail({.code = errc::damaged, .subject = archive.path, .segment = copy.number});
  segment_header header;
  const auto read = [&]() -> os::result<std::size_t> {
    auto reader = copy_reader::open(archive.directory, copy_name(copy.number, copy.how), copy.how);
    if (!reader) return std::unexpected(reader.error());
    const auto status = os::status_of(reader->file());
    if (!status) return std::unexpected(status.error());
    f.file_bytes = status->bytes;
    return reader->read(header);
  };
  const auto n = read();
  if (!n && n.error().number == EBADMSG) return damaged;
  if (!n) return archive.fail_call(n.error(), copy.number);
  if (*n != header.size()) return damaged;
  if (!decode_header(header, archive.meta.log, f))
    return fail({.code = errc::newer_format, .subject = archive.path, .segment = copy.number});
  const bool is_whole = f.identity && f.activation && !f.foreign && f.end && f.seal &&
                        f.identity->checksum_kind == archive.meta.checksum_kind &&
                        (copy.how == packing::compressed || f.file_bytes == f.identity->file_bytes);
  // What takes appends, or was made for them, is of a log that is no archive.
  const auto seal = std::span{header}.subspan(format::seal_offset, format::sector_bytes);
  const bool was_sealed = std::ranges::any_of(seal, [](std::byte b) { return b != std::byte{}; });
  if (!is_whole && f.identity && !f.foreign && !f.activation_damaged && !was_sealed && copy.how == packing::plain)
    return fail({.code = errc::not_a_log, .subject = archive.path});
  if (!is_whole) return damaged;
  return f;
}

}  // namespace

result<archive_listing> list_archive(const log_place& archive, std::uint64_t first) {
  const auto names = os::list(archive.directory);
  if (!names) return archive.fail_call(names.error());
  std::map<std::uint64_t, packing> copies;  // of two of one number, the plain one: it was to be replaced
  for (const auto& name : *names)
    if (const auto copy = parse_copy_name(name)) {
      const auto [at, is_new] = copies.emplace(copy->number, copy->how);
      if (!is_new) at->second = packing::plain;
    }
  segment_files found;
  for (const auto& [number, how] : copies) {
    auto f = read_header(archive, {.number = number, .how = how});
    if (!f) return std::unexpected(f.error());
    found.files.push_back(std::move(*f));
  }
  archive_listing listing;
  std::vector<bool> connected(found.files.size());
  for (const std::size_t i : chain_from(found, first)) {
    const auto& f = found.files[i];
    if (!listing.chain.empty()) listing.chain.back().end_sequence = f.activation->follows();
    listing.chain.push_back({.header = f, .how = copies.at(f.number), .end_sequence = f.end->last + 1});
    connected[i] = true;
  }
  for (std::size_t i = 0; i < found.files.size(); ++i)
    if (!connected[i])
      listing.unconnected.push_back({.number = found.files[i].number, .how = copies.at(found.files[i].number)});
  return listing;
}

}  // namespace varve::core
