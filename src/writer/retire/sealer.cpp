// SPDX-License-Identifier: MIT
#include "writer/retire/sealer.hpp"

#include "format/segment_header.hpp"
#include "writer/retire/archive_feed.hpp"

namespace varve::core {
namespace {

// How often to look again at a segment whose last claims are not finished. Arbitrary; nobody waits for it.
constexpr std::chrono::milliseconds look_again{5};

}  // namespace

void sealer::run() noexcept {
  for (;;) {
    const std::uint32_t work = worker_.look();
    if (worker_.is_stopping()) return;
    switch (seal_next()) {
      case sealed::one: with_.retainer.run(); break;
      case sealed::not_yet: worker_.sleep(work, std::chrono::steady_clock::now() + look_again); break;
      case sealed::nothing:
        with_.retainer.run();  // records also grow too old while nothing is sealed
        worker_.sleep(work, with_.retainer.next_run());
        break;
    }
  }
}

sealer::sealed sealer::seal_next() noexcept {
  const std::scoped_lock lock{sealing_};
  auto s = with_.table.oldest_ended();
  if (!s || with_.latch.is_set()) return sealed::nothing;
  with_.frontier.advance();
  if (with_.frontier.published() + 1 < s->end_sequence()) return sealed::not_yet;
  return seal_one(std::move(s)) ? sealed::one : sealed::nothing;  // a failure is latched
}

void sealer::seal_all() noexcept {
  while (auto s = with_.table.oldest_ended())
    if (!seal_one(std::move(s))) return;
}

bool sealer::seal_one(std::shared_ptr<segment> s) noexcept {
  if (!with_.syncer.sync_segment(s)) return false;
  const auto times = with_.place.keeps_times() ? times_in(s) : time_range{};
  if (const auto done = write_seal(s->file(), s->facts(), s->end_offset(), s->end_sequence(), times); !done) {
    with_.latch.set(error_access::make({.code = errc::sync_failed,
                                        .subject = with_.place.path,
                                        .os_errno = done.error().number,
                                        .segment = s->facts().number,
                                        .offset = format::seal_offset}));
    return false;
  }
  const std::uint64_t number = s->facts().number;
  s.reset();  // it may be dropped from here on, and would take space as long as we hold it
  with_.table.mark_sealed(number, times.largest_ns);
  static_cast<void>(with_.trimmer.drop());  // what could not be removed is tried again, and told to who trims next
  with_.archivist.nudge();
  with_.preparer.nudge();
  return true;
}

}  // namespace varve::core
