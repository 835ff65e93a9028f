// SPDX-License-Identifier: MIT
//
// log_life.cpp - how an open log begins and ends. Layer writer.
#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <system_error>
#include <thread>

#include "format/file_name.hpp"
#include "os/process.hpp"
#include "os/waiting.hpp"
#include "recovery/index_files.hpp"
#include "recovery/repair.hpp"
#include "recovery/segment_checks.hpp"
#include "recovery/set_aside.hpp"
#include "store/log_directory.hpp"
#include "store/meta_file.hpp"
#include "writer/log_object.hpp"

namespace varve::core {
namespace {

// The fewest that a log under a cap works with, besides those that are made ahead: one takes appends, one is being sealed.
constexpr std::uint64_t disk_segments_min = 2;

// More is taken for that, so that no deadline overflows.
constexpr std::chrono::milliseconds mark_interval_max = std::chrono::hours{24};

result<void> check_cap(const log_options& options, std::uint64_t segment_bytes) noexcept {
  const std::uint64_t least = (options.prepared_segments + disk_segments_min) * segment_bytes;
  return options.max_disk_bytes == 0 || options.max_disk_bytes >= least ? result<void>{} : bad_option("max_disk_bytes");
}

/// Checks what can be checked without a log.
result<void> check_options(const log_options& options) noexcept {
  if (options.segment_bytes != 0 &&
      (options.segment_bytes < format::segment_bytes_min || options.segment_bytes > format::segment_bytes_max ||
       options.segment_bytes % format::segment_bytes_unit != 0))
    return bad_option("segment_bytes");
  if (options.checksum && (*options.checksum < checksum::xxh3 || *options.checksum > checksum::none))
    return bad_option("checksum");
  if (options.index_stride_bytes != 0 && !format::is_index_stride(options.index_stride_bytes))
    return bad_option("index_stride_bytes");
  if (options.version_info.size() > 255) return bad_option("version_info");
  if (options.recovery > recovery_mode::accept_loss) return bad_option("recovery");
  if (options.recovery_threads > check_threads_max) return bad_option("recovery_threads");
  if (options.prepared_segments == 0 || options.prepared_segments > prepared_segments_max)
    return bad_option("prepared_segments");
  if (options.spare_segments > spare_segments_max) return bad_option("spare_segments");
  if (options.mark_interval.count() < 0) return bad_option("mark_interval");
  if (options.when_full > when_full::wait) return bad_option("when_full");
  // The owner must be able to open what he made.
  if ((options.file_mode & 0600) != 0600 || (options.file_mode & ~0777U) != 0) return bad_option("file_mode");
  return {};
}

/// They take disk space that a cap counts, until they are removed by hand.
result<std::uint64_t> bytes_set_aside(const log_place& place) {
  const auto all = list_set_aside(place);
  if (!all) return place.fail_call(all.error());
  std::uint64_t bytes = 0;
  for (const auto& each : *all) bytes += each.bytes;
  return bytes;
}

segment_recipe recipe_of(const log_options& options) {
  const auto policy = options.durability.policy();
  return {.permissions = options.file_mode,
          .version_info = std::string{options.version_info},
          // Where somebody waits for each sync it is worth writing everything twice.
          .write_ahead = policy == durability::kind::immediate || policy == durability::kind::grouped};
}

}  // namespace

result<std::shared_ptr<log_object>> log_object::open(const std::filesystem::path& directory, const log_options& options,
                                                     reading_layer above) {
  if (auto done = check_options(options); !done) return std::unexpected(done.error());
  try {
    auto place = open_place_for_writing(directory, options);
    if (!place) return std::unexpected(place.error());
    std::shared_ptr<log_object> object{new log_object{std::move(*place), options, std::move(above)}};
    if (auto done = object->start(options); !done) return std::unexpected(done.error());
    return object;
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory});
  } catch (const std::system_error& e) {
    return fail({.code = code_of_errno(e.code().value()), .os_errno = e.code().value()});  // no thread could be had
  }
}

