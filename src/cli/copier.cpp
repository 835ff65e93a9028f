// SPDX-License-Identifier: MIT

#include "cli/copier.hpp"

#include <filesystem>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "cli/checksum_names.hpp"
#include "cli/failure.hpp"
#include "cli/opening.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

append_options options_of(const pinned_record& r) {
  append_options options;
  options.type = r.type();
  options.time = r.time();
  return options;
}

}  // namespace

void add_copy_settings(CLI::App& app, copy_settings& settings) {
  app.add_option("DIR", settings.from, "The log's directory; it is only read")
      ->required()
      ->check(path_with_a_name())
      ->option_text(" ");
  app.add_option("NEW", settings.to, "The new log's directory, which must not be there")
      ->required()
      ->check(path_with_a_name())
      ->option_text(" ");
  app.add_option("--segment-size", settings.segment_bytes, "Bytes of one segment file of the new log [as the other]")
      ->transform(size_between(std::uint64_t{64} << 10, std::uint64_t{4} << 30, std::uint64_t{64} << 10))
      ->option_text("SIZE");
  app.add_option("--checksum", settings.checksum_name, "xxh3, crc32c, crc32, crc64 or none [as the other]")
      ->check(CLI::IsMember(checksums))
      ->option_text("NAME");
  app.add_option("--index-stride", settings.index_stride_bytes,
                 "How far apart the entries of its index are: a power of two, 512 to 1MiB [as the other]")
      ->transform(size_between(512, std::uint64_t{1} << 20, 512))
      ->option_text("SIZE");
  auto* const times =
      app.add_flag("--times", settings.times, "Store times; records that have none get that of the copy [as the other]");
  app.add_flag("--no-times", settings.no_times, "Store no times")->excludes(times);
  add_json(app, settings.json);
}

log_options options_of(const copy_settings& settings, const log_description& from) {
  log_options options;
  options.segment_bytes = settings.segment_bytes != 0 ? settings.segment_bytes : from.segment_bytes;
  options.checksum = settings.checksum_name.empty() ? from.checksum : checksums.at(settings.checksum_name);
  options.index_stride_bytes = settings.index_stride_bytes != 0 ? settings.index_stride_bytes : from.index_stride_bytes;
  options.record_times = settings.times || (from.record_times && !settings.no_times);
  options.spare_segments = 0;
  return options;
}

void refuse_if_there(const std::string& directory) {
  std::error_code ignored;
  if (std::filesystem::symlink_status(directory, ignored).type() != std::filesystem::file_type::not_found)
    throw exists_failure(directory);
}

copier::copier(std::string directory, const log_options& options, sequence first)
    : directory_(std::move(directory)), next_(first.value) {
  refuse_if_there(directory_);
  target_.emplace(open_to_write(directory_, options));
  if (next_ == 1) return;
  if (const auto done = target_->reset(first); !done) {
    target_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
    throw failure_of(done.error());
  }
}

copier::~copier() {
  if (!target_) return;
  pending_.clear();
  target_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void copier::add(const record& r) {
  look_for_signal();
  if (!is_of_pending(r)) flush();
  abandon_before(r.sequence().value);
  pending_.push_back(r.pin());
  if (!r.batch_goes_on()) flush();
}

void copier::look_for_signal() {
  constexpr std::uint64_t every = 64;  // records; arbitrary: a look is a system call
  if (added_++ % every != 0) return;
  if (const int number = signals_.take(); number != 0) throw signal_failure(number, directory_);
}

/// That the last record says that its batch goes on is not enough: the log may have been truncated there. What came since
/// is of a later epoch.
bool copier::is_of_pending(const record& r) const noexcept {
  if (pending_.empty() || r.sequence() != next()) return false;
  const pinned_record& last = pending_.back();
  return r.epoch() == last.epoch() && r.is_chunk() == last.is_chunk() && r.type() == last.type() && r.time() == last.time();
}

/// Of a batch without its end one record more is appended, and dropped again: so it lost its end in the other log, too.
void copier::flush() {
  if (pending_.empty()) return;
  const bool lacks_end = pending_.back().batch_goes_on();
  if (append_pending(lacks_end) != next_)
    throw usage_failure("locked", fmt::format("{}: somebody else appends to it", directory_));
  records_ += pending_.size();
  next_ += pending_.size();
  pending_.clear();
  if (lacks_end) check(target_->truncate_after({next_ - 1}));
}

/// Answers with the first sequence.
std::uint64_t copier::append_pending(bool one_more) {
  const append_options options = options_of(pending_.front());
  if (pending_.front().is_chunk()) {
    auto entry = take(target_->begin_entry(options));
    for (const auto& each : pending_) check(entry.write_chunk(each.payload()));
    if (one_more) check(entry.write_chunk(std::string_view{}));
    return take(entry.publish()).first.value;
  }
  if (pending_.size() == 1 && !one_more) return take(target_->append(pending_.front().payload(), options)).value;
  std::vector<std::span<const std::byte>> payloads;
  for (const auto& each : pending_) payloads.push_back(each.payload());
  if (one_more) payloads.emplace_back();
  return take(target_->append_batch(payloads, options)).first.value;
}

void copier::abandon_before(std::uint64_t end) {
  if (pending_.empty())
    for (; next_ < end; ++next_, ++abandoned_) take(target_->claim(0)).abandon();
}

void copier::lose(sequence_range lost) {
  flush();
  abandon_before(lost.first.value);
  for (; next_ < lost.end.value; ++next_, ++lost_) take(target_->claim(0)).lose();
}

void copier::finish(sequence end) {
  flush();
  abandon_before(end.value);
  check(target_->close());
  target_.reset();
}

}  // namespace varve::cli
