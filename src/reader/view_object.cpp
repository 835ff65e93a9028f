// SPDX-License-Identifier: MIT
#include "reader/view_object.hpp"

#include <algorithm>
#include <map>
#include <new>

#include "log/log_directory.hpp"
#include "reader/unfinished.hpp"

namespace varve::core {
namespace {

std::vector<table_entry> entries_of(const std::vector<chain_link>& chain) {
  std::vector<table_entry> entries;
  for (const auto& link : chain)
    entries.push_back({.facts = link.facts,
                       .end_offset = link.end_offset,
                       .end_sequence = link.end_sequence,
                       .sealed = link.sealed,
                       .holes = link.holes});
  return entries;
}

log_description::ending public_name_of(ending how) noexcept {
  switch (how) {
    case ending::clean: return log_description::ending::closed;
    case ending::death: return log_description::ending::death;
    case ending::power_loss: return log_description::ending::power_loss;
    case ending::living: break;
  }
  return log_description::ending::unknown;
}

/// What the last open for writing noted of itself.
log_description::opening last_opening_of(const format::state& s) noexcept {
  const bool is_known = s.report_ending <= static_cast<std::uint32_t>(ending::power_loss);
  return {.found = is_known ? public_name_of(static_cast<ending>(s.report_ending)) : log_description::ending::unknown,
          .kept = s.report_kept,
          .cut_bytes = s.report_cut_bytes,
          .cut_records = s.report_cut_records,
          .stepped_over = s.report_stepped_over};
}

std::uint64_t& count_of(log_description& d, enum segment_description::state state) noexcept {
  switch (state) {
    case segment_description::state::prepared: return d.prepared;
    case segment_description::state::active: return d.active;
    case segment_description::state::ended: return d.ended;
    case segment_description::state::sealed: return d.sealed;
    case segment_description::state::dropped: return d.dropped;
    case segment_description::state::damaged: break;
  }
  return d.damaged;
}

/// A copy that ends too early is damage, but opens.
bool is_refused(const recovery_report::finding& f) noexcept {
  return f.kind() == finding_kind::damage && f.row != row_copy_incomplete;
}

}  // namespace

result<std::shared_ptr<view_object>> view_object::open(const std::filesystem::path& directory, const view_options& options) {
  try {
    auto place = open_place_for_reading(directory);
    if (!place) return std::unexpected(place.error());
    std::shared_ptr<view_object> object{new view_object{std::move(*place), options}};
    const std::scoped_lock lock{object->guard_};
    if (auto done = object->look_at_everything(); !done) return std::unexpected(done.error());
    return object;
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory});
  }
}

result<void> view_object::usable() noexcept {
  // relaxed: whoever met the trouble tells it; others may go on with what they have for a moment.
  if (is_troubled_.load(std::memory_order_relaxed, "view:trouble") == 0 && !is_behind()) return {};
  const std::scoped_lock lock{guard_};
  look_further();  // the trouble may have passed
  if (trouble_) return std::unexpected(*trouble_);
  return {};
}

std::uint64_t view_object::first() noexcept {
  const std::scoped_lock lock{guard_};
  if (is_behind()) look_further();
  return seen_.first;
}

std::uint64_t view_object::published() noexcept {
  const std::scoped_lock lock{guard_};
  look_further();
  return frontier_.published();
}

void view_object::look_further() noexcept {
  try {
    for (;;) {
      if (is_behind()) {
        if (const auto done = keep_up(); !done) return set_trouble(done.error());
      }
      const auto further = follow(frontier_.advance());
      if (further && *further) continue;
      set_trouble(further ? std::nullopt : std::optional{further.error()});
      return;
    }
  } catch (const std::bad_alloc&) {
    set_trouble(error_access::make({.code = errc::out_of_memory, .subject = place_.path}));
  }
}

void view_object::set_trouble(std::optional<error> what) noexcept {
  trouble_ = what;
  is_troubled_.store(what ? 1U : 0U, std::memory_order_relaxed, "view:trouble");
}

/// The writer has trimmed since the view last looked.
bool view_object::is_behind() const noexcept {
  const std::uint64_t* const place = turn_place_.load(std::memory_order_acquire, "turn:E");  // pairs with turn:F
  // turn:A  acquire. Pairs with turn:B.
  return place != nullptr && shared::load(*place, std::memory_order_acquire, "turn:A") !=
                                 seen_turn_.load(std::memory_order_relaxed, "turn:seen");
}

/// Learns what went. Beside a living writer that is in the state, and the segments behind it are known.
result<void> view_object::keep_up() {
  const std::uint64_t turn = live_.turn();  // before the state is read
  auto state = state_file::open(place_, os::access::read);
  if (!state) return std::unexpected(state.error());
  const auto& now = state->current();
  const bool is_same_writer = seen_.ending == ending::living && now.epoch == state_->current().epoch;
  const bool reaches = !seen_.chain.empty() && now.trim_point <= seen_.chain.back().facts.base;
  if (!is_same_writer || !reaches) return look_at_everything();
  seen_.first = std::max(seen_.first, now.trim_point);
  state_.emplace(std::move(*state));
  while (table_.remove_below(seen_.first)) {
  }
  std::erase_if(seen_.chain, [&](const chain_link& link) { return link.end_sequence <= seen_.first; });
  note_turn();
  seen_turn_.store(turn, std::memory_order_relaxed, "turn:seen");  // relaxed: guarded when it is stored
  return {};
}

