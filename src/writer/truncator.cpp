// SPDX-License-Identifier: MIT
#include "writer/truncator.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

#include "recovery/repair.hpp"
#include "store/segment_files.hpp"

namespace varve::core {

result<void> truncator::run(const wish& w) noexcept {
  std::unique_lock one{truncating_};
  if (with_.gate.get() != gate::position::open) return with_.appender.refusal();
  if (auto done = check(w); !done) return done;
  if (auto held = with_.appender.hold(); !held) return held;
  result<void> done = run_held(w);
  const bool failed = with_.latch.is_set();
  if (failed) with_.appender.give_up();
  if (failed) return done;
  // The roll waits for the preparer, which may wait for the sealer, for a trim, or for close(): so no lock is held, but the
  // roll itself.
  one.unlock();
  const auto went_on = with_.appender.go_on();
  return done ? or_uncertain(went_on) : done;
}

/// Whatever comes of it, the caller lets appends go on.
result<void> truncator::run_held(const wish& w) noexcept {
  try {
    return cut(w);
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory, .subject = with_.place.path});
  }
}

result<void> truncator::check(const wish& w) const noexcept {
  if (w.resets) return {};
  if (w.next > with_.appender.next_sequence())
    return fail({.code = errc::past_end, .subject = with_.place.path, .first_sequence = w.next - 1});
  if (w.next < with_.trimmer.first())
    return fail({.code = errc::trimmed, .subject = with_.place.path, .first_sequence = w.next - 1});
  return {};
}

result<void> truncator::cut(const wish& w) {
  const std::uint64_t next = with_.appender.next_sequence();
  with_.syncer.wait_until_quiet(next - 1);
  VARVE_POINT("truncate.held");
  const std::scoped_lock life{with_.life};
  if (auto done = check(w); !done) return done;  // it may have been trimmed, or truncated, meanwhile
  // What goes as well: who waits for it must get an answer that was true once.
  if (auto done = with_.syncer.sync_published(next - 1, os::deadline::max()); !done) return done;
  if (!w.resets && w.next == next) return {};
  const auto unsealed = with_.sealer.keep_out();
  with_.sealer.seal_all();  // so that those that are not sealed stay the last ones
  if (const auto failed = with_.latch.get()) return std::unexpected(*failed);
  const syncer::leadership lead{with_.syncer};
  auto p = make_plan(w);
  if (!p) return std::unexpected(p.error());
  auto done = decide(w);
  if (!done) {
    with_.live.bump_turn();  // views look what the state says after all
    if (!done.error().may_have_happened()) return done;
  } else {
    take_effect(w, *p);
    done = carry_out(*p);
  }
  // Appends that it answers did not happen.
  if (!done) with_.latch.set(error_access::with_effect(done.error(), false));
  return or_uncertain(done);
}

result<truncator::plan> truncator::make_plan(const wish& w) const {
  plan p;
  if (!w.resets && w.next > with_.trimmer.first()) {
    p.cut_from = w.next;
    p.in_table = with_.table.list_from(w.next);
    for (const auto& s : p.in_table) p.steps.dropped.push_back(s.number);
    if (auto done = plan_end(w.next, p); !done) return std::unexpected(done.error());
    return p;
  }
  // All of it: also what was trimmed, and is kept to be used again. Its numbers may lie behind `next`.
  p.in_table = with_.table.list_from(0);
  const auto found = read_segment_files(with_.place);
  if (!found) return std::unexpected(found.error());
  auto all = *found;
  p.steps.dropped = set_truncated_aside(all, w.next, w.next);
  return p;
}