log_object::log_object(log_place place, const log_options& options, reading_layer above)
    : record_source(turn_),
      place_(std::move(place)),
      above_(std::move(above)),
      verify_on_read_(options.verify_on_read),
      durability_(options.durability),
      table_(place_, pinning::no),
      frontier_(table_),
      events_({place_.path, frontier_, wake_}),
      latch_(gate_, wake_, events_),
      marks_({place_.path, live_, background_}, std::min(options.mark_interval, mark_interval_max)),
      syncer_({place_.path, table_, frontier_, live_, latch_, events_, wake_, appender_, state_, marks_}),
      preparer_({place_, table_, frontier_, latch_, gate_, trimmer_, retainer_, checkpointer_}),
      trimmer_({place_, state_, live_, table_, preparer_, archivist_, wake_, turn_}),
      retainer_({place_, table_, frontier_, trimmer_, archivist_, checkpointer_, life_}, options.retention),
      sealer_({place_, table_, frontier_, syncer_, preparer_, trimmer_, retainer_, archivist_, latch_}),
      archivist_({place_, state_, table_, latch_, preparer_, sealer_}, options.archive),
      own_({place_, preparer_, trimmer_}),
      appender_({place_, gate_, latch_, table_, preparer_, own_, sealer_, wake_, state_, this}),
      periodic_({appender_, frontier_, syncer_, marks_, background_}),
      checkpointer_({place_, state_, frontier_, syncer_, appender_, latch_, sealer_},
                    static_cast<bool>(options.checkpoint.save), options.checkpoint.after_bytes),
      truncator_({place_, state_, live_, table_, frontier_, syncer_, trimmer_, sealer_, appender_, latch_, gate_, wake_,
                  cuts(), turn_, life_}) {}

log_object::~log_object() {
  static_cast<void>(close());
  end_threads();  // of an open that failed
}

void log_object::end_threads() noexcept {
  checkpointer_.stop();
  archivist_.stop();
  periodic_.stop();
  sealer_.stop();
  preparer_.stop();
}

/// What recovery looks at. Changes nothing: the survey may refuse.
result<void> log_object::open_files(const log_options& options) {
  if (auto done = check_cap(options, place_.meta.segment_bytes); !done) return done;
  if (const auto made = gate_.make(); !made) return place_.fail_call(made.error());
  auto state = state_file::open(place_, os::access::read_write);
  if (!state) return std::unexpected(state.error());
  state_.take(std::move(*state));
  // The creation may have died before varve.meta, or the directory itself, was durable. Before a segment is made both must
  // be.
  if (state_.file().current().epoch == 0) {
    if (const auto done = os::sync_directory(place_.directory); !done) return place_.fail_call(done.error());
    if (const auto done = os::sync_parent(place_.directory); !done) return place_.fail_call(done.error());
  }
  auto live = live_file::open_for_recovery(place_);
  if (!live) return std::unexpected(live.error());
  live_ = std::move(*live);
  return {};
}

/// What the writer talks to views by.
result<void> log_object::open_live(const log_options& options) {
  if (auto done = live_.begin_writing(place_, options.file_mode); !done) return done;
  auto wake = wake_page::open(place_.directory);
  if (!wake) return place_.fail_call(wake.error());
  wake_ = std::move(*wake);
  return {};
}

result<void> log_object::start(const log_options& options) {
  if (auto done = open_files(options); !done) return done;
  auto s = survey_log(place_, state_.file(), live_,
                      {.mode = options.recovery,
                       .every_byte = options.verify_at_open,
                       .threads = options.recovery_threads,
                       .on_progress = &options.on_progress});
  if (!s) return std::unexpected(s.error());

  if (auto done = open_live(options); !done) return done;
  if (auto done = repair_meta(place_); !done) return done;
  if (auto done = set_aside(place_, *s, options.file_mode); !done) return done;
  if (auto done = state_.reaffirm(place_); !done) return done;
  if (s->ending != ending::clean) {
    if (auto done = repair(place_, *s); !done) return done;
  }
  if (archivist_.hears_of_drops()) tell_leftovers(*s);
  if (auto done = remove_leftovers(place_, *s); !done) return done;
  remove_stray_indexes(place_, *s);
  trimmer_.place(s->first);
  report_ = s->report;
  report_.indexes_rebuilt = rebuild_indexes(place_, *s, options.file_mode);
  if (auto done = enter_segments(*s); !done) return done;
  const auto before = s->chain.empty() ? segment_facts{} : s->chain.back().facts;
  const bool goes_on = s->goes_on_in_last();
  auto block = goes_on ? block_to_go_on(*s, options) : fresh_block(*s, options);
  if (!block) return std::unexpected(block.error());
  const auto forgotten = live_.forget_marks_after(state_.epoch(), state_.generation());
  if (!forgotten) return place_.fail_call(forgotten.error());
  if (auto done = store_open_state(*s); !done) return done;
  // Only now: a log that is still said to be clean has no segments but those that it closed with.
  if (!goes_on) {
    if (auto done = begin_fresh(**block, *s); !done) return done;
  }

  const std::uint64_t epoch = state_.epoch();
  const auto announced = live_.begin_appending(epoch, os::process_id());
  if (!announced) return place_.fail_call(announced.error());
  if (!*announced) return fail({.code = errc::locked, .subject = place_.path});
  live_.bump_turn();  // a writer may have truncated, or carried out another's truncation, and died before it could say so
  wake_.begin_publishing();
  walker end;  // of a log without a segment to append to: whoever needs it looks for the next one
  const std::uint64_t offset = bytes_claimed(**block);
  const auto in = std::move((*block)->prepared);
  if (in) {
    end = walker{in, offset, s->next};
    table_.append({.facts = in->facts(), .resident = in});
  }
  frontier_.place(end, s->next - 1);
  syncer_.place(end, s->next - 1, epoch);
  trimmer_.count_files(table_.sum().bytes_allocated);
  if (options.max_disk_bytes != 0) {
    const auto bytes = bytes_set_aside(place_);
    if (!bytes) return std::unexpected(bytes.error());
    trimmer_.count_files(*bytes);
  }
  const auto predecessor = (*block)->segment ? (*block)->segment->facts() : before;
  appender_.start(std::move(*block), epoch, predecessor);
  if (above_.replay) {
    if (auto done = above_.replay(*this); !done) {
      closed_ = false;
      static_cast<void>(close());
      return done;
    }
  }
  start_threads(options, *s, in, offset);
  closed_ = false;
  return {};
}