/// `live` is what tells of the writer from now on.
void view_object::watch(live_file live) {
  if (!live_.is_same_file(live)) {
    earlier_live_.push_back(std::move(live_));
    live_ = std::move(live);
  }
  wake_.reset();
  turn_place_.store(live_.turn_place(), std::memory_order_release, "turn:F");  // pairs with turn:E
}

/// The frontier stands at `at` and cannot go on. True if there is more to see now.
result<bool> view_object::follow(const walker& at) {
  const auto followed = has_writer_of(live_, *state_);
  if (!followed) return place_.fail_call(followed.error());
  if (seen_.ending == ending::living && *followed) {
    const bool ended = at.segment() && at.segment()->end_sequence() == none_yet && at.segment()->read_end();
    const bool at_end = !at.segment() || at.segment()->end_sequence() == at.sequence();
    return ended || at_end ? extend_chain() : false;
  }
  if (seen_.ending != ending::living && !*followed && state_->is_unchanged()) return false;
  if (auto done = look_at_everything(); !done) return std::unexpected(done.error());
  return true;
}

/// Beside a living writer: adds the segments that it has begun since.
result<bool> view_object::extend_chain() {
  const std::uint64_t last_number = seen_.chain.empty() ? 0 : seen_.chain.back().facts.number;
  const auto found = read_segment_files(place_, last_number);
  if (!found) return std::unexpected(found.error());
  auto chain = seen_.chain;
  for (const auto& f : found->files) {
    if (!f.activation || !f.identity || f.foreign) continue;
    if (!chain.empty()) {
      auto& last = chain.back();
      if (f.activation->predecessor != last.facts.number || f.activation->predecessor_salt != last.facts.salt) continue;
      last.end_sequence = f.activation->base;
    }
    chain.push_back({.facts = f.facts(place_.checksum_kind()), .links = f.links, .allocated_bytes = f.allocated_bytes});
  }
  if (chain.size() == seen_.chain.size()) return false;
  table_.assign(entries_of(chain));
  seen_.chain = std::move(chain);
  return true;
}

/// All of it, or nothing changes.
result<void> view_object::look_at_everything() {
  auto all = survey_undisturbed(place_, {.looking_on = true, .tolerant = true});
  if (!all) return std::unexpected(all.error());
  table_.assign(entries_of(all->seen.chain));
  state_.emplace(std::move(all->state));
  watch(std::move(all->live));
  seen_ = std::move(all->seen);
  note_turn();
  seen_turn_.store(all->turn, std::memory_order_relaxed, "turn:seen");
  const auto start = start_of(seen_);
  if (!start) return std::unexpected(start.error());
  frontier_.place(*start, std::max(seen_.next - 1, seen_.durable));
  return {};
}

/// Where the frontier begins to walk.
result<walker> view_object::start_of(const survey& s) {
  if (s.ending != ending::living || s.chain.empty()) return walker{};  // all is known
  const auto in = table_.holding(std::max(s.durable, s.first));
  if (!in) return std::unexpected(in.error());
  if (!*in) return walker{};
  const auto mark = live_.best_mark(state_->current().epoch);
  if (mark && mark->segment == (*in)->facts().number && mark->sequence == s.durable &&
      mark->offset <= (*in)->facts().capacity)
    return walker{*in, mark->offset, mark->sequence + 1};
  return walker{*in};
}

result<void> view_object::await_published(std::uint64_t sequence, os::deadline until) {
  std::shared_ptr<wake_page> wake;
  {
    const std::scoped_lock lock{guard_};
    if (!wake_) {
      // Where it may not be written nobody learns that somebody waits, who then looks again and again.
      const bool may_announce = os::may_write(place_.directory, format::live_name) && live_.is_allocated();
      auto opened = may_announce ? wake_page::open(place_.directory) : os::result<wake_page>{};
      wake_ = std::make_shared<wake_page>(opened ? std::move(*opened) : wake_page{});
    }
    wake = wake_;
  }
  wake->await(sequence, [&] { return has_published(sequence); }, until);
  return {};
}

std::uint64_t view_object::durable() noexcept {
  const std::scoped_lock lock{guard_};
  // Both slots may be read while they are stored, and then the older one, or none, is all that there is to see.
  const auto mark = state_->is_copy() ? std::nullopt : live_.best_mark(state_->current().epoch);
  durable_ = std::max({durable_, seen_.durable, mark ? mark->sequence : 0});
  return durable_;
}

result<statistics> view_object::stats() {
  statistics s;
  s.at.durable = {durable()};  // first: it is never more than what is published after it
  s.at.published = {published()};
  s.claimed = s.at.published;
  const std::scoped_lock lock{guard_};
  if (trouble_) return std::unexpected(*trouble_);
  s.at.first = {seen_.first};
  const auto found = read_segment_files(place_);
  if (!found) return std::unexpected(found.error());
  for (const auto& f : found->files) s.bytes_allocated += f.allocated_bytes;
  s.segments = seen_.chain.size();
  for (const auto& link : seen_.chain)
    s.bytes_used += link.end_offset != none_yet ? link.end_offset : format::segment_header_bytes;
  return s;
}

