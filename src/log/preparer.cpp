// SPDX-License-Identifier: MIT
#include "log/preparer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include "format/file_name.hpp"
#include "log/failure_latch.hpp"
#include "log/frontier.hpp"
#include "log/segment_table.hpp"
#include "os/memory.hpp"
#include "os/process.hpp"
#include "os/waiting.hpp"

namespace varve::core {
namespace {

// How much may wait to be sealed: in bytes, but some segments in any case, and not too many descriptors.
constexpr std::uint64_t backlog_bytes_max = std::uint64_t{1} << 30;
constexpr std::uint64_t backlog_segments_min = 4, backlog_segments_max = 64;
// Arbitrary: how late an append may learn that the device has failed while it waits for a segment.
constexpr std::chrono::milliseconds look_again{100};

format::identity identity_of(const log_place& place, std::uint64_t number, std::string_view version_info) noexcept {
  format::identity id{.log = place.meta.log,
                      .features = place.meta.features,
                      .checksum_kind = place.meta.checksum_kind,
                      .frame_alignment_log2 = place.meta.frame_alignment_log2,
                      .version_info_bytes = static_cast<std::uint8_t>(version_info.size()),
                      .number = number,
                      .file_bytes = place.meta.segment_bytes,
                      .capacity = place.meta.segment_bytes,
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

os::result<os::mapping> lay_out(const log_place& place, const os::file& file, const format::identity& id,
                                bool write_ahead) noexcept {
  if (const auto done = os::allocate(file, id.file_bytes); !done) return std::unexpected(done.error());
  if (write_ahead) {
    if (const auto done = write_zeros(file, id.file_bytes); !done) return std::unexpected(done.error());
  }
  if (const auto done = os::write_at(file, format::identity_offset, format::encode(id)); !done)
    return std::unexpected(done.error());
  VARVE_POINT("prepare.before_sync");
  if (const auto done = os::sync_file(file); !done) return std::unexpected(done.error());
  if (const auto done = os::sync_directory(place.directory); !done) return std::unexpected(done.error());
  if (write_ahead) os::drop_from_cache(file);
  return os::map(file, id.capacity, os::access::read_write);
}

}  // namespace

os::result<std::unique_ptr<control_block>> prepare_segment(const log_place& place, std::uint64_t number,
                                                           const segment_recipe& recipe) {
  if (number == 0) return std::unexpected(os::failure{EOVERFLOW});  // the highest number there can be is in use
  const auto name = format::name_of(format::file_kind::segment, number);
  auto file = os::create_file(place.directory, name.c_str(), recipe.permissions);
  if (!file) return std::unexpected(file.error());
  const auto id = identity_of(place, number, recipe.version_info);
  auto map = lay_out(place, *file, id, recipe.write_ahead);
  if (!map) {
    // It is no part of the log. If it cannot be removed now, the next open does it.
    static_cast<void>(os::remove(place.directory, name.c_str()));
    return std::unexpected(map.error());
  }
  const segment_facts facts{.number = number, .capacity = id.capacity, .checksum = place.checksum_kind()};
  try {
    auto index = segment_index::create(place.directory, place.index_of(number, id.capacity), recipe.permissions);
    return std::make_unique<control_block>(
        std::make_shared<segment>(facts, std::move(*file), std::move(*map), std::move(index)));
  } catch (const std::bad_alloc&) {
    static_cast<void>(os::remove(place.directory, name.c_str()));
    remove_index(place.directory, number);
    return std::unexpected(os::failure{ENOMEM});
  }
}

void preparer::start(segment_recipe recipe, std::uint32_t ahead, std::uint64_t warm_bytes, std::uint64_t highest,
                     std::shared_ptr<segment> active, std::uint64_t offset) {
  warmer_.set_ahead(warm_bytes);
  recipe_ = std::move(recipe);
  ahead_ = ahead;
  highest_ = highest;
  if (active) warmer_.add(std::move(active), offset);
  thread_ = std::make_unique<std::thread>([this] { run(); });
}

void preparer::stop() noexcept {
  if (!thread_) return;
  stopping_.store(1, std::memory_order_release, "work:A");
  nudge();
  thread_->join();
  thread_.reset();
  warmer_.clear();
  control_block* block = nullptr;
  while (queue_.pop(block)) {
    const std::unique_ptr<control_block> unused{block};
    const auto name = format::name_of(format::file_kind::segment, unused->segment->facts().number);
    static_cast<void>(os::remove(place_->directory, name.c_str()));  // otherwise the next open does it
    remove_index(place_->directory, unused->segment->facts().number);
  }
}

void preparer::nudge() noexcept {
  work_.fetch_add(1, std::memory_order_release, "work:A");
  os::wake_all(work_.futex());
}

os::result<std::unique_ptr<control_block>> preparer::take() noexcept {
  // Each request also makes room for a replacement, and allows one more attempt after a failure.
  const std::uint32_t mine = requested_.fetch_add(1, std::memory_order_relaxed, "supply:request") + 1;
  nudge();  // releases the request
  for (;;) {
    const std::uint32_t seen = outcome_.load(std::memory_order_acquire, "supply:B");
    control_block* block = nullptr;
    if (queue_.pop(block)) return std::unique_ptr<control_block>{block};
    const std::uint64_t failed = failure_.load(std::memory_order_relaxed, "supply:failure");  // relaxed: ordered by supply:B
    if (failed != 0 && static_cast<std::int32_t>(static_cast<std::uint32_t>(failed >> 32) - mine) >= 0)
      return std::unexpected(os::failure{static_cast<int>(failed & 0xffffffff)});
    os::wait_on(outcome_.futex(), seen, os::deadline::max());
  }
}

void preparer::run() noexcept {
  std::uint32_t failed_request = 0;
  bool failing = false;
  for (;;) {
    const std::uint32_t work = work_.load(std::memory_order_acquire, "work:B");
    if (stopping_.load(std::memory_order_relaxed, "work:stop") != 0) return;  // relaxed: ordered by work:B
    const std::uint32_t request = requested_.load(std::memory_order_relaxed, "supply:request");  // relaxed: likewise
    const bool enough = prepared_segments_max - queue_.write_available() >= ahead_;
    const bool hopeless = failing && request == failed_request;
    const bool backlogged = is_backlogged();
    if (enough || hopeless || backlogged) {
      if (warmer_.warm_some()) continue;
      // Not for ever behind a backlog: whoever latches a failure seals no more, and does not wake us.
      os::wait_on(work_.futex(), work, backlogged ? std::chrono::steady_clock::now() + look_again : os::deadline::max());
      continue;
    }
    const auto done = prepare_one();
    failing = !done;
    if (!done) {
      failed_request = request;
      // relaxed: released by the next line.
      failure_.store(std::uint64_t{request} << 32 | static_cast<std::uint32_t>(done.error().number),
                     std::memory_order_relaxed, "supply:failure");
    }
    outcome_.fetch_add(1, std::memory_order_release, "supply:A");
    os::wake_all(outcome_.futex());
  }
}

os::result<void> preparer::prepare_one() noexcept {
  try {
    table_->reserve(prepared_segments_max + 1);  // so that the roller need not allocate
    for (;;) {
      auto made = prepare_segment(*place_, ++highest_, recipe_);
      if (!made && made.error().number == EEXIST) continue;  // somebody put a file there: leave it alone
      if (!made) return std::unexpected(made.error());
      warmer_.add((*made)->prepared, 0);
      queue_.push(made->release());  // there is room: only this thread pushes, and it has looked
      return {};
    }
  } catch (const std::bad_alloc&) {
    return std::unexpected(os::failure{ENOMEM});
  }
}

bool preparer::is_backlogged() const noexcept {
  if (latch_->is_set()) return false;  // nothing is sealed any more, and who waits for a segment must get an answer
  const std::uint64_t allowed =
      std::clamp(backlog_bytes_max / place_->meta.segment_bytes, backlog_segments_min, backlog_segments_max);
  // What waits for a claim, and not for the device, does not count: the one who holds it may be the one who waits for us.
  return table_->ended_count(frontier_->published()) >= allowed;
}

}  // namespace varve::core
