// SPDX-License-Identifier: MIT
#include "chain/segment_table.hpp"

#include <algorithm>
#include <utility>

namespace varve::core {
namespace {

/// No record of all[i] is younger. If it does not say how old they are, they are older than the segment behind it.
std::uint64_t newest_time(std::span<const table_entry> all, std::size_t i, std::uint64_t now_ns) noexcept {
  if (all[i].newest_ns != 0) return all[i].newest_ns;
  return i + 1 == all.size() ? now_ns : all[i + 1].facts.begun_ns;
}

ended_segment ended_form(const table_entry& e) noexcept {
  return {.number = e.facts.number,
          .base = e.facts.base,
          .end = e.end_sequence,
          .end_offset = std::min(e.end_offset, e.facts.capacity),
          .file_bytes = e.facts.capacity};
}

}  // namespace

void segment_table::reserve(std::size_t entries) {
  const std::scoped_lock lock{guard_};
  if (all_.capacity() - all_.size() >= entries) return;
  all_.erase(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(begin_));  // what was removed makes room first
  begin_ = 0;
  if (all_.capacity() - all_.size() < entries) all_.reserve(2 * all_.size() + entries);
}

void segment_table::append(table_entry entry) noexcept {
  const std::scoped_lock lock{guard_};
  all_.push_back(std::move(entry));
  sum_up_times(entries(), entries().size() - 1);
}

void segment_table::assign(std::vector<table_entry> entries, std::uint64_t end) {
  const std::scoped_lock lock{guard_};
  for (const auto& old : this->entries()) {  // who still reads what went finds its end there
    const auto s = end != none_yet ? old.mapped_once.lock() : nullptr;
    const bool stays = s && std::ranges::any_of(entries, [&](const table_entry& e) {
                         return e.facts.number == old.facts.number && e.facts.salt == old.facts.salt;
                       });
    if (s && !stays && s->end_sequence() > end) s->set_end(format::segment_header_bytes, end);
  }
  for (auto& entry : entries) {  // what is mapped already stays mapped
    const table_entry* const same = find(entry.facts.base);
    if (same == nullptr || same->facts.number != entry.facts.number || same->facts.salt != entry.facts.salt) continue;
    if (!same->holes.empty() || !entry.holes.empty()) continue;
    const auto s = same->mapped_once.lock();
    if (!s) continue;
    if (entry.end_sequence < s->end_sequence()) s->set_end(entry.end_offset, entry.end_sequence);
    // Not if it ended for a view and appending went on in it after all.
    if (s->end_sequence() == entry.end_sequence) entry.mapped_once = s;
  }
  all_ = std::move(entries);
  begin_ = first_unsealed_ = 0;
  sum_up_times(all_, 0);
}

table_entry* segment_table::find(std::uint64_t sequence) noexcept {
  const auto all = entries();
  const auto above = std::ranges::upper_bound(all, sequence, {}, [](const table_entry& e) { return e.facts.base; });
  return above == all.begin() ? nullptr : &*std::prev(above);
}

std::uint64_t segment_table::base_after(std::uint64_t sequence) const noexcept {
  const std::scoped_lock lock{guard_};
  const auto all = entries();
  const auto after = std::ranges::upper_bound(all, sequence, {}, [](const table_entry& e) { return e.facts.base; });
  return after == all.end() ? none_yet : after->facts.base;
}

result<std::shared_ptr<const segment>> segment_table::holding(std::uint64_t sequence) {
  try {
    for (;;) {
      std::unique_lock lock{guard_};
      const table_entry* entry = find(sequence);
      if (entry == nullptr) return nullptr;
      if (entry->resident) return entry->resident;
      if (auto mapped = entry->mapped_once.lock()) return mapped;
      const auto facts = entry->facts;
      const std::uint64_t end_offset = entry->end_offset, end_sequence = entry->end_sequence;
      auto holes = entry->holes;

      // Opened without the lock: a roll must not wait while the header comes from the disk.
      lock.unlock();
      auto index = segment_index::load(place_->directory, place_->index_of(facts.number, facts.capacity));
      auto opened = open_segment(place_->directory, place_->path, facts, os::access::read, pinning_, std::move(index),
                                 std::move(holes));
      if (opened && end_sequence != none_yet) (*opened)->set_end(end_offset, end_sequence);
      std::shared_ptr<segment> evicted;  // unmapped, if nobody holds it, after the lock is given back
      lock.lock();
      table_entry* const now = find(sequence);
      const bool is_same = now != nullptr && now->facts.number == facts.number && now->facts.salt == facts.salt &&
                           now->end_sequence == end_sequence;
      if (!is_same) continue;  // it was removed meanwhile, or a view has looked anew
      if (!opened) return std::unexpected(opened.error());
      if (auto mapped = now->mapped_once.lock()) return mapped;
      now->mapped_once = *opened;
      evicted = keep_mapped(*opened);
      lock.unlock();
      return *opened;
    }
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory, .subject = place_->path});
  }
}

