// SPDX-License-Identifier: MIT
//
// judge_opening.cpp - those who open a log for writing: plainly, without what is lost, or to change it where nothing is cut.
#include <algorithm>
#include <utility>

#include "format/layout.hpp"
#include "rescue/judge.hpp"

namespace varve::testing::rescue {
namespace {

log_options plain(recovery_mode mode = recovery_mode::prefix) {
  return {.recovery = mode, .prepared_segments = 1, .spare_segments = 0};
}

template <class T>
std::string message_of(const result<T>& r) {
  return r ? std::string{} : r.error().message();
}

}  // namespace

/// A refusal changes nothing; but varve.live is made first, if it is missing or short: it bears the lock.
void judge::check_refused(const error& e, const char* what) const {
  auto now = stage::files_of(scene_.directory);
  auto before = scene_.now;
  if (before[format::live_name].size() < format::live_file_bytes) before[format::live_name] = now[format::live_name];
  if (!now.contains(format::live_name)) before.erase(format::live_name);
  for (const auto& [name, bytes] : before)
    hold(now.contains(name) && now.at(name) == bytes, std::string{what} + " is refused, and has changed " + name);
  for (const auto& [name, bytes] : now) hold(before.contains(name), std::string{what} + " is refused, and has made " + name);
  const bool is_known = e.code() == errc::damaged || e.code() == errc::incomplete || e.code() == errc::would_cut ||
                        e.code() == errc::not_a_log || (e.code() == errc::not_found && is_nothing());
  hold(is_known, std::string{what} + " answers " + e.message());
  if (e.code() != errc::incomplete) return;
  const bool is_named = e.first_sequence() != 0 || e.path() != path();
  hold(is_named || e.segment() != 0, std::string{what} + " is refused, and does not say what is missing: " + e.message());
}

void judge::open_plainly() {
  stage::load(scene_.image);
  auto l = log::open(path(), plain());
  outcome_.opened = l.has_value();
  if (!l) {
    outcome_.refusal = l.error().code();
    hold(!must_open(), "it does not open: " + l.error().message());
    hold(!is_whole_, "verify finds nothing, and it does not open: " + l.error().message());
    return check_refused(l.error(), "an open");
  }
  const auto all = read_all(*l);
  check_right(all, "an open log");
  check_readers(*l, all);
  check_seeks(*l, all);
  check_complete(all, "an open log", false);
  hold(viewed_.has_value(), "it opens, and a view does not");
  // A closed log is believed without a scan. If the file in which it ends is of another moment, the writer may reach frames
  // after the end that a view does not: neither is wrong, and both end where the state says.
  const bool is_believed = proof_.state && proof_.state->condition == format::condition::clean;
  hold(all == *viewed_ || (is_believed && !scene_.recipe.is_of_one_moment()),
       "a view has shown something else than the open log: " + difference(*viewed_, all));
  if (scene_.before == scene_.now && scene_.recipe.is_of_one_moment() && scene_.recipe.way != way::half_copied) {
    for (const auto& [s, w] : scene_.known.records) {
      const auto* const a = all.at(s);
      hold(s > scene_.known.durable || (a != nullptr && a->record), of_sequence(s) + "was durable, and nothing is spoiled");
    }
  }
  const auto added = l->append("one more");
  hold(added && added->value == all.published + 1, "appends do not go on: " + message_of(added));
  hold(l->close().has_value(), "it does not close");
}

void judge::open_accepting() {
  stage::load(scene_.image);
  reading all;
  std::uint64_t added = 0;
  {
    auto l = log::open(path(), plain(recovery_mode::accept_loss));
    if (!l) {
      hold(!outcome_.opened, "it opens, but not where a loss is accepted: " + l.error().message());
      hold(!proof_.meta || !proof_.state || proof_.lacks_slot, "a loss is not accepted: " + l.error().message());
      return check_refused(l.error(), "an open that accepts a loss");
    }
    outcome_.accepted = !outcome_.opened;
    outcome_.given_up = l->recovery().given_up;
    all = read_all(*l);
    check_right(all, "a log after a loss");
    check_readers(*l, all);
    check_complete(all, "a log after a loss", false);
    for (const auto& [s, w] : intact_) {
      const auto* const a = all.at(s);
      const bool must_be_kept = w.stands_alone && s < end_proved() && s >= first_proved();
      hold(!must_be_kept || (a != nullptr && a->record), of_sequence(s) + "stands whole, and a log after a loss, " +
                                                             std::to_string(all.first) + " to " +
                                                             std::to_string(all.published) + ", lacks it");
    }
    const auto s = l->append("one more");
    hold(s.has_value(), "after a loss appends do not go on: " + message_of(s));
    added = s->value;
    hold(added >= end_proved() && added > all.published, of_sequence(added) + "is given out again after a loss");
    hold(l->close().has_value(), "after a loss it does not close");
  }
  auto l = log::open(path(), plain());
  hold(l.has_value(), "a loss was accepted, and the next open: " + message_of(l));
  auto again = read_all(*l);
  const auto* const last = again.at(added);
  hold(last != nullptr && last->record && last->record->text == "one more", "what was appended after a loss is not there");
  again.of.erase(added);
  again.published = all.published;
  std::erase_if(again.of, [&](const auto& a) { return a.first > all.published; });
  hold(again == all, "the open after the one that accepted a loss finds something else");
  check_readers(*l, read_all(*l));
}

/// What the tool does for verbs that change a log, but never cut.
template <class Verb>
void judge::change_strictly(const char* what, Verb verb) {
  stage::load(scene_.image);
  auto l = log::open(path(), plain(recovery_mode::strict));
  if (!l) return check_refused(l.error(), what);
  hold(outcome_.opened, std::string{what} + " opens what an append does not");
  verb(*l);
  hold(l->close().has_value(), std::string{what} + ": it does not close");
}

void judge::trim_strictly(dice& random) {
  change_strictly("trim", [&](log& l) {
    const auto before = read_all(l);
    const std::uint64_t to = random.between(before.first, before.published + 1);
    if (const auto done = l.trim_before({to}); !done) return hold(false, "trim: " + done.error().message());
    auto after = read_all(l);
    hold(after.first == std::max(to, before.first) && after.published == before.published, "a trim has other ends");
    for (const auto& [s, a] : after.of) hold(a == before.of.at(s), of_sequence(s) + "a trim has changed it");
  });
}

void judge::truncate_strictly(dice& random) {
  change_strictly("truncate", [&](log& l) {
    const auto before = read_all(l);
    const std::uint64_t last = random.between(before.first, before.published + 1) - 1;
    const auto done = l.truncate_after({last});
    if (!done) {
      // It walks to the new end by the frames before it, and says what is in the way.
      const auto& e = done.error();
      const bool is_damage = std::ranges::any_of(before.of, [&](const auto& a) {
        return a.first >= e.first_sequence() && a.first <= e.last_sequence() && a.second.code == errc::damaged;
      });
      const bool is_trimmed = e.first_sequence() < before.first;
      return hold(e.code() == errc::damaged && (is_damage || is_trimmed), "truncate: " + e.message());
    }
    const auto after = read_all(l);
    hold(after.first == before.first && after.published == last, "a truncation has other ends");
    for (const auto& [s, a] : after.of) hold(a == before.of.at(s), of_sequence(s) + "a truncation has changed it");
  });
}

void judge::rebuild_indexes_strictly() {
  stage::load(scene_.image);
  const auto done = rebuild_indexes(path());
  if (!done) return check_refused(done.error(), "reindex");
  hold(outcome_.opened, "reindex opens what an append does not");
  const auto v = log_view::open(path());
  hold(v.has_value(), "after reindex a view does not open: " + message_of(v));
  hold(viewed_.has_value() && read_all(*v) == *viewed_, "reindex has changed what is read");
}

}  // namespace varve::testing::rescue
