// SPDX-License-Identifier: MIT
#include "support/model.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string_view>

#include "format/layout.hpp"
#include "support/dice.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

constexpr const char* directory = "log";
constexpr std::size_t claims_max = 3;

void demand(bool held, const char* what, std::uint64_t sequence = 0) {
  if (!held) throw broken_promise{std::string{what} + " (sequence " + std::to_string(sequence) + ')'};
}

void demand(const error& e, std::initializer_list<errc> allowed) {
  if (std::ranges::find(allowed, e.code()) == allowed.end()) throw broken_promise{"unexpected: " + e.message()};
}

}  // namespace

std::string to_string(const step& s) {
  constexpr const char* names[] = {
      "append",        "append_large", "append_durable", "batch",     "claim",        "publish",   "abandon", "sync",
      "look",          "write_back",   "fail_call",      "fill_disk", "stop_in_call", "close",     "kill",    "lose_power",
      "open_and_stop", "trim",         "truncate",       "reset",     "entry",        "checkpoint"};
  static_assert(std::size(names) == step_kinds);
  return std::string{names[static_cast<unsigned>(s.what)]} + '(' + std::to_string(s.a) + ", " + std::to_string(s.b) + ')';
}

model::model(checksum sum, bool with_times, std::uint64_t seed) : seed_(seed) {
  memory_os::reset();
  memory_os::seed_random(seed);
  options_.segment_bytes = format::segment_bytes_min;
  options_.checksum = sum;
  options_.record_times = with_times;
  options_.prepared_segments = 1;
  options_.checkpoint = {.save =
                             [this](const checkpoint_request& r) {
                               // What a stopped machine has made durable is nothing.
                               if (!memory_os::crashed()) saved_ = std::max(saved_.load(), r.last.value);
                               return true;
                             },
                         .after_bytes = 0};
  options_.retention.keep_records = UINT64_MAX;  // or what was saved would go
  reopen();
}

model::~model() {
  claims_.clear();
  log_.reset();
  memory_os::reset();
}

void model::end_log() {
  if (log_) recycled_ += log_->stats().recycled;
  log_.reset();
}

std::uint64_t model::published() const noexcept {
  const auto open = std::ranges::find(known_.begin() + 1, known_.end(), entry::state::open, &entry::now);
  return static_cast<std::uint64_t>(open - known_.begin()) - 1;
}

/// Says who it is from the first byte on.
std::string model::some_text(std::size_t bytes) {
  const std::string id = std::to_string(++ids_) + ':';
  std::string text(bytes, static_cast<char>('a' + ids_ % 26));
  text.replace(0, std::min(bytes, id.size()), id, 0, std::min(bytes, id.size()));
  return text;
}

/// In no order.
record_time model::some_time() const noexcept {
  return record_time{std::chrono::nanoseconds{1 + static_cast<std::int64_t>(mixed(seed_ ^ ids_) % 1000)}};
}

bool model::is_usable() const { return !over_ && !memory_os::crashed() && !log_->failure(); }

bool model::is_over(const error& e) {
  demand(e, {errc::sync_failed, errc::io, errc::no_space, errc::out_of_memory});
  // Only these may leave something behind; the others say that nothing was appended, and the next append will show it.
  over_ = memory_os::crashed() || log_->failure() || e.code() == errc::sync_failed;
  return over_;
}

// ---- Steps of one life

void model::append(std::size_t bytes, bool durably) {
  const std::string text = some_text(bytes);
  const auto type = static_cast<std::uint16_t>(ids_);
  const auto time = some_time();
  const auto done = log_->append(text, {.type = type, .durability = durably ? immediate() : none(), .time = time});
  if (!done && durably && !claims_.empty() && done.error().code() == errc::would_block_itself) return;
  const bool stopped = memory_os::crashed();
  if (!done && !stopped && !is_over(done.error())) return;
  over_ = over_ || stopped;
  if (done && !stopped) demand(done->value == next(), "append gives another number", next());
  note({.now = done && !stopped ? entry::state::finished : entry::state::perhaps,
        .text = text,
        .type = type,
        .time = time,
        .batch_first = next()});
  if (done && !stopped && durably) durable_ = next() - 1;
}

void model::append_batch(const step& s) {
  const std::size_t count = 1 + s.a % 8;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back(some_text((s.b >> i) % 300));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto time = some_time();
  const append_options options{.type = s.a, .time = time};
  const bool is_entry = s.what == step::kind::entry;
  const auto done = is_entry ? append_entry(views, options) : log_->append_batch(views, options);
  const bool stopped = memory_os::crashed();
  if (!done && !stopped && !is_over(done.error())) return;
  over_ = over_ || stopped;
  const std::uint64_t first = next();
  if (done && !stopped) demand(done->first.value == first, "append_batch gives another number", first);
  for (auto& text : texts)
    note({.now = done && !stopped ? entry::state::finished : entry::state::perhaps,
          .text = std::move(text),
          .type = s.a,
          .time = time,
          .batch_first = first,
          .batch_size = count,
          .is_chunk = is_entry});
}

