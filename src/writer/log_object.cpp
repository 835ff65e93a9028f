// SPDX-License-Identifier: MIT
//
// log_object.cpp - what callers ask of an open log. Layer writer.
#include "writer/log_object.hpp"

#include <new>
#include <system_error>

namespace varve::core {
namespace {

bool waits_for_device(const durability& policy) noexcept {
  return policy.policy() == durability::kind::immediate || policy.policy() == durability::kind::grouped;
}

}  // namespace

result<sequence> log_object::append(bytes_view payload, const append_options& options) noexcept {
  const durability& policy = policy_of(options);
  if (policy.policy() == durability::kind::none) [[likely]] {
    const auto last = appender_.append(payload, options);
    if (!last) [[unlikely]]
      return std::unexpected(last.error());
    return sequence{last->sequence};
  }
  return append_and_wait(payload, options);
}

/// On its own: where the payload's address is taken it would be kept in memory.
result<sequence> log_object::append_and_wait(bytes_view payload, const append_options& options) noexcept {
  return append_pieces({&payload, 1}, options);
}

result<sequence> log_object::append_pieces(std::span<const bytes_view> pieces, const append_options& options) noexcept {
  const durability& policy = policy_of(options);
  if (auto done = may_wait(policy); !done) return std::unexpected(done.error());
  const auto last = appender_.append_pieces(pieces, options);
  if (!last) return std::unexpected(last.error());
  if (auto done = honour(policy, *last); !done) return std::unexpected(done.error());
  return sequence{last->sequence};
}

result<std::unique_ptr<entry_object>> log_object::begin_entry(const append_options& options) noexcept {
  if (auto done = may_gather(); !done) return std::unexpected(done.error());
  std::unique_ptr<entry_object> made{new (std::nothrow) entry_object{*this, options}};
  if (!made) return fail({.code = errc::out_of_memory, .subject = place_.path});
  return made;
}

result<std::unique_ptr<entry_file>> log_object::make_entry_file() noexcept {
  try {
    return std::make_unique<entry_file>(
        entry_file::parts{.place = place_, .gate = gate_, .appender = appender_, .own = own_});
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory, .subject = place_.path});
  }
}

result<sequence_range> log_object::append_entry(entry_file& file, std::uint64_t chunks, const append_options& options,
                                                bool& is_appended) noexcept {
  return append_all(chunks, options, [&] { return file.publish(options); }, is_appended);
}

result<void> log_object::may_gather() const noexcept {
  const auto now = gate_.get();
  if (now == gate::position::open || now == gate::position::failed) return {};
  return appender_.refusal();
}

/// Before anything is claimed: an append that waits for the device waits for all earlier claims first.
result<void> log_object::may_wait(const durability& policy) const noexcept {
  return waits_for_device(policy) ? may_wait_for(none_yet) : result<void>{};
}

result<void> log_object::may_wait_for(std::uint64_t sequence) const noexcept {
  const auto* const own = open_claims::oldest(this);
  if (own == nullptr || own->sequence > sequence) return {};
  return fail({.code = errc::would_block_itself,
               .subject = place_.path,
               .first_sequence = own->sequence,
               .last_sequence = own->sequence});
}

result<void> log_object::honour(const durability& policy, const appended& last) noexcept {
  switch (policy.policy()) {
    case durability::kind::none: return {};
    case durability::kind::periodic:
      if (const auto failed = latch_.get()) return std::unexpected(*failed);  // nobody will sync it any more
      periodic_.note(policy, last);
      return {};
    case durability::kind::immediate:
    case durability::kind::grouped: break;
  }
  return syncer_.sync_published(last.sequence, os::deadline::max(), policy.window());
}

result<varve::claim> log_object::claim(std::uint64_t bytes, const append_options& options) noexcept {
  appender::open_frame frame;
  if (const auto refused = appender_.claim_frame(bytes, options, frame)) [[unlikely]]
    return std::unexpected(*refused);
  // Made where the caller has it: moving one costs as much as making it.
  result<varve::claim> made{std::in_place, claim_key{}};
  open_claim& c = made->open_;
  c.log = this;
  c.segment = frame.segment;
  c.offset = frame.at.offset;
  c.extent = frame.at.extent;
  c.sequence = frame.at.sequence;
  c.bytes = bytes;
  c.position = frame.position;
  c.durability = policy_of(options);
  c.type = options.type;
  c.time_ns = frame.label.time_ns;
  open_claims::add(c);
  return made;
}

