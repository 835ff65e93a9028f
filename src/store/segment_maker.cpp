// SPDX-License-Identifier: MIT
#include "store/segment_maker.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "format/file_name.hpp"
#include "os/memory.hpp"
#include "os/process.hpp"

namespace varve::core {
namespace {

format::identity identity_of(const log_place& place, std::uint64_t number, std::uint64_t bytes,
                             std::string_view version_info) noexcept {
  format::identity id{.log = place.meta.log,
                      .features = place.meta.features,
                      .checksum_kind = place.meta.checksum_kind,
                      .frame_alignment_log2 = place.meta.frame_alignment_log2,
                      .version_info_bytes = static_cast<std::uint8_t>(version_info.size()),
                      .number = number,
                      .file_bytes = bytes,
                      .capacity = bytes,
                      .created_ns = os::wall_clock_ns(),
                      .index_stride_bytes = place.meta.index_stride_bytes};
  std::ranges::copy(version_info, id.version_info.begin());
  return id;
}

os::result<void> write_zeros(const os::file& file, std::uint64_t bytes) noexcept {
  static constexpr std::array<std::byte, std::size_t{256} << 10> zeros{};
  for (std::uint64_t at = 0; at < bytes; at += zeros.size()) {
    const std::uint64_t now = std::min<std::uint64_t>(zeros.size(), bytes - at);
    if (const auto done = os::write_at(file, at, std::span{zeros}.first(now)); !done) return done;
  }
  return {};
}

os::result<void> write_identity(const os::file& file, const format::identity& id) noexcept {
  if (const auto done = os::write_at(file, format::identity_offset, format::encode(id)); !done) return done;
  VARVE_POINT("prepare.before_sync");
  return os::sync_file(file);
}

/// Its identity and its directory entry are durable.
/// `file` is taken if it succeeds.
os::result<std::unique_ptr<control_block>> ready(const log_place& place, os::file& file, const format::identity& id,
                                                 const segment_recipe& recipe) {
  auto map = os::map(file, id.capacity, os::access::read_write);
  if (!map) return std::unexpected(map.error());
  const segment_facts facts{.number = id.number, .capacity = id.capacity, .checksum = place.checksum_kind()};
  try {
    auto index = segment_index::create(place.directory, place.index_of(id.number, id.capacity), recipe.permissions);
    auto made = std::make_shared<segment>(facts, os::file{}, std::move(*map), std::move(index));
    auto block = std::make_unique<control_block>(std::move(made));
    block->segment->file() = std::move(file);
    return block;
  } catch (const std::bad_alloc&) {
    return std::unexpected(os::failure{ENOMEM});
  }
}

/// May the file be used again? Nobody else must notice.
os::result<void> take_for_use(const os::file& file, std::uint64_t bytes) noexcept {
  const auto status = os::status_of(file);
  if (!status) return std::unexpected(status.error());
  if (status->links > 1 || status->bytes != bytes || status->allocated_bytes < bytes || os::has_shared_blocks(file))
    return std::unexpected(os::failure{EINVAL});
  const auto taken = os::try_take(file);
  if (!taken) return std::unexpected(taken.error());
  if (!*taken) return std::unexpected(os::failure{EBUSY});
  return {};
}

os::result<void> erase_sector(const os::file& file, std::uint64_t offset) noexcept {
  return os::write_at(file, offset, format::sector{});
}

/// The activation first, durably: from then on the file is no part of the log, whatever is done to the rest of it.
os::result<void> erase_header(const os::file& file) noexcept {
  VARVE_POINT("recycle.before_erase");
  if (const auto done = erase_sector(file, format::activation_offset); !done) return done;
  VARVE_POINT("recycle.before_sync");
  if (const auto done = os::sync_data(file); !done) return done;
  for (const std::uint64_t offset : {format::end_offset, format::seal_offset})
    if (const auto done = erase_sector(file, offset); !done) return done;
  return {};
}

}  // namespace

os::result<std::unique_ptr<control_block>> prepare_segment(const log_place& place, std::uint64_t number,
                                                           const segment_recipe& recipe) {
  if (number == 0) return std::unexpected(os::failure{EOVERFLOW});  // the highest number there can be is in use
  const auto name = format::name_of(format::file_kind::segment, number);
  auto file = os::create_file(place.directory, name.c_str(), recipe.permissions);
  if (!file) return std::unexpected(file.error());
  const auto id = identity_of(place, number, place.meta.segment_bytes, recipe.version_info);
  const auto make = [&]() -> os::result<std::unique_ptr<control_block>> {
    if (const auto done = os::allocate(*file, id.file_bytes); !done) return std::unexpected(done.error());
    const auto zeroed = recipe.write_ahead ? write_zeros(*file, id.file_bytes) : os::result<void>{};
    if (!zeroed) return std::unexpected(zeroed.error());
    if (const auto done = write_identity(*file, id); !done) return std::unexpected(done.error());
    if (const auto done = os::sync_directory(place.directory); !done) return std::unexpected(done.error());
    if (recipe.write_ahead) os::drop_from_cache(*file);
    return ready(place, *file, id, recipe);
  };
  auto made = make();
  if (!made) static_cast<void>(remove_segment(place, number));  // otherwise the next open does it
  return made;
}

os::result<std::unique_ptr<control_block>> recycle_segment(const log_place& place, std::uint64_t dropped,
                                                           std::uint64_t number, const segment_recipe& recipe) {
  if (number == 0) return std::unexpected(os::failure{EOVERFLOW});
  const auto old_name = format::name_of(format::file_kind::segment, dropped);
  const auto name = format::name_of(format::file_kind::segment, number);
  auto file = os::open_file(place.directory, old_name.c_str(), os::access::read_write);
  if (!file) return std::unexpected(file.error());
  const auto id = identity_of(place, number, place.meta.segment_bytes, recipe.version_info);
  if (const auto done = take_for_use(*file, id.file_bytes); !done) return std::unexpected(done.error());
  if (const auto done = erase_header(*file); !done) return std::unexpected(done.error());
  remove_index(place.directory, dropped);
  if (const auto done = os::set_permissions(*file, recipe.permissions); !done) return std::unexpected(done.error());
  if (const auto done = os::write_at(*file, format::identity_offset, format::encode(id)); !done)
    return std::unexpected(done.error());
  if (const auto done = os::rename_to_new(place.directory, old_name.c_str(), name.c_str()); !done)
    return std::unexpected(done.error());
  const auto make = [&]() -> os::result<std::unique_ptr<control_block>> {
    VARVE_POINT("recycle.renamed");
    if (const auto done = os::sync_file(*file); !done) return std::unexpected(done.error());
    if (const auto done = os::sync_directory(place.directory); !done) return std::unexpected(done.error());
    os::give_back(*file);
    return ready(place, *file, id, recipe);
  };
  auto made = make();
  if (!made) static_cast<void>(remove_segment(place, number));  // likewise
  return made;
}

os::result<std::unique_ptr<control_block>> complete_segment(const log_place& place, unfinished_segment& of,
                                                            std::uint64_t number, const segment_recipe& recipe) {
  if (number == 0) return std::unexpected(os::failure{EOVERFLOW});
  if (number != of.number) {
    const auto old_name = format::name_of(format::file_kind::segment, of.number);
    const auto name = format::name_of(format::file_kind::segment, number);
    if (const auto done = os::rename_to_new(place.directory, old_name.c_str(), name.c_str()); !done)
      return std::unexpected(done.error());
    remove_index(place.directory, std::exchange(of.number, number));
  }
  const auto id = identity_of(place, number, of.bytes, recipe.version_info);
  auto done = write_identity(of.file, id);
  if (done) done = os::sync_directory(place.directory);
  if (!done) {
    of.file.close();
    return std::unexpected(done.error());
  }
  return ready(place, of.file, id, recipe);
}

os::result<void> write_seal(const os::file& file, const segment_facts& facts, std::uint64_t end_offset,
                            std::uint64_t end_sequence, const time_range& times) noexcept {
  const format::seal seal{.salt = facts.salt,
                          .offset = end_offset,
                          .last = end_sequence - 1,
                          .frames = end_sequence - facts.first_frame,
                          .time_first_ns = times.smallest_ns,
                          .time_last_ns = times.largest_ns};
  VARVE_POINT("seal.before_store");
  if (const auto done = os::write_at(file, format::seal_offset, format::encode(seal)); !done)
    return std::unexpected(done.error());
  return os::sync_data(file);  // the header sectors written before it as well
}

os::result<void> remove_segment(const log_place& place, std::uint64_t number) noexcept {
  const auto name = format::name_of(format::file_kind::segment, number);
  if (const auto done = os::remove(place.directory, name.c_str()); !done && done.error().number != ENOENT) return done;
  remove_index(place.directory, number);
  return {};
}

}  // namespace varve::core