/// Beside one that is given up.
result<sequence_range> model::append_entry(const std::vector<std::string_view>& chunks, const append_options& options) {
  auto made = log_->begin_entry(options), given_up = log_->begin_entry(options);
  if (!made || !given_up) return std::unexpected((made ? given_up : made).error());
  std::uint64_t bytes = 0;
  for (const auto chunk : chunks) {
    demand(made->write_chunk(chunk).has_value() && given_up->write_chunk("given up").has_value(), "a chunk is refused",
           next());
    bytes += chunk.size();
  }
  demand(made->chunks() == chunks.size() && made->bytes() == bytes, "an entry counts otherwise", next());
  given_up->roll_back();
  return made->publish();
}

void model::make_claim(std::size_t bytes) {
  if (claims_.size() == claims_max) return;
  const auto time = some_time();
  auto made = log_->claim(bytes, {.time = time});
  if (!made) {
    if (!memory_os::crashed()) static_cast<void>(is_over(made.error()));
    over_ = over_ || memory_os::crashed();
    return;
  }
  demand(memory_os::crashed() || made->sequence().value == next(), "claim gives another number", next());
  demand(made->bytes().size() == bytes, "a claim of another size", next());
  note({.now = entry::state::open, .time = time, .batch_first = next()});
  claims_.push_back(std::move(*made));
}

void model::publish_oldest(const step& s) {
  if (claims_.empty()) return;
  auto& c = claims_.front();
  entry& e = known_.at(c.sequence().value);
  const std::size_t bytes = s.b % (c.bytes().size() + 1);
  e.text = some_text(bytes);
  std::ranges::copy(std::as_bytes(std::span{e.text}), c.bytes().begin());
  const auto done = c.publish(bytes);
  e.now = memory_os::crashed() ? entry::state::perhaps : entry::state::finished;
  if (!memory_os::crashed()) demand(done.has_value(), "a claim cannot be published", c.sequence().value);
  claims_.erase(claims_.begin());
}

void model::abandon_newest() {
  if (claims_.empty()) return;
  known_.at(claims_.back().sequence().value).now = entry::state::skipped;
  claims_.back().abandon();
  claims_.pop_back();
}

void model::sync() {
  const auto done = log_->sync();
  if (memory_os::crashed()) return;
  if (!claims_.empty())
    return demand(!done && done.error().code() == errc::would_block_itself, "a sync that would wait for itself");
  if (!done) return void(is_over(done.error()));
  demand(done->value >= next() - 1, "sync returns less than was appended", done->value);
  durable_ = next() - 1;
}

void model::checkpoint() {
  const auto done = log_->checkpoint();
  if (memory_os::crashed()) {
    over_ = true;
    return;
  }
  if (!claims_.empty())
    return demand(!done && done.error().code() == errc::would_block_itself, "a checkpoint that would wait for itself");
  if (!done) return void(is_over(done.error()));
  demand(done->value == published(), "a checkpoint of something else", done->value);
  checkpointed_ = done->value;
  durable_ = std::max(durable_, checkpointed_);
  compare_checkpoint();
}

/// A position is not before what was said, nor beyond what was saved or is gone.
void model::compare_checkpoint() const {
  const std::uint64_t at = log_->checkpointed_sequence().value, gone = log_->first_sequence().value - 1;
  const std::uint64_t least = perhaps_cut_ ? std::min(checkpointed_, perhaps_cut_->last) : checkpointed_;
  demand(at >= std::max(least, gone), "a checkpoint is forgotten", at);
  // Where there is no record there is nothing to save.
  for (std::uint64_t s = std::max(saved_.load(), gone) + 1; s <= at && !faulty_; ++s)
    demand(!log_->read({s}), "a checkpoint of what was not saved", s);
}

