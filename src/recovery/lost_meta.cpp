// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "format/file_name.hpp"
#include "recovery/lost_state.hpp"
#include "segment/walker.hpp"
#include "store/segment_files.hpp"

namespace varve::core {
namespace {

/// The identities of all files with the name of a segment, in the order of their numbers.
result<std::vector<format::identity>> identities_in(const log_place& place, const std::vector<std::string>& names) {
  std::vector<std::uint64_t> numbers;
  for (const auto& name : names)
    if (const auto number = format::parse_name(format::file_kind::segment, name)) numbers.push_back(*number);
  std::ranges::sort(numbers);
  std::vector<format::identity> all;
  for (const std::uint64_t number : numbers) {
    const auto file =
        os::open_file(place.directory, format::name_of(format::file_kind::segment, number).c_str(), os::access::read);
    if (!file) return place.fail_call(file.error(), number);
    format::sector bytes{};
    if (const auto n = os::read_at(*file, format::identity_offset, bytes); !n) return place.fail_call(n.error(), number);
    const auto identity = format::decode<format::identity>(bytes);
    const bool is_newer =
        identity ? !format::may_write(identity->features) : identity.error() == format::sector_fault::newer;
    if (is_newer) return fail({.code = errc::newer_format, .subject = place.path, .segment = number});
    if (identity && identity->head.version < format::version)
      return fail({.code = errc::older_format, .subject = place.path, .segment = number});
    if (identity && format::is_sane(*identity)) all.push_back(*identity);
  }
  return all;
}

/// An archive has no varve.live, and may have packed segments. What a backup has made has none either until it is opened.
bool is_surely_a_log(const std::vector<std::string>& names) {
  const bool is_packed = std::ranges::any_of(names, [](const auto& name) { return name.ends_with(".seg.zst"); });
  return !is_packed && std::ranges::find(names, format::live_name) != names.end();
}

/// Does the first record have a time? In a log that keeps them all have.
result<bool> has_times(const log_place& place) {
  const auto found = read_segment_files(place);
  if (!found) return std::unexpected(found.error());
  for (const auto& f : found->files) {
    if (!f.activation || !f.identity || f.foreign || f.file_bytes < f.identity->file_bytes) continue;
    const auto opened = open_segment(place.directory, place.path, f.facts(place.checksum_kind()), os::access::read);
    if (!opened) return std::unexpected(opened.error());
    if (!os::populate_for_reading((*opened)->map(), 0, f.identity->capacity)) return place.fail_call({EIO}, f.number);
    walker at{*opened};
    for (auto seen = at.step(format::depth::everything); seen.what == sight::frame;
         seen = at.step(format::depth::everything))
      if (seen.frame.is_record()) return (seen.frame.flags >> format::frame_flags::extension_shift) != 0;
  }
  return false;
}

}  // namespace

result<void> take_meta_from_segments(log_place& place) {
  const auto names = os::list(place.directory);
  if (!names) return place.fail_call(names.error());
  const auto all = identities_in(place, *names);
  if (!all) return std::unexpected(all.error());
  if (all->empty() || !is_surely_a_log(*names)) return place.fail_file(errc::incomplete, format::meta_name);
  const auto& newest = all->back();
  format::meta made{.log = newest.log,
                    .checksum_kind = newest.checksum_kind,
                    .frame_alignment_log2 = newest.frame_alignment_log2,
                    .segment_bytes = newest.file_bytes,
                    .index_stride_bytes = newest.index_stride_bytes,
                    .created_ns = newest.created_ns};
  for (const auto& each : *all) {
    if (each.log != made.log || each.checksum_kind != made.checksum_kind)
      return fail({.code = errc::damaged, .subject = place.path, .segment = each.number});
    made.segment_bytes = std::min(made.segment_bytes, each.file_bytes);
    made.created_ns = std::min(made.created_ns, each.created_ns);
  }
  place.meta = made;
  const auto times = has_times(place);
  if (!times) return std::unexpected(times.error());
  place.meta.times = *times ? 1 : 0;
  return {};
}

}  // namespace varve::core