std::shared_ptr<segment> segment_table::oldest_ended() noexcept {
  const std::scoped_lock lock{guard_};
  const auto all = entries();
  while (first_unsealed_ < all.size() && all[first_unsealed_].sealed) ++first_unsealed_;
  if (first_unsealed_ == all.size()) return nullptr;
  const auto& candidate = all[first_unsealed_].resident;
  return candidate && candidate->end_sequence() != none_yet ? candidate : nullptr;
}

segment_table::unsealed segment_table::backlog(std::uint64_t last) const noexcept {
  const std::scoped_lock lock{guard_};
  unsealed found;
  for (const auto& e : entries().subspan(first_unsealed_)) {
    if (!e.resident || e.resident->end_sequence() > last + 1) continue;
    ++found.segments;
    found.bytes += e.facts.capacity;
  }
  return found;
}

void segment_table::mark_sealed(std::uint64_t number, std::uint64_t newest_ns) noexcept {
  std::shared_ptr<segment> evicted;  // likewise
  const std::scoped_lock lock{guard_};
  // Also the last one, which was sealed before if a truncation has cut it.
  const auto rest = entries().subspan(std::min(first_unsealed_, std::max<std::size_t>(entries().size(), 1) - 1));
  const auto entry = std::ranges::find(rest, number, [](const table_entry& e) { return e.facts.number; });
  if (entry == rest.end()) return;
  entry->sealed = true;
  entry->newest_ns = newest_ns;
  sum_up_times(entries(), static_cast<std::size_t>(&*entry - entries().data()));
  if (!entry->resident) return;
  entry->resident->file().close();
  entry->end_offset = entry->resident->end_offset();
  entry->end_sequence = entry->resident->end_sequence();
  entry->mapped_once = entry->resident;
  evicted = keep_mapped(std::move(entry->resident));
}

/// As far as it is known from `from` on: times are sealed in the order of the segments.
void segment_table::sum_up_times(std::span<table_entry> all, std::size_t from) noexcept {
  for (std::size_t i = from; i < all.size(); ++i) {
    const std::uint64_t before = i == 0 ? 0 : all[i - 1].newest_so_far_ns;
    const std::uint64_t own = all[i].newest_ns != 0 ? all[i].newest_ns : table_entry::any_time;
    all[i].newest_so_far_ns = std::max(before, own);
    if (all[i].newest_so_far_ns == table_entry::any_time && i > from) return;  // and so it is of those behind it
  }
}

std::optional<std::uint64_t> segment_table::may_hold(record_time time, std::uint64_t from) const noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0));
  const std::scoped_lock lock{guard_};
  const auto all = entries();
  auto at = std::ranges::upper_bound(all, from, {}, [](const table_entry& e) { return e.facts.base; });
  if (at != all.begin()) --at;
  // Where all before are known to be older. What stood there and is gone may have been younger, so that is not all.
  at = std::max(at, std::ranges::lower_bound(all, ns, {}, &table_entry::newest_so_far_ns));
  at = std::find_if(at, all.end(), [ns](const table_entry& e) { return e.newest_ns == 0 || e.newest_ns >= ns; });
  if (at == all.end()) return std::nullopt;
  return at->facts.base;
}

bool segment_table::note_newest(const segment_facts& facts, std::uint64_t newest_ns) noexcept {
  const std::scoped_lock lock{guard_};
  table_entry* const entry = find(facts.base);
  if (entry == nullptr || entry->facts.salt != facts.salt || entry->newest_ns != 0) return false;
  entry->newest_ns = newest_ns;
  sum_up_times(entries(), static_cast<std::size_t>(entry - entries().data()));
  return true;
}

std::vector<retained_segment> segment_table::list(std::uint64_t next, std::uint64_t now_ns) const {
  const std::scoped_lock lock{guard_};
  const auto all = entries();
  std::vector<retained_segment> listed;
  listed.reserve(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool is_last = i + 1 == all.size();
    listed.push_back({.number = all[i].facts.number,
                      .base = all[i].facts.base,
                      .end = is_last ? std::max(next, all[i].facts.base) : all[i + 1].facts.base,
                      .bytes = all[i].facts.capacity,
                      .newest_ns = newest_time(all, i, now_ns),
                      .sealed = all[i].sealed,
                      .has_reader = has_reader(all[i])});
  }
  return listed;
}

void segment_table::let_go_of_unheld() noexcept {
  decltype(recent_) unmapped;  // after the lock is given back
  const std::scoped_lock lock{guard_};
  unmapped.swap(recent_);
}

/// Is it mapped by more than what keeps it mapped though nobody holds it?
bool segment_table::has_reader(const table_entry& entry) const noexcept {
  const auto mapped = entry.mapped_once.lock();
  if (!mapped) return false;
  const bool is_kept = std::ranges::find(recent_, mapped) != recent_.end();
  return mapped.use_count() > (is_kept ? 2 : 1);  // a hint: readers come and go
}

