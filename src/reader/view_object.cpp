// SPDX-License-Identifier: MIT
#include "reader/view_object.hpp"

#include <algorithm>
#include <new>

#include "log/log_directory.hpp"
#include "log/segment_files.hpp"
#include "os/process.hpp"

namespace varve::core {
namespace {

// How often writers may come and go during one look before it is given up. Arbitrary.
constexpr int looks_max = 100;

std::vector<table_entry> entries_of(const survey& s) {
  std::vector<table_entry> entries;
  for (const auto& link : s.chain)
    entries.push_back({.facts = link.facts,
                       .end_offset = link.end_offset,
                       .end_sequence = link.end_sequence,
                       .sealed = link.sealed,
                       .holes = link.holes});
  return entries;
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

result<void> view_object::usable() const noexcept {
  const std::scoped_lock lock{guard_};
  if (trouble_) return std::unexpected(*trouble_);
  return {};
}

std::uint64_t view_object::first() const noexcept {
  const std::scoped_lock lock{guard_};
  return seen_.first;
}

std::uint64_t view_object::published() noexcept {
  const std::scoped_lock lock{guard_};
  try {
    for (;;) {
      const auto further = follow(frontier_.advance());
      if (further && *further) continue;
      trouble_ = further ? std::nullopt : std::optional{further.error()};
      return frontier_.published();
    }
  } catch (const std::bad_alloc&) {
    trouble_ = error_access::make({.code = errc::out_of_memory, .subject = place_.path});
    return frontier_.published();
  }
}

/// The frontier stands at `at` and cannot go on. True if there is more to see now.
result<bool> view_object::follow(const walker& at) {
  const auto writer = live_.has_writer();
  if (!writer) return place_.fail_call(writer.error());
  // The survey may be from before this writer had opened the log, and know neither its segments nor its marks.
  const bool is_of_this_writer = live_.writer_epoch() == state_->current().epoch || state_->is_unchanged();
  if (seen_.ending == ending::living && *writer && is_of_this_writer) {
    const bool ended = at.segment() && at.segment()->end_sequence() == none_yet && at.segment()->read_end();
    const bool at_end = !at.segment() || at.segment()->end_sequence() == at.sequence();
    return ended || at_end ? extend_chain() : false;
  }
  if (seen_.ending != ending::living && !*writer && state_->is_unchanged()) return false;
  if (auto done = look_at_everything(); !done) return std::unexpected(done.error());
  return true;
}

/// Beside a living writer: adds the segments that it has begun since.
result<bool> view_object::extend_chain() {
  const std::uint64_t last_number = seen_.chain.empty() ? 0 : seen_.chain.back().facts.number;
  const auto found = read_segment_files(place_, last_number);
  if (!found) return std::unexpected(found.error());
  bool extended = false;
  for (const auto& f : found->files) {
    if (!f.activation || !f.identity || f.foreign) continue;
    if (!seen_.chain.empty()) {
      auto& last = seen_.chain.back();
      if (f.activation->predecessor != last.facts.number || f.activation->predecessor_salt != last.facts.salt) continue;
      last.end_sequence = f.activation->base;
    }
    seen_.chain.push_back(
        {.facts = f.facts(place_.checksum_kind()), .links = f.links, .allocated_bytes = f.allocated_bytes});
    extended = true;
  }
  if (extended) table_.assign(entries_of(seen_));
  return extended;
}

result<void> view_object::look_at_everything() {
  auto s = survey_undisturbed();
  if (!s) return std::unexpected(s.error());
  return adopt(std::move(*s));
}

/// A survey of a log without a writer takes a while; it is believed only if no writer began meanwhile.
result<survey> view_object::survey_undisturbed() {
  for (int looks = 0; looks < looks_max; ++looks) {
    auto live = live_file::open_for_reading(place_);
    if (!live) return std::unexpected(live.error());
    auto state = state_file::open(place_, os::access::read);
    if (!state) return std::unexpected(state.error());
    live_ = std::move(*live);
    state_.emplace(std::move(*state));
    auto s = survey_log(place_, *state_, live_, {.looking_on = true, .tolerant = true});
    if (!s) return s;
    const auto writer = live_.has_writer();
    if (!writer) return place_.fail_call(writer.error());
    if (*writer == (s->ending == ending::living) && (*writer || state_->is_unchanged())) return s;
  }
  return fail({.code = errc::timed_out, .subject = place_.path});
}

result<void> view_object::adopt(survey s) {
  table_.assign(entries_of(s));
  const auto start = start_of(s);
  if (!start) return std::unexpected(start.error());
  frontier_.place(*start, std::max(s.next - 1, s.durable));
  seen_ = std::move(s);
  return {};
}

/// Where the frontier begins to walk.
result<walker> view_object::start_of(const survey& s) {
  if (s.ending != ending::living) return walker{};  // all is known
  if (s.chain.empty()) return walker{};
  // While a writer recovers, what is above the mark may yet be cut: look no further than the mark.
  const auto boot = os::this_boot();
  if (!boot) return place_.fail_call(boot.error());
  if (state_->current().condition != format::condition::open || state_->current().boot != *boot) return walker{};
  const auto in = table_.holding(std::max(s.durable, s.first));
  if (!in) return std::unexpected(in.error());
  if (!*in) return walker{};
  const auto mark = live_.best_mark(state_->current().epoch);
  if (mark && mark->segment == (*in)->facts().number && mark->sequence == s.durable)
    return walker{*in, mark->offset, mark->sequence + 1};
  return walker{*in};
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
  s.at.published = {published()};
  s.claimed = s.at.published;
  s.at.durable = {durable()};
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
  const auto at = frontier_.advance();
  std::vector<segment_description> all, prepared;
  for (const auto& f : found->files) {
    segment_description d{.number = f.number, .file_bytes = f.file_bytes};
    if (f.identity) d.version_info = f.identity->info();
    const auto link = std::ranges::find(seen_.chain, f.number, [](const chain_link& l) { return l.facts.number; });
    if (link == seen_.chain.end()) {
      // Beside a living writer one may have been begun since.
      const bool was_begun = f.activation && seen_.ending != ending::living;
      if (f.foreign || f.activation_damaged || was_begun) d.state = segment_description::state::damaged;
      prepared.push_back(std::move(d));
      continue;
    }
    const bool is_last = link + 1 == seen_.chain.end();
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

}  // namespace varve::core