void log_object::start_threads(const log_options& options, const survey& s, const std::shared_ptr<segment>& active,
                               std::uint64_t offset) {
  own_.start(recipe_of(options));
  preparer_.start(recipe_of(options),
                  {.ahead = options.prepared_segments,
                   .spares = options.spare_segments,
                   .warm_bytes = options.warm_bytes,
                   .disk_bytes_max = options.max_disk_bytes,
                   .full = options.when_full},
                  s.highest, active, offset);
  sealer_.start();
  periodic_.start();
  archivist_.start();
  checkpointer_.start([this](std::uint64_t first, std::uint64_t last) { return above_.save(*this, first, last); },
                      bytes_behind(s, state_.checkpoint()));
}

/// The segments that have ended.
result<void> log_object::enter_segments(const survey& s) {
  table_.reserve(s.chain.size() + 1);
  const bool last_is_active = s.goes_on_in_last();
  for (std::size_t i = 0; i < s.chain.size(); ++i) {
    if (last_is_active && i + 1 == s.chain.size()) break;
    const auto& link = s.chain[i];
    table_.append({.facts = link.facts,
                   .end_offset = link.end_offset,
                   .end_sequence = link.end_sequence,
                   .sealed = true,
                   .newest_ns = link.newest_ns});
  }
  return {};
}

/// After a clean close appending goes on where it was.
result<std::unique_ptr<control_block>> log_object::block_to_go_on(const survey& s, const log_options& options) {
  const auto& last = s.chain.back();
  if (last.links > 1) return place_.fail_call({EMLINK}, last.facts.number);  // somebody else's file as well
  // The index goes on in a file of its own making: who knows how the one that is there was made.
  const auto id = place_.index_of(last.facts.number, last.facts.capacity);
  const auto old = segment_index::load(place_.directory, id);
  auto index = segment_index::create(place_.directory, id, options.file_mode);
  index.copy_from(old);
  auto opened =
      open_segment(place_.directory, place_.path, last.facts, os::access::read_write, pinning::no, std::move(index));
  if (!opened) return std::unexpected(opened.error());
  // Somebody may have dug holes into the file; a store to a page without a block raises SIGBUS on a full disk.
  if (last.allocated_bytes < last.facts.capacity) {
    if (const auto done = os::allocate((*opened)->file(), last.facts.capacity); !done)
      return place_.fail_call(done.error(), last.facts.number);
  }
  auto block = std::make_unique<control_block>(std::move(*opened));
  block->base = last.facts.first_frame;
  block->claims.store(claim_word::of(last.end_offset, s.next - last.facts.first_frame), std::memory_order_relaxed,
                      "claim:first");
  return block;
}

/// After any other end it goes on in a fresh segment with a fresh salt: in the old one a new record would get the offset,
/// the sequence and so the stamp of a dead claim, which could then come back in its place. If no segment can be had the
/// log opens all the same, and appends answer with the reason until one can.
result<std::unique_ptr<control_block>> log_object::fresh_block(survey& s, const log_options& options) {
  os::result<std::unique_ptr<control_block>> block;
  do {
    block = prepare_segment(place_, ++s.highest, recipe_of(options));
  } while (!block && block.error().number == EEXIST);
  if (block) {
    (*block)->claims.store(claim_word::of(format::segment_header_bytes, 0), std::memory_order_relaxed, "claim:first");
  } else {
    const int number = block.error().number;
    block = std::make_unique<control_block>(nullptr);
    (*block)->roll.store(roll_word(roll_state::failed, number), std::memory_order_relaxed, "roll:B");
  }
  (*block)->base = s.next;
  return std::move(*block);
}