std::optional<std::uint64_t> segment_table::oldest_sealed_end() const noexcept {
  const std::scoped_lock lock{guard_};
  const auto all = entries();
  if (all.empty() || !all.front().sealed) return std::nullopt;
  return all.front().end_sequence;
}

std::vector<ended_segment> segment_table::oldest_sealed_behind(std::uint64_t last) const {
  const std::scoped_lock lock{guard_};
  const auto all = entries();
  // What is not sealed has none_yet, and stands last.
  const auto found = std::ranges::upper_bound(all, last + 1, {}, &table_entry::end_sequence);
  if (found == all.end() || !found->sealed) return {};
  auto first = found;
  while (first != all.begin() && std::prev(first)->end_sequence == std::prev(first)->facts.base) --first;
  std::vector<ended_segment> listed;
  for (; first <= found; ++first) listed.push_back(ended_form(*first));
  return listed;
}

std::uint64_t segment_table::last_end_up_to(std::uint64_t target) const noexcept {
  const std::scoped_lock lock{guard_};
  const auto all = entries();
  const auto above = std::ranges::upper_bound(all, target, {}, [](const table_entry& e) { return e.facts.base; });
  return above - all.begin() < 2 ? 0 : std::prev(above)->facts.base;  // I1: the end of the one before it
}

segment_table::totals segment_table::sum() const noexcept {
  const std::scoped_lock lock{guard_};
  totals t;
  for (const auto& e : entries()) {
    const std::uint64_t end = e.resident ? e.resident->end_offset() : e.end_offset;
    ++t.segments;
    t.bytes_allocated += e.facts.capacity;
    if (end != none_yet) {
      t.bytes_ended += end;
    } else {
      t.has_active = true;
    }
  }
  return t;
}

std::optional<segment_table::removed> segment_table::remove_below(std::uint64_t first) noexcept {
  std::shared_ptr<segment> unmapped;  // after the lock is given back
  removed gone;
  {
    const std::scoped_lock lock{guard_};
    const auto all = entries();
    if (all.empty() || all.front().resident || all.front().end_sequence > first) return std::nullopt;
    static_cast<ended_segment&>(gone) = ended_form(all.front());
    gone.readers = all.front().mapped_once;
    unmapped = let_go(all.front());
    all.front() = {};
    ++begin_;
    if (first_unsealed_ > 0) --first_unsealed_;
  }
  return gone;
}

std::vector<segment_table::removed> segment_table::list_from(std::uint64_t end) const {
  const std::scoped_lock lock{guard_};
  std::vector<removed> listed;
  for (const auto& e : entries())
    if (e.facts.base >= end) listed.push_back({ended_form(e), e.resident ? std::weak_ptr{e.resident} : e.mapped_once});
  return listed;
}

segment_table::ending_of segment_table::ending_at(std::uint64_t sequence) noexcept {
  const std::scoped_lock lock{guard_};
  const table_entry* const entry = find(sequence);
  if (entry == nullptr) return {};
  return {.facts = entry->facts,
          .end_sequence = entry->resident ? entry->resident->end_sequence() : entry->end_sequence,
          .sealed = entry->sealed,
          .newest_ns = entry->newest_ns};
}

void segment_table::cut(std::uint64_t from, std::uint64_t end, std::uint64_t end_offset) noexcept {
  for (;;) {
    std::shared_ptr<segment> resident, kept;  // unmapped, if nobody holds them, after the lock is given back
    const std::scoped_lock lock{guard_};
    const auto all = entries();
    if (all.empty()) return;
    auto& last = all.back();
    const auto mapped = last.resident ? last.resident : last.mapped_once.lock();
    if (last.facts.base < from) {
      if (mapped) mapped->set_end(end_offset, end);
      if (!last.resident) {
        if (last.end_sequence != end) last.newest_ns = 0;  // that record may be gone
        last.end_offset = end_offset;
        last.end_sequence = end;
      }
      return;
    }
    if (mapped) mapped->set_end(format::segment_header_bytes, end);
    resident = std::move(last.resident);
    kept = let_go(last);
    all_.pop_back();
    first_unsealed_ = std::min(first_unsealed_, all_.size() - begin_);
  }
}

/// The reference that keeps it mapped though nobody holds it, for the caller to drop without the lock.
std::shared_ptr<segment> segment_table::let_go(const table_entry& entry) noexcept {
  const auto mapped = entry.mapped_once.lock();
  const auto kept = std::ranges::find(recent_, mapped);
  return mapped && kept != recent_.end() ? std::exchange(*kept, nullptr) : nullptr;
}

std::shared_ptr<segment> segment_table::keep_mapped(std::shared_ptr<segment> s) noexcept {
  recent_[recent_next_].swap(s);
  recent_next_ = (recent_next_ + 1) % kept_mapped;
  return s;
}

}  // namespace varve::core
