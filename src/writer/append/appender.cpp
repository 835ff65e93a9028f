// SPDX-License-Identifier: MIT
#include "writer/append/appender.hpp"

#include <cerrno>

#include "os/process.hpp"
#include "os/waiting.hpp"
#include "writer/append/open_claims.hpp"
#include "writer/retire/sealer.hpp"
#include "writer/state/failure_latch.hpp"
#include "writer/state/log_state.hpp"

namespace varve::core {
namespace {

// How often to look before sleeping: a roll takes a few microseconds when a segment is ready. Arbitrary.
constexpr unsigned spins_max = 2000;

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void appender::start(std::unique_ptr<control_block> block, std::uint64_t epoch, const segment_facts& before) {
  epoch_ = epoch;
  before_ = before;
  blocks_.push_back(std::move(block));
  active_.store(blocks_.back().get(), std::memory_order_release, "active:A");
}

result<appended> appender::append_otherwise(bytes_view payload, const append_options& options) noexcept {
  if (payload.size() > room_max) return too_large(1);  // before the sum can wrap
  return keeps_times_ ? append_as<true, false>(payload, options.type, options.time)
                      : append_as<false, false>(payload, options.type, {});
}

/// The caller's word, if it is one: times begin behind 0, which means that there is none.
std::uint64_t appender::time_or_now(record_time given) noexcept {
  const auto ns = given.time_since_epoch().count();
  return ns > 0 ? static_cast<std::uint64_t>(ns) : os::wall_clock_ns();
}

result<appended> appender::append_pieces(std::span<const bytes_view> pieces, const append_options& options) noexcept {
  std::uint64_t length = 0;
  for (const auto piece : pieces) {
    if (piece.size() > room_max || length > room_max) return too_large(1);  // before the sum can wrap
    length += piece.size();
  }
  open_frame frame;
  if (const auto refused = claim_frame(length, options, frame)) return std::unexpected(*refused);
  fill(*frame.segment, frame.at, pieces, length, frame.label);
  finish(*frame.segment, frame.at);
  return appended{.sequence = frame.at.sequence, .position = frame.position};
}

std::optional<error> appender::claim_frame(std::uint64_t length, const append_options& options, open_frame& frame) noexcept {
  if (length > room_max) return too_large(1).error();  // before the sum can wrap
  const std::uint64_t extent = format::frame_bytes(length, extension_bytes());
  place_of_frames place;
  if (const auto refused = claim(extent, 1, place)) return refused;
  frame.segment = place.in;
  frame.at = {.offset = place.at.offset, .extent = extent, .sequence = place.at.sequence};
  frame.label = label_of(options);
  frame.position = place.position + place.at.offset + extent;
  return std::nullopt;
}

result<appender::place_of_frames> appender::claim_otherwise(claim_outcome seen, control_block* block, std::uint64_t bytes,
                                                            std::uint64_t frames) noexcept {
  const open_claim* const own = open_claims::oldest(with_.log);
  for (;;) {
    if (block == nullptr) return refusal();  // the gate did not let it pass
    if (seen == claim_outcome::crossed) {
      block->roll.store(roll_word(roll_state::rolling), std::memory_order_release, "roll:B");
      return roll(*block, bytes, frames);
    }
    if (with_.gate.get() != gate::position::open) return refusal();
    std::uint32_t state = block->roll.load(std::memory_order_acquire, "roll:A");
    if (state_of(state) == roll_state::failed &&
        block->roll.compare_exchange(state, roll_word(roll_state::rolling), std::memory_order_acquire, "roll:A"))
      return roll(*block, bytes, frames);
    state = await_roll(*block, own != nullptr);
    if (with_.gate.get() != gate::position::open) return refusal();
    if (state_of(state) == roll_state::failed) return with_.place.fail_call({errno_of(state)});
    if (own != nullptr && state_of(state) == roll_state::held) return waits_for(*own);
    if (state_of(state) == roll_state::stopped) return fail({.code = errc::closed, .subject = with_.place.path});
    place_of_frames place;
    seen = claim_at_once(bytes, frames, block, place);
    if (seen == claim_outcome::here) return place;
  }
}

std::unexpected<error> appender::waits_for(const open_claim& own) const noexcept {
  return fail({.code = errc::would_block_itself,
               .subject = with_.place.path,
               .first_sequence = own.sequence,
               .last_sequence = own.sequence});
}

/// With `holds_claim` not while the roll is held: that waits for the claim.
std::uint32_t appender::await_roll(const control_block& block, bool holds_claim) noexcept {
  waits_.fetch_add(1, std::memory_order_relaxed, "roll:count");
  for (unsigned spins = 0;; ++spins) {
    const std::uint32_t state = block.roll.load(std::memory_order_acquire, "roll:A");
    const bool is_held = state_of(state) == roll_state::held;
    const bool is_over = state_of(state) != roll_state::open && state_of(state) != roll_state::rolling && !is_held;
    if (is_over || (is_held && holds_claim)) return state;
    if (spins < spins_max) {
      pause();
    } else {
      os::wait_on(block.roll.futex(), state, os::deadline::max());
    }
  }
}

result<appender::place_of_frames> appender::roll(control_block& full, std::uint64_t bytes, std::uint64_t frames,
                                                 own_file* own) noexcept {
  VARVE_POINT("roll.begun");
  auto next = next_block(full, own);
  if (!next) {
    const auto failed = with_.place.fail_call(next.error());
    full.roll.store(roll_word(roll_state::failed, next.error().number), std::memory_order_release, "roll:B");
    os::wake_all(full.roll.futex());
    return failed;
  }
  control_block& block = **next;
  const auto& facts = block.segment->facts();
  // relaxed: released by active:A.
  block.claims.store(claim_word::of(format::segment_header_bytes + bytes, frames), std::memory_order_relaxed, "claim:first");
  VARVE_POINT("roll.activated");
  const std::uint64_t end_offset = claim_word::offset(full.crossing);
  // Before anybody is sent there by the old one's end.
  with_.table.append({.facts = facts, .resident = std::move(block.prepared)});
  if (full.segment) {
    full.segment->write_end({.salt = full.segment->facts().salt,
                             .offset = end_offset,
                             .last = facts.base - 1,
                             .successor = facts.number,
                             .cause = format::end_cause::roll});
    full.segment->set_end(end_offset, facts.base);
  }
  VARVE_POINT("roll.ended");
  if (own != nullptr) with_.preparer.discard_overtaken(facts.number);  // as long as nobody else can take one
  before_ = facts;
  blocks_.push_back(std::move(*next));  // there is room: next_block() saw to it
  active_.store(&block, std::memory_order_release, "active:A");
  full.roll.store(roll_word(roll_state::rolled), std::memory_order_release, "roll:B");
  os::wake_all(full.roll.futex());
  rolls_.fetch_add(1, std::memory_order_relaxed, "roll:count");
  with_.sealer.nudge();
  with_.preparer.appends_reached(facts.number, format::segment_header_bytes + bytes);
  return place_of_frames{block.segment, {.offset = format::segment_header_bytes, .sequence = facts.base}, block.position};
}

os::result<std::unique_ptr<control_block>> appender::next_block(control_block& full, own_file* own) noexcept {
  std::uint64_t salt = 0;
  const auto find = [&]() -> os::result<std::unique_ptr<control_block>> {
    if (const auto done = os::fill_random(std::as_writable_bytes(std::span{&salt, 1})); !done)
      return std::unexpected(done.error());
    try {
      if (blocks_.size() == blocks_.capacity()) blocks_.reserve(2 * blocks_.size());
      with_.table.reserve(1);
    } catch (const std::bad_alloc&) {
      return std::unexpected(os::failure{ENOMEM});
    }
    if (const auto done = sync_if_empty(full); !done) return std::unexpected(done.error());
    return own != nullptr ? with_.own.hand_over(*own, before_.number) : with_.preparer.take(before_.number);
  };
  auto next = find();
  if (!next) return next;
  const std::uint64_t base = full.base + claim_word::frames(full.crossing);
  (*next)->base = base;
  (*next)->position = full.position + claim_word::offset(full.crossing);
  (*next)->segment->begin({.base = base,
                           .salt = salt | format::salt_top_bit,
                           .epoch = epoch_,
                           .predecessor = before_.number,
                           .predecessor_salt = before_.salt,
                           .time_ns = os::wall_clock_ns(),
                           .generation = with_.state.generation()});
  return next;
}

/// Owns the roll of a block that takes claims, or could not be rolled: nothing can be claimed from it any more.
bool appender::take_roll(control_block& block, std::uint32_t& state, roll_state then) noexcept {
  state = block.roll.load(std::memory_order_acquire, "roll:A");
  if (state_of(state) == roll_state::open && stop_claims(block)) {
    block.roll.store(roll_word(then), std::memory_order_release, "roll:B");
    return true;
  }
  return state_of(state) == roll_state::failed &&
         block.roll.compare_exchange(state, roll_word(then), std::memory_order_acquire, "roll:A");
}

/// No sync of a record will ever come by the header of a segment that has none; but the chain leads through it.
os::result<void> appender::sync_if_empty(const control_block& full) noexcept {
  if (full.segment == nullptr || claim_word::frames(full.crossing) != 0 || !full.segment->take_header_dirty()) return {};
  auto done = os::sync_range(full.segment->map(), 0, format::segment_header_bytes);
  if (!done)
    with_.latch.set(error_access::make({.code = errc::sync_failed,
                                        .subject = with_.place.path,
                                        .os_errno = done.error().number,
                                        .segment = full.segment->facts().number}));
  return done;
}

result<std::uint64_t> appender::batch_bytes(std::uint64_t bytes, std::uint64_t frames, std::uint64_t length) const noexcept {
  if (length > room_max) return too_large(frames);  // before the sum can wrap
  const std::uint64_t sum = bytes + format::frame_bytes(length, extension_bytes());
  if (sum > room_max) return too_large(frames);
  return sum;
}

control_block* appender::take_active_roll(const open_claim* own) noexcept {
  while (with_.gate.get() == gate::position::open) {
    control_block& block = *active_.load(std::memory_order_acquire, "active:B");
    std::uint32_t state = 0;
    if (take_roll(block, state, roll_state::rolling)) return &block;
    if (state_of(state) == roll_state::stopped) return nullptr;
    if (state_of(await_roll(block, own != nullptr)) == roll_state::held) return nullptr;
  }
  return nullptr;
}

/// The active block's, sooner or later: whoever holds it, or rolls, comes to an end. What is stopped stays so.
control_block& appender::own_roll(roll_state then) noexcept {
  for (;;) {
    control_block& block = *active_.load(std::memory_order_acquire, "active:B");
    std::uint32_t state = 0;
    if (take_roll(block, state, then) || state_of(state) == roll_state::stopped) {
      os::wake_all(block.roll.futex());
      return block;
    }
    static_cast<void>(await_roll(block, false));
  }
}

std::uint64_t appender::stop() noexcept {
  const control_block& block = own_roll(roll_state::stopped);
  with_.own.end();
  return block.base + claim_word::frames(block.crossing);
}

result<void> appender::roll_at(std::uint64_t next) noexcept {
  for (;;) {
    control_block& block = *active_.load(std::memory_order_acquire, "active:B");
    if (block.base == next || block.base + frames_claimed(block) != next) return {};
    std::uint32_t state = 0;
    if (take_roll(block, state, roll_state::rolling)) {
      const auto begun = roll(block, 0, 0);
      return begun ? result<void>{} : std::unexpected(begun.error());
    }
    if (state_of(state) == roll_state::stopped) return refusal();
    static_cast<void>(await_roll(block, false));
  }
}

result<void> appender::hold() noexcept {
  control_block& held = own_roll(roll_state::held);
  try {  // who owns the roll touches these
    spare_ = std::make_unique<control_block>(nullptr);
    if (blocks_.size() == blocks_.capacity()) blocks_.reserve(2 * blocks_.size());
    return {};
  } catch (const std::bad_alloc&) {
    held.roll.store(roll_word(roll_state::failed, ENOMEM), std::memory_order_release, "roll:B");
    os::wake_all(held.roll.futex());
    return with_.place.fail_call({ENOMEM});
  }
}

void appender::move_to(std::uint64_t next, const segment_facts& before, std::uint64_t epoch) noexcept {
  control_block& full = *active_.load(std::memory_order_relaxed, "active:own");  // relaxed: who owns the roll changes it
  auto block = std::move(spare_);
  block->base = next;
  block->position = full.position + claim_word::offset(full.crossing);
  block->roll.store(roll_word(roll_state::held), std::memory_order_relaxed, "roll:B");  // relaxed: released by active:A
  before_ = before;
  epoch_ = epoch;
  blocks_.push_back(std::move(block));  // there is room: hold() saw to it
  active_.store(blocks_.back().get(), std::memory_order_release, "active:A");
  full.roll.store(roll_word(roll_state::rolled), std::memory_order_release, "roll:B");
  os::wake_all(full.roll.futex());
}

result<void> appender::go_on() noexcept {
  control_block& held = *active_.load(std::memory_order_relaxed, "active:own");  // relaxed: as above
  if (spare_ && held.segment != nullptr) {
    go_on_in(held);
    return {};
  }
  spare_.reset();
  // No longer held: who has a claim may wait, and close() takes over what fails.
  held.roll.store(roll_word(roll_state::rolling), std::memory_order_release, "roll:B");
  const auto rolled = roll(held, 0, 0);
  return rolled ? result<void>{} : std::unexpected(rolled.error());
}

/// In the same segment: nothing was moved. Not in the same block: who has seen it open may add to it at any time, and waits
/// there until it is rolled.
void appender::go_on_in(control_block& held) noexcept {
  auto block = std::move(spare_);
  block->base = held.base;
  block->position = held.position;
  block->capacity = held.capacity;
  block->segment = held.segment;
  block->claims.store(held.crossing, std::memory_order_relaxed, "claim:first");  // relaxed: released by active:A
  blocks_.push_back(std::move(block));                                           // there is room: hold() saw to it
  active_.store(blocks_.back().get(), std::memory_order_release, "active:A");
  held.roll.store(roll_word(roll_state::rolled), std::memory_order_release, "roll:B");
  os::wake_all(held.roll.futex());
}

void appender::give_up() noexcept {
  spare_.reset();
  control_block& held = *active_.load(std::memory_order_relaxed, "active:own");  // relaxed: as above
  held.roll.store(roll_word(roll_state::failed, EIO), std::memory_order_release, "roll:B");
  os::wake_all(held.roll.futex());
}

std::uint64_t appender::next_sequence() const noexcept {
  const control_block& block = active();
  return block.base + frames_claimed(block);
}

std::unexpected<error> appender::refusal() const noexcept {
  switch (with_.gate.get()) {
    case gate::position::forked: return fail({.code = errc::forked, .subject = with_.place.path});
    case gate::position::failed:
      if (const auto failed = with_.latch.get()) return std::unexpected(*failed);
      break;
    case gate::position::closing:
    case gate::position::closed: return fail({.code = errc::closed, .subject = with_.place.path});
    case gate::position::open: break;
  }
  return fail({.code = errc::bug, .subject = with_.place.path});
}

std::unexpected<error> appender::too_large(std::uint64_t frames) const noexcept {
  // The limit in terms of what the caller counts: payload bytes, of all records of a batch together. 0: too many records,
  // however small they are.
  const std::uint64_t headers = frames * (format::frame_header_bytes + extension_bytes());
  return fail({.code = errc::too_large, .subject = with_.place.path, .offset = headers < room_max ? room_max - headers : 0});
}

}  // namespace varve::core
