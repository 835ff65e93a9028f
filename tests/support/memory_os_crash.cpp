// SPDX-License-Identifier: MIT
//
// memory_os_crash.cpp - snapshots, the death of a process, and what a loss of power leaves.
#include <algorithm>
#include <cstring>
#include <utility>

#include "support/memory_os_machine.hpp"

namespace varve::testing::memory_os {
namespace {

using generator = std::mt19937_64;

/// Below `end`, and the same with every standard library, which std::uniform_int_distribution is not.
std::uint64_t below(generator& random, std::uint64_t end) { return random() % end; }

// ---- What survives

enum class outcome : std::uint8_t { lost, kept, torn };

/// Which of `count` changes, in their order, survive. Each for itself would make the telling cases, all of them or all but
/// one, rarer with every change.
class lottery {
 public:
  lottery(fate f, std::uint64_t count, generator& random) : random_(random) {
    switch (f) {
      case fate::lost: shape_ = shape::none; break;
      case fate::kept: shape_ = shape::all; break;
      case fate::random: shape_ = static_cast<shape>(below(random, shapes)); break;
    }
    pivot_ = count == 0 ? 0 : below(random, count);
  }

  [[nodiscard]] outcome of(std::uint64_t place) {
    const auto kept_if = [](bool kept) { return kept ? outcome::kept : outcome::lost; };
    switch (shape_) {
      case shape::none: return outcome::lost;
      case shape::all: return outcome::kept;
      case shape::prefix: return place == pivot_ ? outcome::torn : kept_if(place < pivot_);
      case shape::suffix: return place == pivot_ ? outcome::torn : kept_if(place > pivot_);
      case shape::only_one: return kept_if(place == pivot_);
      case shape::all_but_one: return kept_if(place != pivot_);
      case shape::each_for_itself: break;
    }
    return static_cast<outcome>(below(random_, 3));
  }

  /// Of something that cannot be torn.
  [[nodiscard]] bool keeps(std::uint64_t place) {
    const outcome o = of(place);
    return o == outcome::kept || (o == outcome::torn && below(random_, 2) == 0);
  }

 private:
  enum class shape : std::uint8_t { none, all, prefix, suffix, only_one, all_but_one, each_for_itself };
  static constexpr std::uint64_t shapes = static_cast<std::uint64_t>(shape::each_for_itself) + 1;

  generator& random_;
  shape shape_{};
  std::uint64_t pivot_;
};

// ---- Bytes

/// The page as it is on the disk: of the two versions, unit by unit, one or the other.
page_copy after_loss(outcome o, const page_copy& as_new, const page_copy& as_old, std::uint64_t unit, generator& random) {
  if (o == outcome::kept) return as_new;
  page_copy mixed = as_old;
  if (o == outcome::lost) return mixed;
  for (std::uint64_t at = 0; at < page_bytes; at += unit) {
    if (below(random, 2) == 0) std::memcpy(mixed.data() + at, as_new.data() + at, unit);
  }
  return mixed;
}

void lose_bytes(inode& node, const power_loss_options& options, generator& random) {
  const std::vector<std::uint64_t> dirty = node.dirty_pages();
  lottery pages{options.bytes, dirty.size(), random};
  const std::uint64_t unit = options.torn_words ? sizeof(std::uint64_t) : sector_bytes;
  for (std::uint64_t place = 0; place < dirty.size(); ++place) {
    const std::uint64_t number = dirty[place];
    const page_copy left = after_loss(pages.of(place), node.page(number), node.durable_page(number), unit, random);
    std::memcpy(node.memory.data() + number * page_bytes, left.data(), page_bytes);
  }
  lottery sizes{options.bytes, 1, random};
  if (!sizes.keeps(0) && node.bytes != node.durable_bytes) {
    // What lay behind the old end is gone, and must read as zeros if the file ever grows again.
    std::memset(node.memory.data() + node.durable_bytes, 0, whole_pages(node.bytes) - node.durable_bytes);
    node.bytes = node.durable_bytes;
    node.allocated_bytes = std::min(node.allocated_bytes, whole_pages(node.bytes));
  }
  node.durable_bytes = node.bytes;
  node.durable.assign(node.memory.data(), node.memory.data() + whole_pages(node.bytes));
}

// ---- Names

/// On names of which some never came to be, or are still there.
void repeat(const operation& o, entries& to) {
  const auto source = to.find(o.name);
  const bool is_there = source != to.end() && source->second == o.node;
  switch (o.what) {
    case operation::kind::create: to.insert_or_assign(o.name, o.node); break;
    case operation::kind::rename:
      if (!is_there) break;
      to.erase(source);
      to.insert_or_assign(o.to, o.node);
      break;
    case operation::kind::remove:
      if (is_there) to.erase(source);
      break;
  }
}

void lose_entries(directory& d, const power_loss_options& options, generator& random) {
  lottery operations{options.entries, d.pending.size(), random};
  for (std::uint64_t place = 0; place < d.pending.size(); ++place) {
    if (operations.keeps(place)) repeat(d.pending[place], d.durable);
  }
  d.pending.clear();
  d.current = d.durable;
  for (const auto& [name, node] : d.current) node->name = name;
}

}  // namespace

image snapshot() {
  machine& m = the();
  const std::lock_guard lock{m.mutex};
  return std::make_shared<const disk>(m.seen().copy());
}

void restore(const image& from) {
  machine& m = the();
  const std::lock_guard lock{m.mutex};
  m.crash = from->copy();
  m.begin_life();
}

void crash_at_call(std::uint64_t nth, call_set calls, const std::string& name) {
  machine& m = the();
  const std::lock_guard lock{m.mutex};
  m.crash_at = crash_rule{nth, calls, name};
}

bool crashed() {
  machine& m = the();
  const std::lock_guard lock{m.mutex};
  return m.crash.has_value();
}

void process_death() {
  machine& m = the();
  const std::lock_guard lock{m.mutex};
  m.begin_life();
}

void power_loss(std::uint64_t seed, const power_loss_options& options) {
  machine& m = the();
  const std::lock_guard lock{m.mutex};
  m.begin_life();
  if (!options.same_boot) ++m.now.boot;
  generator random{seed};
  for (const auto& [path, d] : m.now.directories) lose_entries(*d, options, random);
  for (const auto& [number, node] : m.now.inodes()) lose_bytes(*node, options, random);
}

void write_back(std::uint64_t seed) {
  machine& m = the();
  const std::lock_guard lock{m.mutex};
  generator random{seed};
  for (const auto& [number, node] : m.seen().inodes()) {
    for (const std::uint64_t p : node->dirty_pages()) {
      if (below(random, 2) == 0) node->make_durable(p * page_bytes, (p + 1) * page_bytes);
    }
  }
}

}  // namespace varve::testing::memory_os
