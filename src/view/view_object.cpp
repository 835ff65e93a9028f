// SPDX-License-Identifier: MIT
#include "view/view_object.hpp"

#include <algorithm>
#include <new>
#include <ranges>

#include "recovery/reading_on.hpp"
#include "store/log_directory.hpp"

namespace varve::core {
namespace {

std::vector<table_entry> entries_of(const std::vector<chain_link>& chain) {
  std::vector<table_entry> entries;
  for (const auto& link : chain)
    entries.push_back({.facts = link.facts,
                       .end_offset = link.end_offset,
                       .end_sequence = link.end_sequence,
                       .sealed = link.sealed,
                       .newest_ns = link.sealed ? link.newest_ns : 0,
                       .holes = link.holes});
  return entries;
}

// Arbitrary: how often what was to be read first may be trimmed under the eyes of a view that looks anew.
constexpr int looks_max = 100;

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

marks view_object::at() noexcept {
  const std::scoped_lock lock{guard_};
  return look_now();
}

/// Whoever tells a mark asks here, so that none is older than the call, and those that are told together fit together.
marks view_object::look_now() noexcept {
  // The mark before the look: what is durable by then was published before, so the look comes as far; and if it was
  // truncated meanwhile, the look takes it back. That of another epoch is in what the look finds.
  const auto mark = state_->is_copy() ? std::nullopt : live_.best_mark(state_->current().epoch);
  // Both slots may be read while they are stored, and then the older one, or none, is all that there is to see.
  if (mark) durable_ = std::max(durable_, mark->sequence);
  look_further();
  const std::uint64_t published = std::max(frontier_.published(), seen_.first - 1);
  // Only a look that failed did not come as far. What was trimmed was durable.
  durable_ = std::clamp(std::max(durable_, seen_.durable), seen_.first - 1, published);
  return {.first = {seen_.first}, .durable = {durable_}, .published = {published}};
}

void view_object::look_further() noexcept {
  try {
    for (;;) {
      if (is_looking_ || is_behind()) {
        if (const auto done = is_looking_ ? look_at_everything() : keep_up(); !done) return set_trouble(done.error());
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

/// The writer has trimmed or truncated since the view last looked.
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
  const bool is_back = now.trim_point < state_->current().trim_point;  // a trim that failed was seen, and was undone
  if (!is_same_writer || !reaches || is_back) return look_at_everything();
  seen_.first = std::max(seen_.first, now.trim_point);
  state_.emplace(std::move(*state));
  while (table_.remove_below(seen_.first)) {
  }
  std::erase_if(seen_.chain, [&](const chain_link& link) { return link.end_sequence <= seen_.first; });
  if (frontier_.published() + 1 < seen_.first) {  // it cannot walk through what is gone
    const auto in = table_.holding(seen_.first);
    if (!in || !*in) return look_at_everything();  // that has gone as well meanwhile
    frontier_.place(walker{*in}, seen_.first - 1);
  }
  turn_.fetch_add(1, std::memory_order_release, "turn:D");
  seen_turn_.store(turn, std::memory_order_relaxed, "turn:seen");  // relaxed: guarded when it is stored
  return {};
}

/// `live` is what tells of the writer from now on.
void view_object::watch(live_file live) {
  if (!live_.is_same_file(live)) {
    if (live_.turn_place() != nullptr) earlier_live_.push_back(std::move(live_));
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
    // What it truncates, and has not removed yet, is of an earlier epoch; also if nothing is left of the log.
    if (f.activation->epoch != state_->current().epoch) continue;
    if (f.seal && f.seal->last < seen_.first) continue;  // trimmed, and kept to be used again
    if (!chain.empty()) {
      auto& last = chain.back();
      if (f.activation->predecessor != last.facts.number || f.activation->predecessor_salt != last.facts.salt) continue;
      last.end_sequence = f.activation->follows();
    }
    chain.push_back({.facts = f.facts(place_.checksum_kind()), .links = f.links, .allocated_bytes = f.allocated_bytes});
  }
  if (chain.size() == seen_.chain.size()) return false;
  table_.assign(entries_of(chain));
  seen_.chain = std::move(chain);
  return true;
}

/// What fails, or throws, in the middle is looked at anew by the next look: until then the parts do not fit together.
result<void> view_object::look_at_everything() {
  for (int looks = 1;; ++looks) {
    auto all = survey_undisturbed(place_, {.looking_on = true, .tolerant = true});
    if (!all) return std::unexpected(all.error());
    // Not while a process has the log, if only to recover it: what is read then may be of two moments.
    const auto owned = all->live.has_owner();
    const bool is_alone = owned && !*owned && all->seen.ending != ending::living;
    if (is_alone && is_chain_broken(all->seen)) add_what_stands(place_, all->seen);
    const truncations::change change{cuts()};
    // Only that tells a truncation from a death, after which a segment that nobody has passed a record of may go as well.
    const std::uint32_t truncations = all->state.current().truncations;
    auto entries = entries_of(all->seen.chain);
    is_looking_ = true;
    state_.emplace(std::move(all->state));
    watch(std::move(all->live));
    take_over(std::move(all->seen), std::move(entries), truncations - seen_truncations_.value_or(truncations));
    seen_truncations_ = truncations;
    seen_turn_.store(all->turn, std::memory_order_relaxed, "turn:seen");
    const auto start = start_of(seen_);
    if (start) {
      frontier_.place(*start, std::max(seen_.next - 1, seen_.durable));
      is_looking_ = false;
      return {};
    }
    if (looks == looks_max || !is_behind()) return std::unexpected(start.error());  // or that has gone meanwhile
  }
}

/// What the view knows from now on. `truncations`: how often the log was truncated since it looked last.
void view_object::take_over(survey s, std::vector<table_entry> entries, std::uint32_t truncations) noexcept {
  const std::uint64_t end = where_truncated(s);
  // A reader goes by stamps, and may be further than the frontier.
  const bool is_truncated = end <= frontier_.published() || (truncations != 0 && end != none_yet);
  // relaxed: changed under guard_ alone.
  const auto next_turn = [this] { return turn_.load(std::memory_order_relaxed, "turn:own") + 1; };
  const std::uint64_t cut = truncations != 0 ? cut_to_tell(s, end, truncations) : end;
  if (is_truncated) {  // readers learn of it before they miss anything
    cuts().note(cut, next_turn());
    turn_.fetch_add(1, std::memory_order_release, "turn:D");
  }
  table_.assign(std::move(entries), is_truncated ? end : none_yet);
  seen_ = std::move(s);
  if (is_truncated) {
    frontier_.move_back(walker{}, std::min(frontier_.published(), end - 1));
    durable_ = std::min(durable_, end - 1);
    cuts().note(cut, next_turn());
  }
  turn_.fetch_add(1, std::memory_order_release, "turn:D");
}

/// What came next when the log was truncated last, if it was since the view last looked; otherwise something that no reader
/// has passed. A segment that it still knows goes on behind that, or ends where it did.
std::uint64_t view_object::where_truncated(const survey& s) const noexcept {
  for (const auto& link : std::views::reverse(s.chain))
    if (knows(link.facts.number, link.facts.salt)) return link.end_sequence;
  return s.first;
}

bool view_object::knows(std::uint64_t number, std::uint64_t salt) const noexcept {
  return std::ranges::any_of(std::views::reverse(seen_.chain),
                             [&](const chain_link& l) { return l.facts.number == number && l.facts.salt == salt; });
}

/// What readers are told of that, as far as the view can see. If all that it knew is gone, what is there begins where the
/// log was cut if it follows what the view knew, or nothing. Otherwise the cut may lie below the first record, and what came
/// behind it was trimmed since: then who stands at the first one is told as well, perhaps without need.
std::uint64_t view_object::cut_to_tell(const survey& s, std::uint64_t end, std::uint32_t times) const noexcept {
  const auto is_known = [this](const chain_link& l) { return knows(l.facts.number, l.facts.salt); };
  if (std::ranges::any_of(s.chain, is_known)) return end;
  if (times > 1) return s.first - 1;
  if (s.chain.empty()) return end;
  const auto& front = s.chain.front();
  const auto& before = front.predecessor;
  const bool is_behind_cut = before == 0 || knows(before, front.predecessor_salt);
  return is_behind_cut ? std::min(end, front.facts.base) : s.first - 1;
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
  // Truncated: what is announced is not what comes next.
  wake->await(sequence, [&] { return has_published(sequence) || known_published() + 1 < sequence; }, until);
  return {};
}

}  // namespace varve::core
