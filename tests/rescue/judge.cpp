// SPDX-License-Identifier: MIT
#include "rescue/judge.hpp"

#include <algorithm>

#include "format/layout.hpp"

namespace varve::testing::rescue {

judge::judge(const scene& s) : scene_(s), proof_(s.now) {
  if (!s.recipe.is_of_one_moment()) return;  // which of several records of a sequence stands, nobody but the files knows
  const proof before{s.before};
  state_is_older_ = proof_.first < s.known.first;
  for (const auto& f : frames_of(s.before, before)) {
    const auto known = s.known.records.find(f.sequence);
    if (known == s.known.records.end() || !is_intact(f, s.before, s.now)) continue;
    const auto& bytes = s.before.at(f.file);
    const std::string_view frame{reinterpret_cast<const char*>(bytes.data() + f.offset), f.extent};
    if (frame.contains(known->second.text)) intact_.insert(*known);
  }
}

outcome judge::run(dice& random) {
  look_on();
  open_plainly();
  open_accepting();
  switch (random.below(3)) {
    case 0: trim_strictly(random); break;
    case 1: truncate_strictly(random); break;
    default: rebuild_indexes_strictly(); break;
  }
  return outcome_;
}

bool judge::is_right(std::uint64_t sequence, const written& w) const {
  const auto same = [&](const written& other) { return other.text == w.text && other.type == w.type; };
  if (scene_.recipe.is_of_one_moment()) {
    const auto known = scene_.known.records.find(sequence);
    if (known != scene_.known.records.end() && same(known->second)) return true;
    // A trim stands in the state alone: if the harm took both copies of its slot, the one before it says less.
    if (!state_is_older_ || sequence >= scene_.known.first) return false;
  }
  const auto ever = scene_.past->ever.find(sequence);
  return ever != scene_.past->ever.end() && std::ranges::any_of(ever->second, same) &&
         proof_.may_stand(scene_.now, sequence, w, proof::by::open);
}

void judge::check_unchanged(const char* what) const {
  const auto now = stage::files_of(scene_.directory);
  for (const auto& [name, bytes] : scene_.now) {
    const auto is = now.find(name);
    hold(is != now.end(), std::string{what} + " has removed " + name);
    hold(is->second == bytes, std::string{what} + " has changed " + name);
  }
  for (const auto& [name, bytes] : now) hold(scene_.now.contains(name), std::string{what} + " has made " + name);
}

void judge::check_right(const reading& all, const char* who) const {
  for (const auto& [s, a] : all.of) {
    if (a.record) {
      hold(is_right(s, *a.record), of_sequence(s) + who + " hands out a record that is not the log's");
    } else if (a.code == errc::abandoned) {
      // What was not durable, and is spoiled or not there, looks as a claim that was never finished, where a process has
      // died; so does a snapshot of the device in the boot of its writer. It is named, though not for what it was.
      hold(s > proof_.durable || scene_.past->ever_abandoned.contains(s),
           of_sequence(s) + who + " calls a record abandoned");
    }
  }
}

std::uint64_t judge::first_proved() const noexcept {
  return scene_.recipe.is_of_one_moment() ? std::max(proof_.first, scene_.known.first) : proof_.first;
}

std::uint64_t judge::end_proved() const noexcept {
  return scene_.recipe.is_of_one_moment() ? std::min(proof_.durable + 1, scene_.known.next) : proof_.durable + 1;
}

void judge::check_complete(const reading& all, const char* who, bool is_named) const {
  hold(all.first <= std::max(first_proved(), proof_.first),
       std::string{who} + " begins at " + std::to_string(all.first) + ", after " + std::to_string(first_proved()));
  const std::uint64_t end = std::min(end_proved(), first_proved() + 100'000);
  for (std::uint64_t s = std::max(first_proved(), all.first); s < end; ++s)
    hold(is_named || all.at(s) != nullptr,
         of_sequence(s) + "was durable, and " + who + " ends at " + std::to_string(all.published) + " without a word");
}

bool judge::is_nothing() const {
  return !proof_.meta && !proof_.state &&
         std::ranges::none_of(proof_.segments, [](const auto& f) { return f.activation.has_value(); });
}

bool judge::must_open() const {
  const auto& r = scene_.recipe;
  if (!r.is_of_one_moment() || r.way == way::half_copied) return false;
  // In the boot of its writer a snapshot of the device looks as a death does: what was published then is missed, and named.
  if (r.way == way::snapshot) return false;
  const bool is_a_block = r.harm == harm::byte || r.harm == harm::sector || r.harm == harm::page;
  if (scene_.before == scene_.now) return true;
  if (r.target == target::meta || r.target == target::state) return is_a_block;
  bool is_a_hint = r.target == target::live || r.target == target::index || r.target == target::prepared;
  // Where an activation would stand, anything that is not zero was one once, for all that can be told.
  if (r.target == target::prepared && is_a_block)
    is_a_hint = std::ranges::all_of(proof_.segments, [&](const proved_segment& p) {
      const auto& now = scene_.now.at(p.name);
      const std::uint64_t bytes = std::min<std::uint64_t>(now.size(), format::segment_header_bytes);
      return std::equal(now.begin(), now.begin() + static_cast<std::ptrdiff_t>(bytes), scene_.before.at(p.name).begin());
    });
  return is_a_hint && (is_a_block || r.harm == harm::missing || r.harm == harm::cut_short);
}

}  // namespace varve::testing::rescue