result<std::vector<segment_description>> view_object::segments() {
  static_cast<void>(published());
  const std::scoped_lock lock{guard_};
  if (trouble_) return std::unexpected(*trouble_);
  const auto found = read_segment_files(place_);
  if (!found) return std::unexpected(found.error());
  return list(*found);
}

std::vector<segment_description> view_object::list(const segment_files& found) {
  const auto at = frontier_.advance();
  std::vector<segment_description> all, prepared;
  std::map<std::uint64_t, std::size_t> link_of;  // by number
  for (std::size_t i = 0; i < seen_.chain.size(); ++i) link_of.emplace(seen_.chain[i].facts.number, i);
  for (const auto& f : found.files) {
    segment_description d{.number = f.number, .file_bytes = f.file_bytes};
    if (f.identity) d.version_info = f.identity->version_info;
    const auto position = link_of.find(f.number);
    if (position == link_of.end()) {
      // Beside a living writer one may have been begun since.
      const bool was_begun = f.activation && seen_.ending != ending::living;
      const bool was_dropped = f.activation && f.activation->base < seen_.first;
      if (was_dropped) {
        d.state = segment_description::state::dropped;
      } else if (f.foreign || f.activation_damaged || was_begun) {
        d.state = segment_description::state::damaged;
      }
      prepared.push_back(std::move(d));
      continue;
    }
    const chain_link* const link = &seen_.chain[position->second];
    const bool is_last = link == &seen_.chain.back();
    const bool takes_claims = is_last && (seen_.ending == ending::living || seen_.ending == ending::clean);
    d.state = f.seal         ? segment_description::state::sealed
              : takes_claims ? segment_description::state::active
                             : segment_description::state::ended;
    const std::uint64_t end = link->end_sequence != none_yet ? link->end_sequence : frontier_.published() + 1;
    d.sequences = {{link->facts.base}, {std::max(end, link->facts.base)}};
    d.used_bytes = link->end_offset != none_yet                               ? link->end_offset
                   : at.segment() && at.segment()->facts().number == f.number ? at.offset()
                   : f.end                                                    ? f.end->offset
                                                                              : format::segment_header_bytes;
    all.push_back(std::move(d));
  }
  std::ranges::sort(all, {}, [](const segment_description& d) { return d.sequences.first; });
  all.insert(all.end(), std::make_move_iterator(prepared.begin()), std::make_move_iterator(prepared.end()));
  return all;
}

result<log_description> view_object::describe() {
  log_description d;
  d.at.durable = {durable()};  // first: it is never more than what is published after it
  d.at.published = {published()};
  const std::scoped_lock lock{guard_};
  if (trouble_) return std::unexpected(*trouble_);
  // A claim that is not finished also holds up the view; the log has gone on behind it.
  if (seen_.ending == ending::living) {
    if (const auto done = extend_chain(); !done) return std::unexpected(done.error());
  }
  const auto found = read_segment_files(place_);
  if (!found) return std::unexpected(found.error());
  for (const auto& f : found->files) d.bytes_allocated += f.allocated_bytes;
  for (const auto& s : list(*found)) {
    d.bytes_used += s.state == segment_description::state::prepared ? 0 : s.used_bytes;
    ++count_of(d, s.state);
  }
  d.at.first = {seen_.first};
  d.epoch = state_->current().epoch;
  d.segment_bytes = place_.meta.segment_bytes;
  d.checksum = place_.checksum_kind();
  d.index_stride_bytes = place_.meta.index_stride_bytes;
  d.last_open = last_opening_of(state_->current());
  d.refuses = std::ranges::any_of(seen_.report.findings, is_refused);
  if (auto done = describe_writer(d); !done) return std::unexpected(done.error());
  return d;
}

result<void> view_object::describe_writer(log_description& d) {
  using activity = log_description::activity;
  const auto appends = has_writer_of(live_, *state_);
  if (!appends) return place_.fail_call(appends.error());
  const auto owned = live_.has_owner();
  if (!owned) return place_.fail_call(owned.error());
  d.writer = *appends ? activity::appending : *owned ? activity::recovering : activity::nobody;
  const bool is_open = state_->current().condition == format::condition::open;
  if (d.writer != activity::recovering && is_open && live_.writer_epoch() == d.epoch) d.process = live_.writer_process();
  if (d.writer == activity::appending) d.oldest_unfinished = find_unfinished(frontier_.advance(), table_);
  if (d.writer == activity::nobody && seen_.ending != ending::living) {
    const auto& r = seen_.report;
    d.next_open = {.found = public_name_of(seen_.ending),
                   .kept = r.kept,
                   .cut_bytes = r.cut_bytes,
                   .cut_records = r.cut_records,
                   .stepped_over = r.stepped_over};
  }
  return {};
}

}  // namespace varve::core