result<sequence> log_object::publish(open_claim& c, std::uint64_t bytes) noexcept {
  if (is_forked()) return fail({.code = errc::forked, .subject = place_.path});
  if (bytes > c.bytes) return fail({.code = errc::too_large, .subject = place_.path, .offset = c.bytes});
  if (waits_for_device(c.durability)) {
    if (auto done = may_wait_for(c.sequence - 1); !done) return std::unexpected(done.error());
  }
  open_claims::remove(c);
  const frame_space at{.offset = c.offset, .extent = c.extent, .sequence = c.sequence};
  fill_in_place(*c.segment, at, bytes, {.type = c.type, .time_ns = c.time_ns});
  c.log = nullptr;
  appender_.finish(*c.segment, at);
  if (auto done = honour(c.durability, {.sequence = c.sequence, .position = c.position}); !done)
    return std::unexpected(done.error());
  return sequence{c.sequence};
}

void log_object::give_up(open_claim& c, format::frame_kind as) noexcept {
  open_claims::remove(c);
  c.log = nullptr;
  if (is_forked()) return;  // it is the parent's
  const frame_space at{.offset = c.offset, .extent = c.extent, .sequence = c.sequence};
  fill_without_record(*c.segment, at, as);
  appender_.finish(*c.segment, at);
}

void log_object::abandon_own_claims() noexcept {
  while (open_claim* const c = open_claims::oldest(this)) give_up(*c, format::frame_kind::skip);
}

result<void> log_object::usable() noexcept {
  if (is_forked()) return fail({.code = errc::forked, .subject = place_.path});
  return {};
}

result<sequence> log_object::sync() noexcept {
  if (gate_.get() != gate::position::open) return appender_.refusal();
  const std::uint64_t target = appender_.next_sequence() - 1;
  if (auto done = may_wait_for(target); !done) return std::unexpected(done.error());
  if (auto done = syncer_.sync_published(target, os::deadline::max()); !done) return std::unexpected(done.error());
  return sequence{syncer_.durable()};
}

result<void> log_object::sync(sequence target, os::deadline until) noexcept {
  if (auto done = may_ask_for(target); !done) return done;
  return syncer_.sync_published(target.value, until);
}

result<bool> log_object::wait_durable(sequence target, os::deadline until) noexcept {
  if (durability_.policy() == durability::kind::none) return bad_option("durability");  // nobody would ever do it
  if (auto done = may_ask_for(target); !done) return std::unexpected(done.error());
  return syncer_.wait_durable(target.value, until);
}

/// Whether to wait until `target` is durable.
result<void> log_object::may_ask_for(sequence target) const noexcept {
  if (gate_.get() != gate::position::open) return appender_.refusal();
  if (target.value >= appender_.next_sequence())
    return fail({.code = errc::past_end, .subject = place_.path, .first_sequence = target.value});
  return may_wait_for(target.value);
}

result<void> log_object::trim_before(sequence target) noexcept {
  for (;;) {
    if (gate_.get() != gate::position::open) return appender_.refusal();
    if (target.value > appender_.next_sequence())
      return fail({.code = errc::past_end, .subject = place_.path, .first_sequence = target.value});
    if (target.value > trimmer_.first()) {  // never beyond what is durable
      if (auto done = sync({target.value - 1}, os::deadline::max()); !done) return done;
    }
    if (auto done = archive_before(target.value); !done) return done;
    const std::scoped_lock lock{life_};
    if (closed_) return appender_.refusal();
    if (target.value > trimmer_.first() && target.value > syncer_.durable() + 1) continue;  // truncated meanwhile
    if (!archivist_.lets_go(target.value)) continue;  // another segment has ended there meanwhile
    frontier_.advance();                              // so that it does not stand in a segment that goes
    return trimmer_.trim_before(target.value);
  }
}

result<void> log_object::truncate_after(sequence last) noexcept {
  return truncate([&]() -> result<void> {
    const std::uint64_t next = appender_.next_sequence();
    if (last.value >= next) return fail({.code = errc::past_end, .subject = place_.path, .first_sequence = last.value});
    if (last.value + 1 == next)
      return syncer_.sync_published(last.value, os::deadline::max());  // there is nothing behind it
    return truncator_.truncate(last.value + 1);
  });
}

