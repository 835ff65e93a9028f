// SPDX-License-Identifier: MIT
#include "rescue/history.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "format/segment_header.hpp"

namespace varve::testing::rescue {
namespace {

constexpr int tries_max = 2000;  // of looks at what a thread in the background has done; arbitrary

/// The answer of a call that has no reason to fail.
template <class T>
T must(result<T> answer, const char* what) {
  if (!answer) throw violation{std::string{"the history: "} + what + ": " + answer.error().message()};
  if constexpr (!std::is_void_v<T>) return std::move(*answer);
}

/// Background work is over: so the files depend on the seed alone, whatever the threads do.
bool is_quiet(const file_set& files) {
  std::size_t prepared = 0;
  for (const auto& [name, bytes] : files) {
    if (!name.ends_with(".seg") || bytes.size() < format::segment_bytes_min) continue;
    const auto sector = [&](std::uint64_t at) {
      format::sector s;
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), s.size(), s.begin());
      return s;
    };
    const auto activation = format::decode<format::activation>(sector(format::activation_offset));
    const auto end = format::decode<format::end>(sector(format::end_offset));
    const auto seal = format::decode<format::seal>(sector(format::seal_offset));
    prepared += activation ? 0 : 1;
    const bool has_ended = activation && end && end->salt == activation->salt && end->offset != 0;
    if (has_ended && end->cause == format::end_cause::roll && !(seal && seal->salt == activation->salt)) return false;
  }
  return prepared != 0;
}

}  // namespace

void truth::forget_from(std::uint64_t s) {
  records.erase(records.lower_bound(s), records.end());
  abandoned.erase(abandoned.lower_bound(s), abandoned.end());
  lost.erase(lost.lower_bound(s), lost.end());
  next = s;
  durable = s - 1;
}

void truth::forget_before(std::uint64_t s) {
  if (s <= first) return;
  first = s;
  records.erase(records.begin(), records.lower_bound(s));
  abandoned.erase(abandoned.begin(), abandoned.lower_bound(s));
  lost.erase(lost.begin(), lost.lower_bound(s));
  durable = std::max(durable, s - 1);
}

history::history(std::uint64_t seed) : random_(seed), typical_bytes_(random_.one_in(3) ? 20'000 : 3'000) {
  stage::begin(seed);
  options_ = {.segment_bytes = format::segment_bytes_min,
              .record_times = random_.one_in(2),
              .prepared_segments = 1,
              .spare_segments = static_cast<std::uint32_t>(random_.below(2))};
  const std::uint64_t lives = random_.between(1, 3);
  for (std::uint64_t life = 1; life <= lives; ++life) live(life == lives);
}

void history::live(bool is_last) {
  auto l = must(log::open(stage::path(directory), options_), "open");
  hold(l.published_sequence().value + 1 == known_.next, "the history: an open has kept something else");
  known_.durable = known_.next - 1;  // what an open keeps is durable
  const std::uint64_t steps = random_.between(3, 14), kept_at = random_.below(steps);
  for (std::uint64_t i = 0; i < steps; ++i) {
    step(l);
    if (i == kept_at) keep(l);
  }
  died = now(l);
  if (is_last) moments.push_back(died);
  must(l.close(), "close");
  closed = {stage::save(), known_};
  closed.known.durable = known_.next - 1;
  if (is_last) return;
  if (random_.one_in(2)) stage::load(died.image);
  if (random_.one_in(3)) accept_a_loss();
}

void history::step(log& l) {
  switch (random_.below(20)) {
    case 0: trim(l); break;
    case 1: truncate(l); break;
    case 2:
      if (random_.one_in(4)) reset(l);
      break;
    case 3: give_up_claim(l); break;
    case 4:
    case 5:
    case 6: must(l.sync(), "sync"); break;
    case 7:
    case 8:
    case 9: append_batch(l); break;
    case 10: append_entry(l); break;
    default: append(l); break;
  }
  known_.durable = std::max(known_.durable, std::min(l.durable_sequence().value, known_.next - 1));
  // Which numbers files get depends on when they are made.
  for (int tries = 0; tries < tries_max && l.stats().prepared == 0; ++tries) std::this_thread::yield();
}

void history::keep(log& l) { moments.push_back(now(l)); }

moment history::now(log& l) {
  for (int tries = 0; tries < tries_max && !is_quiet(stage::files_of(directory)); ++tries) std::this_thread::yield();
  moment m{stage::save(), known_};
  m.known.durable = std::max(known_.durable, std::min(l.durable_sequence().value, known_.next - 1));
  return m;
}