/// Everything below the target goes, or nothing does.
void model::trim(const step& s) {
  const std::uint64_t target = s.a % 4 == 0 ? next() + (s.a % 32 == 0) : first_ + s.b % (next() - first_ + 1);
  const auto done = log_->trim_before({target});
  if (memory_os::crashed()) {
    perhaps_first_.push_back(target);
    over_ = true;
    return;
  }
  const std::uint64_t first = log_->first_sequence().value;
  const bool waits_for_itself = target > first_ && !claims_.empty() && claims_.front().sequence().value < target;
  if (target > next() || waits_for_itself) {
    demand(!done && done.error().code() == (target > next() ? errc::past_end : errc::would_block_itself),
           "a trim that cannot be", target);
    return demand(first == first_, "a trim that was refused has dropped something", first);
  }
  if (done) {
    demand(first == std::max(first_, target), "a trim to elsewhere", first);
  } else {
    demand(first == first_ || first == target, "a trim that failed to elsewhere", first);
    if (first != target) perhaps_first_.push_back(target);
    static_cast<void>(is_over(done.error()));
  }
  if (first == first_) return;
  // Durable, with all that it drops; whatever earlier attempts left in the state is written over.
  first_ = first;
  durable_ = std::max(durable_, first - 1);
  perhaps_first_.clear();
}

/// As if they had never been: their numbers are given out again. What is left of a batch is one by itself.
void model::forget_behind(std::uint64_t last) {
  known_.resize(last + 1, {.now = entry::state::skipped});
  for (std::uint64_t s = last; s > 0 && known_[s].batch_first + known_[s].batch_size > last + 1; --s)
    known_[s].batch_size = last + 1 - known_[s].batch_first;
  durable_ = last;
}

/// Everything but [first, last] goes, or nothing does. Readers that stand behind the end find out.
template <class Do>
void model::cut(std::uint64_t first, std::uint64_t last, Do what) {
  std::vector<reader> readers;
  const auto stand = [&](const auto& l) {
    for (const std::uint64_t at : {first, last, last + 1, last + 2, next()})
      if (at >= first_ && at <= published() + 1) readers.push_back(*l.reader({at}));
  };
  std::optional<log_view> view;
  if (!faulty_) {
    stand(*log_);
    if (auto opened = log_view::open(directory); opened && opened->published_sequence().value == published()) {
      view.emplace(std::move(*opened));
      stand(*view);
    }
  }
  const auto done = what();
  const ends now{log_->first_sequence().value, log_->published_sequence().value};
  if (memory_os::crashed() || log_->failure()) {
    perhaps_cut_ = {first, last};
    over_ = true;
    return;
  }
  if (!done) {
    demand(done.error(), {errc::io, errc::no_space, errc::out_of_memory});
    if (now != ends{first, last})
      return demand(now == ends{first_, published()}, "a cut that failed to elsewhere", now.last);
  }
  demand(now == ends{first, last}, "a cut to elsewhere", now.last);
  demand(log_->durable_sequence().value == last, "what a cut keeps is not durable", last);
  first_ = first;
  perhaps_first_.clear();
  forget_behind(last);
  saved_ = std::min(saved_.load(), last);
  checkpointed_ = std::min(checkpointed_, last);
  compare_checkpoint();
  for (auto& r : readers) {
    const std::uint64_t at = r.position().value;
    const auto record = r.next();
    const errc says = record ? errc{} : record.error().code();
    demand(says == (at < first ? errc::trimmed : at > last + 1 ? errc::truncated : errc{}), "a reader beside a cut", at);
    if (record) demand(record->has_value() ? (*record)->sequence().value <= last : true, "a record that went", at);
  }
  if (view) demand(view->published_sequence().value == last, "a view beside a cut", last);
}

void model::truncate(const step& s) {
  const std::uint64_t end = s.a % 16 == 0 ? next() + 1 : s.a % 4 == 0 ? first_ : first_ + s.b % (next() - first_ + 1);
  const auto cut_it = [&] { return log_->truncate_after({end - 1}); };
  if (!claims_.empty() || end > next()) {
    const auto done = cut_it();
    demand(memory_os::crashed() ||
               (!done && done.error().code() == (claims_.empty() ? errc::past_end : errc::would_block_itself)),
           "a truncation that cannot be", end);
    return;
  }
  if (first_ > 1) {
    const auto done = log_->truncate_after({first_ - 2});
    demand(memory_os::crashed() || (!done && done.error().code() == errc::trimmed), "a truncation of what was trimmed",
           first_);
  }
  cut(first_, end - 1, cut_it);
}

void model::reset(const step& s) {
  if (!claims_.empty()) return;
  const std::uint64_t to = s.a % 2 == 0 ? 1 + s.b % next() : next() + s.b % 50;
  cut(to, to - 1, [&] { return log_->reset({to}); });
}