result<void> log_object::reset(sequence next) noexcept {
  if (next.value == 0 || next.value > format::sequence_max) return bad_option("next");
  return truncate([&] { return truncator_.reset(next.value); });
}

template <class Cut>
result<void> log_object::truncate(Cut cut) noexcept {
  if (gate_.get() != gate::position::open) return appender_.refusal();
  if (auto done = may_wait_for(none_yet); !done) return done;
  return cut();
}

result<std::vector<retention_verdict>> log_object::plan_retention(const retention_rules& rules) {
  if (auto done = usable(); !done) return std::unexpected(done.error());
  return retainer_.plan(rules);
}

result<std::vector<retention_verdict>> log_object::retain(const retention_rules& rules) {
  if (gate_.get() != gate::position::open) return appender_.refusal();
  const std::scoped_lock lock{life_};
  if (closed_) return appender_.refusal();
  return retainer_.retain(rules);
}

result<event> log_object::durable_event(sequence target) noexcept {
  return make_event([&] { return events_.when_durable(target.value); });
}

result<event> log_object::published_event(sequence target) noexcept {
  return make_event([&] { return events_.when_published(target.value); });
}

template <class Make>
result<event> log_object::make_event(Make make) noexcept {
  if (auto done = usable(); !done) return std::unexpected(done.error());
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory, .subject = place_.path});
  } catch (const std::system_error& e) {
    return fail({.code = code_of_errno(e.code().value()), .subject = place_.path, .os_errno = e.code().value()});
  }
}

result<void> log_object::await_published(std::uint64_t sequence, os::deadline until) {
  if (auto done = may_wait_for(sequence); !done) return done;
  const auto is_over = [this] {
    const auto now = gate_.get();
    // close() waits for a function of the user's that waits here.
    return now == gate::position::failed || now == gate::position::closed ||
           (now == gate::position::closing && is_callback_thread());
  };
  if (is_over() && !has_published(sequence)) return appender_.refusal();
  // Truncated: what is announced is not what comes next.
  const auto is_elsewhere = [&] { return known_published() + 1 < sequence; };
  wake_.await(sequence, [&] { return has_published(sequence) || is_elsewhere() || is_over(); }, until);
  return {};
}

std::uint64_t log_object::published() noexcept {
  if (is_forked()) return frontier_.published();  // the lock of the frontier may belong to a thread that is not here
  // Before the frontier is asked: a truncation that comes in between begins another epoch, in which this says nothing.
  const std::uint64_t epoch = state_.settled_epoch();
  frontier_.advance();
  const std::uint64_t published = frontier_.published();
  if (gate_.get() == gate::position::open) live_.store_published(published, epoch);
  return published;
}

errc log_object::beyond(std::uint64_t sequence) const noexcept {
  return sequence < appender_.next_sequence() ? errc::not_yet : errc::past_end;
}

statistics log_object::stats() noexcept {
  statistics s;
  if (is_forked()) {  // locks may belong to threads that are not here
    s.at = {.first = {first()}, .durable = {durable()}, .published = {known_published()}};
    s.claimed = s.at.published;
    return s;
  }
  s.at = {.first = {first()}, .durable = {durable()}, .published = {published()}};
  s.claimed = {appender_.next_sequence() - 1};
  if (s.claimed > s.at.published) s.oldest_unfinished = s.at.published + 1;
  const auto totals = table_.sum();
  s.segments = totals.segments;
  s.prepared = preparer_.ready_count();
  s.bytes_used = totals.bytes_ended + (totals.has_active ? appender_.active_bytes() : 0);
  s.spare = preparer_.spare_count();
  s.recycled = preparer_.recycled();
  s.bytes_allocated = totals.bytes_allocated + (s.prepared + s.spare) * place_.meta.segment_bytes + own_.bytes();
  s.warm_bytes = preparer_.warm_bytes();
  s.syncs = syncer_.count();
  s.mark_syncs = marks_.count();
  s.rolls = appender_.rolls();
  s.waits = appender_.waits();
  return s;
}

}  // namespace varve::core
