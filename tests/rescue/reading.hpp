// SPDX-License-Identifier: MIT
//
// reading.hpp - all that a log or a view answers, by number and in order, and whether the two agree.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <varve/varve.hpp>

#include "rescue/history.hpp"

namespace varve::testing::rescue {

struct answer {
  std::optional<written> record{};  // stands_alone is always true here
  errc code{};
  bool operator==(const answer&) const = default;
};

struct reading {
  std::uint64_t first = 1, published = 0;
  std::map<std::uint64_t, answer> of;
  bool operator==(const reading&) const = default;

  [[nodiscard]] const answer* at(std::uint64_t s) const {
    const auto found = of.find(s);
    return found == of.end() ? nullptr : &found->second;
  }
};

inline std::string of_sequence(std::uint64_t s) { return "sequence " + std::to_string(s) + ": "; }

/// By read(), one after another. An error at damage says how far it goes, and what it says goes for all of it.
template <class Log>
[[nodiscard]] reading read_all(const Log& log) {
  reading all{.first = log.first_sequence().value, .published = log.published_sequence().value, .of = {}};
  hold(all.published - all.first + 1 < 100'000, "the log has become immense");
  for (std::uint64_t s = all.first; s <= all.published; ++s) {
    const auto r = log.read({s});
    answer a;
    if (r) {
      a.record = written{std::string{r->text()}, r->type(), true};
      hold(r->sequence().value == s, of_sequence(s) + "another record is given");
    } else {
      a.code = r.error().code();
      const bool is_named = a.code != errc::damaged || (r.error().first_sequence() <= s && s <= r.error().last_sequence());
      hold(is_named, of_sequence(s) + "the error at damage does not speak of it");
      hold(a.code == errc::damaged || a.code == errc::abandoned,
           of_sequence(s) + "read() answers " + std::string{name_of(a.code)});
    }
    all.of.emplace(s, std::move(a));
  }
  return all;
}

/// The first thing in which they differ.
inline std::string difference(const reading& a, const reading& b) {
  const auto text = [](const answer* x) {
    if (x == nullptr) return std::string{"nothing"};
    return x->record ? x->record->text.substr(0, 20) : std::string{name_of(x->code)};
  };
  std::string all = std::to_string(a.first) + '-' + std::to_string(a.published) + ", " + std::to_string(b.first) + '-' +
                    std::to_string(b.published);
  for (std::uint64_t s = std::min(a.first, b.first); s <= std::max(a.published, b.published); ++s) {
    const auto *const x = a.at(s), *const y = b.at(s);
    if (x != nullptr && y != nullptr && *x == *y) continue;
    all += "; " + of_sequence(s) + text(x) + ", " + text(y);
  }
  return all;
}

/// seek() reaches whatever read() does, and never says yes to where it is not.
template <class Log>
void check_seeks(const Log& log, const reading& all) {
  auto r = log.reader({all.published + 1});
  for (std::uint64_t s = all.published; !r && s >= all.first && s != 0; --s) r = log.reader({s});
  if (!r) return;  // nothing of it can be reached
  for (const auto& [s, a] : all.of) {
    const auto moved = r->seek({s});
    hold(moved || !a.record, of_sequence(s) + "read() reaches it, and seek() does not");
    if (!moved || a.code == errc::abandoned) continue;
    hold(r->position().value == s, of_sequence(s) + "seek() says yes, and stands elsewhere");
    const auto next = r->next();
    const bool is_there = next && *next && (*next)->sequence().value == s;
    hold(is_there == a.record.has_value(), of_sequence(s) + "seek() says yes, and next() is of another mind than read()");
  }
}

/// By the recipe of README: next(), and at damage on after the last sequence that is out of reach.
template <class Log>
void check_readers(const Log& log, const reading& all) {
  auto r = log.reader();
  hold(r.has_value() || r.error().code() == errc::damaged, "no reader can be had");
  if (!r) r = log.reader({all.published + 1});
  hold(r.has_value(), "no reader can be had at the end");
  std::uint64_t at = all.first;
  const auto skip_to = [&](std::uint64_t to, bool is_damage) {
    for (; at < to; ++at) {
      const auto* const a = all.at(at);
      hold(a != nullptr && !a->record, of_sequence(at) + "a reader passes a record that read() gives");
      hold(is_damage || a->code == errc::abandoned, of_sequence(at) + "a reader passes damage in silence");
    }
  };
  for (std::uint64_t steps = 0; at <= all.published; ++steps) {
    hold(steps < 100'000, "a reader does not come to the end");
    // Each time by a seek first: it must not say yes to where it is not.
    const auto moved = r->seek({at});
    const auto next = moved ? r->next() : result<std::optional<record>>{std::unexpected(moved.error())};
    if (!next) {
      const error& e = next.error();
      hold(e.code() == errc::damaged, of_sequence(at) + "a reader answers " + e.message());
      hold(e.first_sequence() <= e.last_sequence() && e.last_sequence() >= at, of_sequence(at) + "damage without an end");
      if (e.first_sequence() > at) skip_to(e.first_sequence(), false);
      skip_to(std::min(e.last_sequence(), all.published) + 1, true);
      continue;
    }
    if (!*next) return skip_to(all.published + 1, false);
    const std::uint64_t s = (*next)->sequence().value;
    hold(s >= at, of_sequence(at) + "a reader goes back");
    skip_to(s, false);
    const auto* const a = all.at(s);
    hold(a != nullptr, of_sequence(s) + "a reader has a record beyond the end");
    hold(a->record.has_value(), of_sequence(s) + "a reader has a record, and read() none: " + std::string{name_of(a->code)});
    hold(a->record->text == (*next)->text(), of_sequence(s) + "a reader has another record than read()");
    ++at;
  }
}

}  // namespace varve::testing::rescue
