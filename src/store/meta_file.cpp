// SPDX-License-Identifier: MIT
#include "store/meta_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "format/file_name.hpp"
#include "os/point.hpp"

namespace varve::core {
namespace {

bool has_magic(const format::sector& bytes) noexcept {
  std::uint64_t magic = 0;
  std::memcpy(&magic, bytes.data(), sizeof magic);
  return magic == format::meta::magic;
}

/// Of a file with that name of which neither copy is valid: is it a log's, or another program's? Beside a state or segments
/// it is a log's.
result<bool> stands_beside_log(const log_place& place) {
  const auto names = os::list(place.directory);
  if (!names) return place.fail_call(names.error());
  if (std::ranges::find(*names, format::state_name) != names->end()) return true;
  return std::ranges::any_of(*names,
                             [](const auto& n) { return format::parse_name(format::file_kind::segment, n).has_value(); });
}

}  // namespace

result<meta_file> read_meta(const log_place& place) {
  const auto file = os::open_file(place.directory, format::meta_name, os::access::read);
  if (!file && file.error().number == ENOENT) return fail({.code = errc::not_found, .subject = place.path});
  if (!file) return place.fail_open(file.error());
  const auto status = os::status_of(*file);
  if (!status) return place.fail_call(status.error());

  meta_file found{.is_ours_alone = status->links <= 1};
  bool has_valid = false, is_newer = false, may_be_log = false;
  for (std::size_t copy = 0; copy < std::size(format::meta_copy_offset); ++copy) {
    format::sector bytes{};
    const auto n = os::read_at(*file, format::meta_copy_offset[copy], bytes);
    if (!n) return place.fail_call(n.error());
    may_be_log = may_be_log || has_magic(bytes);
    const auto meta = format::decode<format::meta>(bytes);
    is_newer = is_newer || (!meta && meta.error() == format::sector_fault::newer);
    if (!meta || !format::is_sane(*meta)) {
      if (!found.spoiled) found.spoiled = copy;
      continue;
    }
    if (!has_valid) found.meta = *meta;
    has_valid = true;
  }
  if (is_newer) return fail({.code = errc::newer_format, .subject = place.path});
  if (has_valid) return found;
  if (!may_be_log) {
    const auto beside = stands_beside_log(place);
    if (!beside) return std::unexpected(beside.error());
    if (!*beside) return fail({.code = errc::not_a_log, .subject = place.path});
  }
  return place.fail_file(errc::damaged, format::meta_name);
}

result<void> write_meta(const log_place& place, std::uint32_t permissions) {
  auto file = os::create_file(place.directory, format::meta_temporary_name, permissions);
  if (!file) return place.fail_call(file.error());
  for (const std::uint64_t offset : format::meta_copy_offset)
    if (const auto done = os::write_at(*file, offset, format::encode(place.meta)); !done)
      return place.fail_call(done.error());
  if (const auto done = os::sync_file(*file); !done) return place.fail_call(done.error());
  if (const auto done = os::rename(place.directory, format::meta_temporary_name, format::meta_name); !done)
    return place.fail_call(done.error());
  VARVE_POINT("create.before_directory_sync");
  if (const auto done = os::sync_directory(place.directory); !done) return place.fail_call(done.error());
  return {};
}

result<void> repair_meta(const log_place& place) {
  if (!place.spoiled_meta) return {};
  const auto file = os::open_file(place.directory, format::meta_name, os::access::read_write);
  if (!file) return place.fail_open(file.error());
  const std::uint64_t offset = format::meta_copy_offset[*place.spoiled_meta];
  if (const auto done = os::write_at(*file, offset, format::encode(place.meta)); !done) return place.fail_call(done.error());
  if (const auto done = os::sync_file(*file); !done) return place.fail_call(done.error());
  return {};
}

}  // namespace varve::core