/// The last segment that is left, and where it is to end.
result<void> truncator::plan_end(std::uint64_t next, plan& p) const {
  const auto in = with_.table.holding(next - 1);
  if (!in) return std::unexpected(in.error());
  const auto before = with_.table.ending_at(next - 1);
  p.last = before.facts;
  // In a gap no frame says where the log ends: it may be truncated before the gap, or after it.
  if (next <= p.last.first_frame && p.last.base != p.last.first_frame)
    return fail({.code = errc::damaged,
                 .subject = with_.place.path,
                 .segment = p.last.number,
                 .first_sequence = p.last.base,
                 .last_sequence = p.last.first_frame - 1});
  p.end = walker::near(*in, next, next - 1).at;
  while (p.end.sequence() < next) {
    if (p.end.step(format::depth::shape).what == sight::frame) continue;
    return fail({.code = errc::damaged,
                 .subject = with_.place.path,
                 .segment = p.last.number,
                 .offset = p.end.offset(),
                 .first_sequence = p.end.sequence(),
                 .last_sequence = p.end.sequence()});
  }
  const bool ends_there = before.end_sequence == next;
  const auto file = read_segment_file(with_.place, p.last.number);
  if (!file) return std::unexpected(file.error());
  if (*file && (*file)->links > 1) return with_.place.fail_call({EMLINK}, p.last.number);  // somebody else's file as well
  p.steps.chain.push_back({.facts = p.last,
                           .end_offset = p.end.offset(),
                           .end_sequence = next,
                           .end_recorded = ends_there,
                           .end_cause = format::end_cause::truncate,
                           .sealed = ends_there && before.sealed,
                           .newest_ns = ends_there ? before.newest_ns : 0});
  p.steps.next = next;
  return {};
}

/// From when this is durable the log is truncated, whatever happens then.
result<void> truncator::decide(const wish& w) noexcept {
  bool may_follow = false;
  VARVE_POINT("truncate.before_state");
  auto done = with_.state.change(with_.place, [&](format::state& next) {
    may_follow = format::may_be_followed(next);
    next.epoch += 1;
    next.truncations += 1;  // only compared, so that it may wrap
    next.truncate_intent = w.next;
    next.durable_floor = w.next - 1;
    if (w.resets) next.trim_point = w.next;
    next.checkpoint = std::clamp(next.checkpoint, next.trim_point - 1, w.next - 1);
    next.archived = std::clamp(next.archived, next.trim_point - 1, w.next - 1);
    return may_follow;
  });
  return done && !may_follow ? with_.place.fail_call({EOVERFLOW}) : done;
}

void truncator::take_effect(const wish& w, const plan& p) noexcept {
  VARVE_POINT("truncate.decided");
  const truncations::change change{with_.truncations};
  const std::uint64_t last = w.next - 1, epoch = with_.state.epoch();
  const std::uint64_t position = with_.appender.held_position();
  with_.live.begin_epoch(epoch, last);
  tell_readers(w.next);
  const bool goes_back = w.next < with_.trimmer.first();
  if (w.resets && goes_back) with_.trimmer.place(w.next);  // first <= published + 1, at each moment
  with_.table.cut(p.cut_from, w.next, p.end.offset());
  with_.frontier.move_back(p.end, last);
  if (w.resets && !goes_back) with_.trimmer.place(w.next);
  with_.syncer.move_back(p.end, last, epoch, position);
  with_.appender.move_to(w.next, p.last, epoch);
  tell_readers(w.next);
  with_.wake.wake_all();
}

void truncator::tell_readers(std::uint64_t next) noexcept {
  // relaxed: whoever changes it holds `life`.
  with_.truncations.note(next, with_.turn.load(std::memory_order_relaxed, "turn:own") + 1);
  with_.turn.fetch_add(1, std::memory_order_release, "turn:D");
  with_.live.bump_turn();
}

/// What recovery does, should this not come to its end.
result<void> truncator::carry_out(plan& p) noexcept {
  try {
    const auto remove = [&](std::uint64_t number) {
      const auto known = std::ranges::find(p.in_table, number, &segment_table::removed::number);
      // What the table does not know was dropped before, and is not counted as this.
      return known == p.in_table.end() ? remove_segment(with_.place, number)
                                       : with_.trimmer.remove_file(number, known->file_bytes, std::move(known->readers));
    };
    if (auto done = repair(with_.place, p.steps, remove); !done) return done;
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory, .subject = with_.place.path});
  }
  if (p.last.number != 0) with_.table.mark_sealed(p.last.number, p.steps.chain.back().newest_ns);
  VARVE_POINT("truncate.before_clear");
  return with_.state.change(with_.place, [](format::state& next) {
    next.truncate_intent = 0;
    return true;
  });
}

}  // namespace varve::core
