// SPDX-License-Identifier: MIT
//
// judge_looking.cpp - those who only look on: a view, verify, salvage and backup.
#include <algorithm>
#include <tuple>

#include "rescue/judge.hpp"

namespace varve::testing::rescue {
namespace {

std::string text_of(const recovery_report& r) {
  std::string all = std::to_string(r.kept) + ' ' + std::to_string(r.cut_records) + ' ' + std::to_string(r.stepped_over);
  for (const auto& f : r.findings)
    all += std::string{' ', f.row} + std::to_string(f.segment) + '+' + std::to_string(f.offset) + ':' +
           std::to_string(f.sequences.first.value) + '-' + std::to_string(f.sequences.end.value);
  return all;
}

std::string text_of(const salvage_report& r) {
  std::string all;
  for (const std::uint64_t n : {r.sequences.first.value, r.sequences.end.value, r.records, r.abandoned, r.missing,
                                r.unfinished, r.removed, r.superseded})
    all += std::to_string(n) + ' ';
  return all;
}

}  // namespace

void judge::look_on() {
  look_by_verify();
  look_by_view();
  look_by_salvage();
  look_by_backup();
  check_unchanged("looking on");
}

void judge::look_by_view() {
  const auto v = log_view::open(path());
  const auto again = log_view::open(path());
  hold(v.has_value() == again.has_value(), "a view opens once, and another one does not");
  if (!v) {
    hold(v.error().code() == again.error().code(), "two views are refused in two ways");
    hold(!is_whole_, "verify finds nothing, and a view does not open: " + v.error().message());
    return;
  }
  viewed_ = read_all(*v);
  hold(read_all(*again) == *viewed_, "two views show two things");
  const auto d = v->describe();
  const bool refuses = !d || d->refuses;
  // A view that says so shows the chain as it finds it: of files of different moments that may be an older one.
  // Two such may hold the same sequences, and then it depends on the way which one is met.
  if (!refuses || scene_.recipe.is_of_one_moment()) {
    check_right(*viewed_, "a view");
    check_readers(*v, *viewed_);
    check_seeks(*v, *viewed_);
  }
  check_complete(*viewed_, "a view", refuses);
}

void judge::look_by_verify() {
  const auto report = verify(path());
  const auto again = verify(path());
  hold(report.has_value() == again.has_value(), "verify answers once so, and once so");
  if (!report) return hold(report.error().code() == again.error().code(), "verify is refused in two ways");
  hold(text_of(*report) == text_of(*again), "verify finds two things");
  is_whole_ = std::ranges::none_of(report->findings, [](const auto& f) { return f.kind() == finding_kind::damage; });
}

void judge::check_saved(std::uint64_t s, const written& w, bool trim_point_known) const {
  const auto known = scene_.known.records.find(s);
  const auto same = [&](const written& other) { return other.text == w.text && other.type == w.type; };
  if (scene_.recipe.is_of_one_moment() && known != scene_.known.records.end() && same(known->second)) return;
  const auto ever = scene_.past->ever.find(s);
  hold(ever != scene_.past->ever.end() && std::ranges::any_of(ever->second, same), of_sequence(s) + "salvage makes it up");
  hold(!trim_point_known || s >= proof_.first, of_sequence(s) + "salvage offers what was trimmed");
  hold(proof_.may_stand(scene_.now, s, w, proof::by::salvage), of_sequence(s) + "salvage offers what was removed");
}

salvage_report judge::salvage_once(std::map<std::uint64_t, written>& saved, std::set<std::uint64_t>& named) const {
  const auto take = [&](const record& r) {
    const std::uint64_t s = r.sequence().value;
    hold(saved.empty() || saved.rbegin()->first < s, of_sequence(s) + "salvage offers it twice, or late");
    saved.emplace(s, written{std::string{r.text()}, r.type(), true});
    return true;
  };
  const auto note = [&](const recovery_report::finding& g) {
    hold(g.sequences.size() < 100'000, "salvage names an immense gap");
    for (auto s = g.sequences.first; s < g.sequences.end; s = s + 1)
      hold(named.insert(s.value).second, of_sequence(s.value) + "salvage names it twice");
    return true;
  };
  auto report = salvage(path(), {.record = take, .gap = note});
  const bool is_nothing = !report && (report.error().code() == errc::not_found || report.error().code() == errc::not_a_log);
  hold(report.has_value() || is_nothing, "salvage: " + (report ? std::string{} : report.error().message()));
  return report ? *report : salvage_report{};
}

void judge::look_by_salvage() {
  std::map<std::uint64_t, written> saved, saved_again;
  std::set<std::uint64_t> named, named_again;
  const auto report = salvage_once(saved, named), again = salvage_once(saved_again, named_again);
  hold(text_of(report) == text_of(again) && saved == saved_again && named == named_again, "salvage says two things");
  for (const auto& [s, w] : saved) check_saved(s, w, report.trim_point_known);
  hold(report.records == saved.size() && report.missing + report.unfinished == named.size(), "salvage counts wrong");
  const std::uint64_t first = report.sequences.first.value, end = report.sequences.end.value;
  std::uint64_t first_lost = first;
  while (saved.contains(first_lost) || named.contains(first_lost)) ++first_lost;
  hold(saved.size() + named.size() + report.abandoned == report.sequences.size(),
       of_sequence(first_lost) + "salvage does not account for all: " + text_of(report));
  for (const auto& [s, w] : saved) hold(s >= first && s < end, of_sequence(s) + "is saved beyond the ends that are told");
  for (const auto& [s, w] : intact_) hold(saved.contains(s), of_sequence(s) + "stands whole, and salvage does not offer it");
  hold(first <= std::max(first_proved(), proof_.first), "salvage begins after what was durable");
  // Of marks alone, without any other file, nobody can tell that they are a log's.
  if (first == 0 && is_nothing()) return;
  hold(end >= end_proved() || first_proved() >= end_proved(),
       "salvage ends before " + std::to_string(end) + ", and the log was durable before " + std::to_string(end_proved()));
  for (std::uint64_t s = std::max(first_proved(), first); s < std::min(end, end_proved()); ++s)
    hold(saved.contains(s) || named.contains(s) || scene_.past->ever_abandoned.contains(s),
         of_sequence(s) + "is neither saved nor named");
  outcome_.saved = saved.size();
  outcome_.missing = report.missing;
  outcome_.removed = report.removed + report.superseded;
}

void judge::look_by_backup() {
  const auto done = backup(path(), stage::path("backup"));
  if (!done) return;
  hold(viewed_.has_value(), "a backup is made of what no view opens");
  const auto l = log::open(stage::path("backup"), {.prepared_segments = 1, .spare_segments = 0, .create = false});
  hold(l.has_value(), "a backup does not open: " + (l ? std::string{} : l.error().message()));
  const auto all = read_all(*l);
  check_right(all, "a backup");
  check_complete(all, "a backup", false);
  for (const auto& [s, a] : all.of) {
    const auto* const seen = viewed_->at(s);
    hold(seen != nullptr && *seen == a, of_sequence(s) + "a backup has something else than a view");
    hold(a.code != errc::damaged || !scene_.recipe.is_of_one_moment() || scene_.known.lost.contains(s),
         of_sequence(s) + "a backup is made of damage");
  }
}

}  // namespace varve::testing::rescue
