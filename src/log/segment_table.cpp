// SPDX-License-Identifier: MIT
#include "log/segment_table.hpp"

#include <algorithm>

namespace varve::core {

void segment_table::reserve(std::size_t entries) {
  const std::scoped_lock lock{guard_};
  if (entries_.capacity() - entries_.size() < entries) entries_.reserve(2 * entries_.size() + entries);
}

void segment_table::append(table_entry entry) noexcept {
  const std::scoped_lock lock{guard_};
  entries_.push_back(std::move(entry));
}

void segment_table::assign(std::vector<table_entry> entries) {
  const std::scoped_lock lock{guard_};
  for (auto& entry : entries) {  // what is mapped already stays mapped
    const auto same = std::ranges::find_if(entries_, [&](const table_entry& old) {
      return old.facts.number == entry.facts.number && old.facts.salt == entry.facts.salt && old.holes.empty() &&
             entry.holes.empty();
    });
    if (same == entries_.end()) continue;
    const auto s = same->mapped_once.lock();
    if (!s) continue;
    if (s->end_sequence() == none_yet && entry.end_sequence != none_yet) s->set_end(entry.end_offset, entry.end_sequence);
    // Not if it ended for a view and appending went on in it after all.
    if (s->end_sequence() == entry.end_sequence) entry.mapped_once = s;
  }
  entries_ = std::move(entries);
  first_unsealed_ = 0;
}

result<std::shared_ptr<const segment>> segment_table::holding(std::uint64_t sequence) {
  const std::scoped_lock lock{guard_};
  auto above = std::ranges::upper_bound(entries_, sequence, {}, [](const table_entry& e) { return e.facts.base; });
  if (above == entries_.begin()) return nullptr;
  table_entry& entry = *std::prev(above);
  if (entry.resident) return entry.resident;
  if (auto mapped = entry.mapped_once.lock()) return mapped;
  try {
    auto opened = open_segment(*directory_, path_, entry.facts, os::access::read, entry.holes);
    if (!opened) return std::unexpected(opened.error());
    if (entry.end_sequence != none_yet) (*opened)->set_end(entry.end_offset, entry.end_sequence);
    entry.mapped_once = *opened;
    keep_mapped(*opened);
    return *opened;
  } catch (const std::bad_alloc&) {
    return fail({.code = errc::out_of_memory, .subject = path_});
  }
}

std::shared_ptr<segment> segment_table::oldest_ended() noexcept {
  const std::scoped_lock lock{guard_};
  while (first_unsealed_ < entries_.size() && entries_[first_unsealed_].sealed) ++first_unsealed_;
  if (first_unsealed_ == entries_.size()) return nullptr;
  const auto& candidate = entries_[first_unsealed_].resident;
  return candidate && candidate->end_sequence() != none_yet ? candidate : nullptr;
}

std::size_t segment_table::ended_count() const noexcept {
  const std::scoped_lock lock{guard_};
  std::size_t count = 0;
  for (std::size_t i = first_unsealed_; i < entries_.size(); ++i)
    if (entries_[i].resident && entries_[i].resident->end_sequence() != none_yet) ++count;
  return count;
}

void segment_table::mark_sealed(std::uint64_t number) noexcept {
  const std::scoped_lock lock{guard_};
  const auto entry = std::ranges::find(entries_.begin() + static_cast<std::ptrdiff_t>(first_unsealed_), entries_.end(),
                                       number, [](const table_entry& e) { return e.facts.number; });
  if (entry == entries_.end()) return;
  entry->sealed = true;
  if (!entry->resident) return;
  entry->end_offset = entry->resident->end_offset();
  entry->end_sequence = entry->resident->end_sequence();
  entry->mapped_once = entry->resident;
  keep_mapped(std::move(entry->resident));
}

std::vector<table_entry> segment_table::snapshot() const {
  const std::scoped_lock lock{guard_};
  return entries_;
}

void segment_table::keep_mapped(std::shared_ptr<segment> s) noexcept {
  recent_[recent_next_] = std::move(s);
  recent_next_ = (recent_next_ + 1) % kept_mapped;
}

}  // namespace varve::core