result<void> log_object::begin_fresh(control_block& block, const survey& s) {
  if (!block.segment) return {};
  std::uint64_t salt = 0;
  if (const auto done = os::fill_random(std::as_writable_bytes(std::span{&salt, 1})); !done)
    return place_.fail_call(done.error());
  const auto before = s.chain.empty() ? segment_facts{} : s.chain.back().facts;
  block.segment->begin({.base = s.next,
                        .salt = salt | format::salt_top_bit,
                        .epoch = state_.epoch(),
                        .predecessor = before.number,
                        .predecessor_salt = before.salt,
                        .time_ns = os::wall_clock_ns(),
                        .given_up = s.lost_at_end(),
                        .generation = state_.generation()});
  return {};
}

result<void> log_object::store_open_state(const survey& s) {
  const auto boot = os::this_boot();
  if (!boot) return place_.fail_call(boot.error());
  return state_.change(place_, [&](format::state& next) {
    // Segments may be of a later state than this one, if the loss of that was accepted.
    next.epoch = std::max(next.epoch, s.newest.epoch) + 1;
    next.generation = std::max(next.generation, s.newest.generation);
    next.condition = format::condition::open;
    next.truncate_intent = 0;  // the survey has honoured it, and the repair has carried it out
    next.boot = *boot;
    next.durable_floor = s.next - 1;
    next.clean_segment = next.clean_offset = 0;
    next.clean_next = s.next;
    // A copy may end before them.
    next.checkpoint = std::clamp(next.checkpoint, s.first - 1, s.next - 1);
    next.archived = std::clamp(next.archived, s.first - 1, s.next - 1);
    next.report_kept = s.report.kept;
    next.report_cut_bytes = s.report.cut_bytes;
    next.report_cut_records = s.report.cut_records;
    next.report_stepped_over = s.report.stepped_over;
    next.report_given_up = s.report.given_up;
    next.report_ending = static_cast<std::uint32_t>(s.ending);
    return true;
  });
}

result<void> log_object::close() noexcept {
  // Before any lock, which may belong to a thread that is not here, or that waits for this one.
  if (gate_.is_made() && is_forked()) {
    // The threads and the log belong to the parent.
    preparer_.forget_thread();
    sealer_.forget_thread();
    periodic_.forget_thread();
    archivist_.forget_thread();
    checkpointer_.forget_thread();
    events_.forget_thread();
    syncer_.forget_waiters();
    return fail({.code = errc::forked, .subject = place_.path});
  }
  if (auto done = may_wait_for(none_yet); !done) return done;
  if (is_callback_thread()) return fail({.code = errc::would_block_itself, .subject = place_.path});
  const std::scoped_lock closing{closing_};
  if (closed_) return close_failure_ ? result<void>{std::unexpected(*close_failure_)} : result<void>{};
  if (gate_.get() == gate::position::open) gate_.set(gate::position::closing);
  wake_.wake_all();
  checkpointer_.stop();  // before life_ is taken, for which a function of the user's may be waiting
  archivist_.stop();
  const auto no_truncation = truncator_.keep_out();
  const std::scoped_lock lock{life_};
  closed_ = true;
  const std::uint64_t next = appender_.stop();
  end_threads();
  // Also after a failure: the log is not let go while anybody is in the middle of an append, or of a sync.
  syncer_.wait_until_quiet(next - 1);
  auto done = syncer_.sync_published(next - 1, os::deadline::max());
  if (done) sealer_.seal_all();
  if (done && latch_.is_set()) done = std::unexpected(*latch_.get());
  if (done) done = store_clean_state(next);
  if (!done) close_failure_ = done.error();
  // What a later opening appends to the same segment is none of a reader's that is still held.
  const control_block& last = appender_.active();
  if (last.segment) last.segment->set_end(claim_word::offset(last.crossing), next);
  gate_.set(gate::position::closed);
  wake_.wake_all();
  events_.end();
  events_.stop();
  live_.release();
  os::unlock_directory(place_.directory);  // it stays open for readers that are still held
  return done;
}

result<void> log_object::store_clean_state(std::uint64_t next) {
  const control_block& last = appender_.active();
  if (!last.segment) return {};  // no segment could be had since the open: the next one finds the end by itself
  // If no record was appended to it, nothing has synced its activation yet, and `clean` must not be ahead of that.
  if (last.segment->take_header_dirty()) {
    const auto synced = os::sync_range(last.segment->map(), 0, format::segment_header_bytes);
    if (!synced)
      return fail({.code = errc::sync_failed,
                   .subject = place_.path,
                   .os_errno = synced.error().number,
                   .segment = last.segment->facts().number});
  }
  return state_.change(place_, [&](format::state& clean) {
    clean.condition = format::condition::clean;
    clean.durable_floor = next - 1;
    clean.clean_segment = last.segment->facts().number;
    clean.clean_offset = claim_word::offset(last.crossing);
    clean.clean_next = next;
    return true;
  });
}

}  // namespace varve::core