std::string history::some_text() {
  std::uint64_t bytes = random_.below(typical_bytes_);
  if (random_.one_in(8)) bytes = random_.below(20);
  if (random_.one_in(40)) bytes = format::segment_bytes_min + random_.below(30'000);  // gets a segment of its own
  const std::string id = '<' + std::to_string(++ids_) + '>';
  std::string text = id;
  while (text.size() < bytes) text += id;
  return text;
}

void history::note(std::uint64_t sequence, std::string text, std::uint16_t type, bool stands_alone) {
  hold(sequence == known_.next, "the history: an append got another sequence");
  written w{std::move(text), type, stands_alone};
  ever[sequence].push_back(w);
  known_.records[sequence] = std::move(w);
  ++known_.next;
}

void history::append(log& l) {
  const auto type = static_cast<std::uint16_t>(random_.below(5));
  std::string text = some_text();
  const auto s = must(l.append(text, {.type = type}), "append");
  note(s.value, std::move(text), type, true);
}

void history::append_batch(log& l) {
  const auto type = static_cast<std::uint16_t>(random_.below(5));
  std::vector<std::string> texts(random_.between(2, 5));
  for (auto& t : texts) t = some_text();
  const std::vector<std::string_view> batch(texts.begin(), texts.end());
  const auto range = must(l.append_batch(batch, {.type = type}), "append_batch");
  for (std::size_t i = 0; i < texts.size(); ++i) note(range.first.value + i, std::move(texts[i]), type, false);
}

void history::append_entry(log& l) {
  const auto type = static_cast<std::uint16_t>(random_.below(5));
  auto e = must(l.begin_entry({.type = type}), "begin_entry");
  std::vector<std::string> chunks(random_.between(1, 4));
  for (auto& c : chunks) must(e.write_chunk(c = some_text()), "write_chunk");
  const auto range = must(e.publish(), "publish");
  for (std::size_t i = 0; i < chunks.size(); ++i) note(range.first.value + i, std::move(chunks[i]), type, false);
}

void history::give_up_claim(log& l) {
  must(l.claim(random_.below(200)), "claim").abandon();
  known_.abandoned.insert(known_.next);
  ever_abandoned.insert(known_.next);
  ++known_.next;
}

void history::trim(log& l) {
  const std::uint64_t to = random_.between(known_.first, known_.next);
  must(l.trim_before({to}), "trim_before");
  known_.forget_before(to);
}

void history::truncate(log& l) {
  const std::uint64_t last = random_.between(known_.first, known_.next) - 1;
  if (known_.lost.contains(last)) return;  // refused, by design
  must(l.truncate_after({last}), "truncate_after");
  known_.forget_from(last + 1);
}

void history::reset(log& l) {
  const std::uint64_t next = random_.between(known_.first, known_.next + 40);
  must(l.reset({next}), "reset");
  known_ = {.records = {}, .abandoned = {}, .lost = {}, .first = next, .next = next, .durable = next - 1};
}

/// A record, or a whole segment, is spoiled, and the next open is told to go on without it.
void history::accept_a_loss() {
  auto files = stage::files_of(directory);
  std::vector<std::string> full;
  for (const auto& [name, bytes] : files)
    if (name.ends_with(".seg") && bytes.size() > format::segment_header_bytes) full.push_back(name);
  if (full.empty()) return;
  const auto& name = full[random_.below(full.size())];
  if (random_.one_in(2)) {
    stage::remove(directory, name);
  } else {
    auto bytes = files.at(name);
    bytes[format::segment_header_bytes + random_.below(bytes.size() - format::segment_header_bytes)] ^= std::byte{0x55};
    stage::rewrite(directory, name, bytes);
  }
  auto options = options_;
  options.recovery = recovery_mode::accept_loss;
  auto l = must(log::open(stage::path(directory), options), "open with accept_loss");
  // What is lost is what it says; whether that is right, the matrix asks of its own losses.
  const std::uint64_t next = l.published_sequence().value + 1;
  known_.forget_before(l.first_sequence().value);
  if (next < known_.next) known_.forget_from(next);
  for (std::uint64_t s = known_.first; s < next; ++s) {
    const auto r = l.read({s});
    if (r || (r.error().code() == errc::abandoned && known_.abandoned.contains(s))) continue;
    const bool was_known = known_.records.erase(s) + known_.abandoned.erase(s) + (known_.lost.contains(s) ? 1 : 0) != 0;
    hold(r.error().code() == errc::damaged && was_known,
         "the history: after a loss was accepted, sequence " + std::to_string(s) + ": " + r.error().message());
    known_.lost.insert(s);
    ++accepted;
  }
  hold(next == known_.next, "the history: accepting a loss has made another end");
  must(l.close(), "close");
}

}  // namespace varve::testing::rescue