void model::close() {
  const auto done = log_->close();
  if (!claims_.empty()) {
    demand(memory_os::crashed() || (!done && done.error().code() == errc::would_block_itself),
           "a close that would wait for itself");
    return;
  }
  if (done && !memory_os::crashed()) {
    durable_ = next() - 1;
    perhaps_first_.clear();  // the state was written without them
  }
  end_log();
  memory_os::process_death();  // so that nothing that was to happen in this life happens in the next
  memory_os::heal();
  memory_os::limit_disk(memory_os::no_limit);
  look_at_dead();
  reopen();
}

void model::apply(const step& s) {
  using kind = step::kind;
  const std::uint64_t nth = 1 + s.b % 40;
  switch (s.what) {
    case kind::look: return is_usable() ? look() : void();
    case kind::write_back: return memory_os::write_back(s.b);
    case kind::fail_call: {
      constexpr int numbers[] = {EIO, ENOSPC, ENOMEM};
      faulty_ = true;
      return memory_os::fail({.number = numbers[s.a % 3], .nth = nth, .for_ever = (s.a & 4) != 0});
    }
    case kind::fill_disk: return memory_os::limit_disk((s.a & 1) != 0 ? memory_os::no_limit : memory_os::disk_bytes_used());
    case kind::stop_in_call: faulty_ = true; return memory_os::crash_at_call(nth, memory_os::changing_calls);
    case kind::close: return close();
    case kind::kill: return end_life(false, s);
    case kind::lose_power: return end_life(true, s);
    case kind::open_and_stop: return end_life((s.a & 1) != 0, s);
    default: break;
  }
  if (!is_usable()) return;
  switch (s.what) {
    case kind::append: return append(s.b % 700, false);
    case kind::append_large: return append((s.a % 8 == 5 ? 60'000U : 0U) + s.b % 60'000, false);
    case kind::append_durable: return append(s.b % 700, true);
    case kind::batch:
    case kind::entry: return append_batch(s);
    case kind::claim: return make_claim(s.b % 2000);
    case kind::publish: return publish_oldest(s);
    case kind::abandon: return abandon_newest();
    case kind::trim: return trim(s);
    case kind::truncate: return truncate(s);
    case kind::reset: return reset(s);
    case kind::checkpoint: return checkpoint();
    default: return sync();
  }
}

// ---- From life to life

void model::end_life(bool power_loss, const step& s) {
  // First the crash, then the process winds down: what it does from now on reaches nothing.
  if (power_loss) {
    memory_os::power_loss(mixed(seed_ + s.b), {.torn_words = (s.a & 2) != 0});
    power_lost_ = true;
  } else {
    memory_os::process_death();
  }
  memory_os::heal();
  memory_os::limit_disk(memory_os::no_limit);
  claims_.clear();
  end_log();
  look_at_dead();
  if (s.what == step::kind::open_and_stop) {
    memory_os::crash_at_call(1 + s.b % 40, memory_os::changing_calls);
    auto opened = log::open(directory, options_);
    if (!opened) demand(memory_os::crashed(), "a log does not open");
    if ((s.a & 4) != 0) {
      memory_os::power_loss(mixed(seed_ ^ s.b));
      power_lost_ = true;
    } else {
      memory_os::process_death();
    }
  }
  reopen();
}

/// A view of the dead log shows what opening it then keeps.
void model::look_at_dead() {
  const auto view = log_view::open(directory);
  if (!view) return demand(view.error(), {errc::not_found});  // stopped while it was made
  compare(*view, view->published_sequence().value);
  const auto report = verify(directory);
  demand(report.has_value(), "verify fails");
  for (const auto& f : report->findings)
    demand(f.kind() != finding_kind::damage, "verify finds damage", f.sequences.first.value);
}

void model::reopen() {
  // By now no fault is left.
  auto opened = log::open(directory, options_);
  if (!opened) throw broken_promise{"a log does not open: " + opened.error().message()};
  log_ = std::move(*opened);
  faulty_ = false;
  const std::uint64_t kept = log_->published_sequence().value;
  compare(*log_, kept);
  demand(log_->durable_sequence().value == kept, "what is kept is not durable", kept);
  compare_checkpoint();
  demand(saved_ <= kept || perhaps_cut_, "what was saved is gone", kept);
  checkpointed_ = log_->checkpointed_sequence().value;
  saved_ = std::min(std::max(saved_.load(), checkpointed_), kept);
  first_ = log_->first_sequence().value;
  perhaps_first_.clear();
  perhaps_cut_.reset();
  // What was not kept never was: its sequences are given out again.
  forget_behind(kept);
  for (std::uint64_t s = first_; s <= kept; ++s)
    known_[s].now = log_->read({s}) ? entry::state::finished : entry::state::skipped;
  power_lost_ = over_ = false;
}

void model::finish() {
  while (!claims_.empty()) abandon_newest();
  close();
}

// ---- Comparing

/// What stands up to `kept` is what was appended, nothing that was promised is missing, and nothing else is there.
template <class Log>
void model::compare(const Log& l, std::uint64_t kept, bool living) const {
  const std::uint64_t first = l.first_sequence().value;
  const bool is_cut = perhaps_cut_ == ends{first, kept};
  demand(is_cut || kept < known_.size(), "more than was ever claimed", kept);
  demand(is_cut || kept >= durable_, "less than was durable", kept);
  demand(is_cut || first == first_ || std::ranges::find(perhaps_first_, first) != perhaps_first_.end(),
         "the first sequence is elsewhere", first);
  demand(first <= kept + 1, "the log ends before it begins", first);
  compare_below(l, first);
  std::map<std::uint64_t, std::uint64_t> there_of_batch;
  std::uint64_t at = first - 1;
  const auto must_have_none = [&](std::uint64_t s) {
    demand(known_[s].now != entry::state::finished, "a record is missing", s);
    const auto r = l.read({s});
    demand(!r && r.error().code() == errc::abandoned, "no record, and read() says otherwise", s);
  };
  for (const auto& r : l.records()) {
    if (!r) throw broken_promise{"reading: " + r.error().message()};
    const std::uint64_t s = r->sequence().value;
    demand(s > at && s <= kept, "out of order", s);
    while (++at < s) must_have_none(at);
    const entry& e = known_[s];
    demand(e.now == entry::state::finished || e.now == entry::state::perhaps, "a record that nobody has finished", s);
    demand(r->text() == e.text && (e.type == 0 || r->type() == e.type), "another record", s);
    demand(r->is_chunk() == e.is_chunk, "a chunk, or none", s);
    demand(r->time() == (*options_.record_times ? e.time : record_time{}), "another time", s);
    const auto same = l.read({s});
    demand(same && same->text() == e.text, "read() says otherwise", s);
    if (e.batch_size > 1) ++there_of_batch[e.batch_first];
  }
  while (++at <= kept) must_have_none(at);
  for (const auto& [head, count] : there_of_batch)
    demand(count + std::max(first, head) - head ==
               (is_cut ? std::min(known_[head].batch_size, kept + 1 - head) : known_[head].batch_size),
           "a part of a batch", head);
  if (*options_.record_times) compare_times(l, first, kept);
  if (power_lost_ || living || is_cut) return;  // in a living log it may stand behind a claim
  for (std::uint64_t s = kept + 1; s < known_.size(); ++s)
    demand(known_[s].now != entry::state::finished, "what append returned is gone", s);
}

template <class Log>
void model::compare_below(const Log& l, std::uint64_t first) const {
  for (const std::uint64_t s : {std::uint64_t{1}, first / 2, first - 1}) {
    if (s == 0 || s >= first) continue;
    const auto r = l.read({s});
    demand(!r && r.error().code() == errc::trimmed, "what was trimmed is there", s);
    const auto from_there = l.reader({s});
    demand(!from_there && from_there.error().code() == errc::trimmed, "a reader of what was trimmed", s);
  }
}

/// For some times: the first record that is not older.
template <class Log>
void model::compare_times(const Log& l, std::uint64_t first, std::uint64_t kept) const {
  for (std::int64_t ns = static_cast<std::int64_t>(ids_ % 7); ns <= 1001; ns += 1 + 3 * (ns % 50)) {
    const record_time time{std::chrono::nanoseconds{ns}};
    std::uint64_t expected = first;
    while (expected <= kept && (known_[expected].time < time || !l.read({expected}))) ++expected;
    const auto found = l.find_time(time);
    if (!found) throw broken_promise{"find_time: " + found.error().message()};
    demand(found->value == expected, "find_time says otherwise", expected);
  }
}

void model::look() const {
  const std::uint64_t up_to = published();
  demand(log_->published_sequence().value == up_to, "published is elsewhere", up_to);
  const std::uint64_t durable = log_->durable_sequence().value;
  demand(durable >= durable_ && durable <= up_to, "durable is elsewhere", durable);
  if (faulty_) return;  // reading may meet the call that is to fail
  demand(log_->first_sequence().value == first_, "the first sequence is elsewhere", first_);
  compare(*log_, up_to, true);
  const auto beyond = log_->read({up_to + 1});
  demand(!beyond && beyond.error().code() == (up_to + 1 < next() ? errc::not_yet : errc::past_end), "beyond the end",
         up_to + 1);
  const auto view = log_view::open(directory);
  demand(view.has_value(), "a view does not open beside the log");
  if (view->published_sequence().value == up_to) compare(*view, up_to, true);
}

}  // namespace varve::testing
