// SPDX-License-Identifier: MIT
#include "store/segment_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <new>
#include <utility>
#include <vector>

#include "format/file_name.hpp"
#include "os/point.hpp"

namespace varve::core {
namespace {

template <class S>
std::expected<S, format::sector_fault> decode_at(std::span<const std::byte> header, std::uint64_t offset) noexcept {
  format::sector bytes;
  std::memcpy(bytes.data(), header.data() + offset, bytes.size());
  return format::decode<S>(bytes);
}

/// A sector's words are stored in order, its checksum last. So one that was only begun has none yet.
bool was_complete(std::span<const std::byte> header, std::uint64_t offset) noexcept {
  std::uint64_t checksum = 0;
  std::memcpy(&checksum, header.data() + offset + format::sector_bytes - sizeof checksum, sizeof checksum);
  return checksum != 0;
}

/// Memory is torn by words, so each word of a torn identity is what it was to be, or still zero. Another program's file says
/// something else where the magic and the log's UUID stand.
bool may_be_torn_identity(std::span<const std::byte> header, const format::uuid& log) noexcept {
  constexpr std::size_t word_bytes = 8;
  std::array<std::byte, 32> wanted{}, found{};
  std::memcpy(wanted.data(), &format::identity::magic, sizeof format::identity::magic);
  std::memcpy(wanted.data() + offsetof(format::identity, log), log.data(), log.size());
  std::memcpy(found.data(), header.data() + format::identity_offset, found.size());
  for (const std::size_t at :
       {std::size_t{0}, offsetof(format::identity, log), offsetof(format::identity, log) + word_bytes}) {
    const auto is = std::span{found}.subspan(at, word_bytes), was = std::span{wanted}.subspan(at, word_bytes);
    const bool is_zero = std::ranges::all_of(is, [](std::byte b) { return b == std::byte{}; });
    if (!is_zero && !std::ranges::equal(is, was)) return false;
  }
  return true;
}

enum class reading : std::uint8_t { done, skipped };

result<reading> read_one(const log_place& place, segment_file& f) {
  const auto name = format::name_of(format::file_kind::segment, f.number);
  const auto file = os::open_file(place.directory, name.c_str(), os::access::read);
  if (!file) {
    const int number = file.error().number;
    if (number == ENOENT || number == ELOOP || number == EINVAL) return reading::skipped;
    return place.fail_call(file.error(), f.number);
  }
  const auto status = os::status_of(*file);
  if (!status) return place.fail_call(status.error(), f.number);
  f.file_bytes = status->bytes;
  f.allocated_bytes = status->allocated_bytes;
  f.links = status->links;
  f.inode = status->inode;
  std::array<std::byte, format::segment_header_bytes> header{};  // what is missing reads as zero, which is never valid
  const auto n = os::read_at(*file, 0, header);
  if (!n) return place.fail_call(n.error(), f.number);
  if (!decode_header(header, place.meta.log, f))
    return fail({.code = errc::newer_format, .subject = place.path, .segment = f.number});
  return reading::done;
}

}  // namespace

bool decode_header(std::span<const std::byte> header, const format::uuid& log, segment_file& f) {
  const auto identity = decode_at<format::identity>(header, format::identity_offset);
  const auto activation = decode_at<format::activation>(header, format::activation_offset);
  const auto end = decode_at<format::end>(header, format::end_offset);
  const auto seal = decode_at<format::seal>(header, format::seal_offset);
  const auto is_newer = [](const auto& sector) { return !sector && sector.error() == format::sector_fault::newer; };
  if (is_newer(identity) || is_newer(activation) || is_newer(end) || is_newer(seal)) return false;
  if (identity) {
    if (!format::may_read(identity->features)) return false;
    if (format::is_sane(*identity))
      f.identity = {.features = identity->features,
                    .checksum_kind = identity->checksum_kind,
                    .file_bytes = identity->file_bytes,
                    .capacity = identity->capacity,
                    .version_info = std::string{identity->info()}};
  }
  f.may_be_ours = identity ? identity->log == log : may_be_torn_identity(header, log);
  // One of our own that was only prepared is no part of the log, whatever it is called.
  if (identity) f.foreign = identity->log != log || (identity->number != f.number && activation);
  if (!activation || !format::is_sane(*activation)) {
    f.activation_damaged = was_complete(header, format::activation_offset);
    return true;
  }
  f.activation = {.base = activation->base,
                  .salt = activation->salt,
                  .epoch = activation->epoch,
                  .predecessor = activation->predecessor,
                  .predecessor_salt = activation->predecessor_salt,
                  .begun_ns = activation->time_ns,
                  .given_up = activation->given_up,
                  .generation = activation->generation};
  if (!f.identity) return true;
  const bool has_end = end && format::belongs(*end, *activation, *identity);
  if (has_end) f.end = {.offset = end->offset, .last = end->last};
  f.is_truncated = has_end && end->cause == format::end_cause::truncate;
  f.successor = has_end ? end->successor : 0;
  if (seal) {
    const format::end sealed{.salt = seal->salt, .offset = seal->offset, .last = seal->last};
    if (format::belongs(*seal, has_end ? *end : sealed) && format::belongs(sealed, *activation, *identity)) {
      f.seal = {.offset = seal->offset, .last = seal->last};
      f.sealed_time_ns = seal->time_last_ns;
    }
  }
  return true;
}

segment_facts segment_file::facts(varve::checksum kind) const noexcept {
  return {.number = number,
          .base = activation->follows(),
          .salt = activation->salt,
          .epoch = activation->epoch,
          .capacity = identity->capacity,
          .checksum = kind,
          .begun_ns = activation->begun_ns,
          .first_frame = activation->base,
          .generation = activation->generation};
}

result<std::optional<segment_file>> read_segment_file(const log_place& place, std::uint64_t number) {
  segment_file f;
  auto done = result<reading>{};
  // Again if a sector was read while a living writer stored it: its checksum may have been read after, its start before.
  for (int tries = 0; tries < 3 && (tries == 0 || f.activation_damaged); ++tries) {
    f = {.number = number};
    done = read_one(place, f);
  }
  if (!done) return std::unexpected(done.error());
  if (*done != reading::done) return std::nullopt;
  return f;
}

result<segment_files> read_segment_files(const log_place& place, std::uint64_t above) {
  const auto names = os::list(place.directory);
  if (!names) return place.fail_call(names.error());
  std::vector<std::uint64_t> numbers;
  for (const auto& name : *names) {
    const auto number = format::parse_name(format::file_kind::segment, name);
    if (number && *number > above) numbers.push_back(*number);
  }
  segment_files found;
  found.files.reserve(numbers.size());  // of a million nothing is held twice
  for (const std::uint64_t number : numbers) {
    VARVE_POINT("files.before_next");
    auto read = read_segment_file(place, number);
    if (!read) return std::unexpected(read.error());
    if (!*read) continue;
    segment_file& f = **read;
    // Not of files that are no part of the log, whoever put them there: the next number must not run out.
    if (f.identity && f.activation && !f.foreign) found.highest = std::max(found.highest, number);
    found.files.push_back(std::move(f));
  }
  std::ranges::sort(found.files, {}, &segment_file::number);
  return found;
}

bool may_hold_frames(const log_place& place, std::uint64_t number) {
  constexpr std::size_t block_bytes = std::size_t{1} << 18;
  const auto file =
      os::open_file(place.directory, format::name_of(format::file_kind::segment, number).c_str(), os::access::read);
  if (!file) return true;
  std::vector<std::byte> block(block_bytes);
  for (std::uint64_t at = format::segment_header_bytes;;) {
    const auto n = os::read_at(*file, at, block);
    if (!n) return true;  // nobody knows
    if (*n == 0) return false;
    if (std::ranges::any_of(std::span{block}.first(*n), [](std::byte b) { return b != std::byte{0}; })) return true;
    at += *n;
  }
}

std::vector<std::uint64_t> set_truncated_aside(segment_files& found, std::uint64_t next, std::uint64_t first,
                                               std::uint64_t epoch) {
  std::vector<std::uint64_t> gone;
  std::erase_if(found.files, [&](const segment_file& f) {
    const bool goes = f.activation && f.identity && !f.foreign && f.activation->epoch < epoch &&
                      (f.activation->base >= next || next <= first);
    if (goes) gone.push_back(f.number);
    return goes;
  });
  for (auto& f : found.files) {  // the one that is to end there may say that it ends behind it
    if (f.activation && f.activation->epoch >= epoch) continue;
    if (f.end && f.end->last >= next) f.end.reset();
    if (f.seal && f.seal->last >= next) f.seal.reset();
  }
  return gone;
}

namespace {

/// When an epoch began the log ended before the base of its first segment. Epochs grow with the numbers.
void find_begun_before(const std::vector<segment_file>& files, std::vector<bool>& went) {
  std::uint64_t epoch = UINT64_MAX, lowest = UINT64_MAX, lowest_of_later = UINT64_MAX;
  for (std::size_t i = files.size(); i-- > 0;) {
    if (!files[i].activation || !files[i].identity || files[i].foreign) continue;
    const auto& a = *files[i].activation;
    if (a.epoch < epoch) lowest_of_later = std::min(lowest_of_later, std::exchange(lowest, UINT64_MAX));
    epoch = std::min(epoch, a.epoch);
    lowest = std::min(lowest, a.base);
    went[i] = a.base > lowest_of_later;
  }
}

}  // namespace

std::vector<bool> went_with_a_cut(const segment_files& found) {
  const auto& files = found.files;
  std::vector<bool> went(files.size());
  find_begun_before(files, went);
  for (std::size_t i = 0; i < files.size(); ++i) {  // a predecessor has a lower number
    if (!files[i].activation || files[i].foreign) continue;
    const auto& a = *files[i].activation;
    const auto before = std::ranges::lower_bound(files, a.predecessor, {}, &segment_file::number);
    if (before == files.end() || before->number != a.predecessor || !before->activation || before->foreign) continue;
    if (before->activation->salt != a.predecessor_salt) continue;
    const bool was_cut = before->is_truncated && before->end && before->end->last + 1 < a.follows();
    went[i] = went[i] || was_cut || went[static_cast<std::size_t>(before - files.begin())];
  }
  return went;
}

std::vector<std::size_t> chain_from(const segment_files& found, std::uint64_t first) {
  const auto& files = found.files;
  const auto usable = [](const segment_file& f) { return f.activation && f.identity && !f.foreign; };
  constexpr std::size_t nobody = SIZE_MAX;
  std::size_t at = nobody;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> successor_of;  // by number and salt; of two, the newer file
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!usable(files[i])) continue;
    const auto& a = *files[i].activation;
    successor_of[{a.predecessor, a.predecessor_salt}] = i;
    if (a.follows() > first) continue;
    if (at == nobody || a.follows() >= files[at].activation->follows()) at = i;  // likewise
  }
  // A segment without a frame has the base of the one that follows it.
  for (std::size_t steps = 0; at != nobody && steps < files.size(); ++steps) {
    const auto& here = *files[at].activation;
    const auto before = std::ranges::lower_bound(files, here.predecessor, {}, &segment_file::number);
    if (before == files.end() || before->number != here.predecessor || !usable(*before)) break;
    if (before->activation->salt != here.predecessor_salt || before->activation->follows() != here.follows()) break;
    if (before->end && before->end->last + 1 != here.follows()) break;  // it has some: one of the two is damaged
    at = static_cast<std::size_t>(before - files.begin());
  }
  std::vector<std::size_t> chain;
  while (at != nobody && chain.size() < files.size()) {  // a hostile chain may be a ring
    chain.push_back(at);
    const auto& here = *files[at].activation;
    const auto next = successor_of.find({files[at].number, here.salt});
    const bool fits =
        next != successor_of.end() && next->second != at && files[next->second].activation->follows() >= here.follows();
    at = fits ? next->second : nobody;
  }
  return chain;
}

}  // namespace varve::core
