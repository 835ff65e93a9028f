// SPDX-License-Identifier: MIT
//
// varve.state, varve.meta or both are lost, in whatever way the log was left, and made again from the segments. Either all
// that was durable is there then, under its sequence, and nothing is that a truncation removed; what had been trimmed and
// comes back is named. Or it is refused, and nothing was changed.
//
// VARVE_REBUILD_HISTORIES sets how many histories are tried; each is left in every way, and loses every file in every way.
#include <algorithm>
#include <iostream>
#include <map>
#include <string>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "format/segment_header.hpp"
#include "os/file.hpp"
#include "support/catch.hpp"
#include "support/dice.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

constexpr const char* directory = "log";

/// What the caller of the log knows.
struct truth {
  std::map<std::uint64_t, std::string> records;  // also those that were trimmed, but none that was truncated
  std::uint64_t first = 1, next = 1, durable = 0;
  std::uint64_t least_kept = UINT64_MAX;  // of a truncation that was under way: what is at or after it may be gone
  std::uint64_t reset_to = 0;             // of a reset that was under way: it may be what has happened
  bool was_interrupted = false;           // any call was

  void forget_from(std::uint64_t s) {
    records.erase(records.lower_bound(s), records.end());
    next = s;
    durable = s - 1;
  }
};

enum class left { closed, dead, unpowered };
constexpr left ways_to_leave[] = {left::closed, left::dead, left::unpowered};

class history {
 public:
  history(std::uint64_t seed, left how) : random_(seed), how_(how) {
    memory_os::reset();
    memory_os::seed_random(seed);
    options_.segment_bytes = 64 * 1024;
    options_.prepared_segments = 1 + static_cast<std::uint32_t>(random_.below(2));
    options_.spare_segments = static_cast<std::uint32_t>(random_.below(3));
    options_.checksum = random_.one_in(4) ? checksum::none : checksum::crc32c;
    options_.record_times = random_.one_in(2);
    options_.index_stride_bytes = 1024;
    const auto lives = 1 + random_.below(3);
    for (std::uint64_t life = 0; life < lives; ++life) live(life + 1 == lives);
  }

  truth known;

 private:
  void live(bool is_last) {
    auto l = log::open(directory, options_);
    INFO((l ? std::string{} : l.error().message()));
    REQUIRE(l);
    REQUIRE(l->published_sequence().value + 1 == known.next);
    known.durable = known.next - 1;  // what an open keeps is durable
    if (is_last && how_ != left::closed && random_.one_in(2))
      memory_os::crash_at_call(1 + random_.below(60), memory_os::changing_calls);
    const auto steps = 2 + random_.below(14);
    for (std::uint64_t step = 0; step < steps && !memory_os::crashed(); ++step) act(*l);
    const bool closes = is_last ? how_ == left::closed : random_.one_in(2);
    if (closes) {
      REQUIRE(l->close().has_value());
      known.durable = known.next - 1;
    }
    known.was_interrupted = memory_os::crashed();
    if (!memory_os::crashed()) memory_os::crash_at_call(1);  // whatever it would still do fails
    {
      const auto dying = std::move(l);
    }
    is_last&& how_ == left::unpowered ? memory_os::power_loss(random_.next()) : memory_os::process_death();
  }

  void act(log& l) {
    switch (random_.below(9)) {
      case 0: return sync(l);
      case 1: return trim(l);
      case 2: return truncate(l);
      case 3: return append_batch(l);
      case 4:
        if (random_.one_in(4)) return reset(l);
        return append(l);
      default: return append(l);
    }
  }

  void sync(log& l) {
    if (l.sync() && !memory_os::crashed()) known.durable = known.next - 1;
  }

  void trim(log& l) {
    if (known.next == known.first) return;
    const std::uint64_t to = known.first + random_.below(known.next - known.first + 1);
    const auto done = l.trim_before({to});
    known.first = std::max(known.first, to);  // if it was interrupted it may have happened, or not
    if (!done || memory_os::crashed()) return;
    known.durable = std::max(known.durable, known.first - 1);
  }

  void truncate(log& l) {
    if (known.next <= known.first + 1) return;
    const std::uint64_t last = known.first + random_.below(known.next - known.first - 1);
    const auto done = l.truncate_after({last});
    if (!done || memory_os::crashed()) {
      known.least_kept = last + 1;
      return;
    }
    known.forget_from(last + 1);
  }

  void reset(log& l) {
    const std::uint64_t to = 1 + random_.below(known.next + 20);
    const auto done = l.reset({to});
    if (!done || memory_os::crashed()) {
      known.least_kept = 0;
      known.reset_to = to;
      return;
    }
    known.records.clear();
    known.first = known.next = to;
    known.durable = to - 1;
  }

  void append(log& l) {
    const std::string text = std::to_string(++ids_) + std::string(random_.below(30'000), 'x');
    const auto s = l.append(text);
    known.records[known.next++] = text;  // if it was interrupted it may be there
    if (s && !memory_os::crashed()) REQUIRE(s->value == known.next - 1);
  }

  void append_batch(log& l) {
    std::vector<std::string> texts;
    for (std::uint64_t i = 2 + random_.below(4); i-- > 0;)
      texts.push_back(std::to_string(++ids_) + std::string(random_.below(9'000), 'b'));
    const std::vector<std::string_view> batch(texts.begin(), texts.end());
    static_cast<void>(l.append_batch(batch));
    for (auto& text : texts) known.records[known.next++] = std::move(text);
  }

  dice random_;
  left how_;
  log_options options_;
  std::uint64_t ids_ = 0;
};

enum class loss { none, missing, zeroed, spoiled };
constexpr loss losses[] = {loss::none, loss::missing, loss::zeroed, loss::spoiled};

void lose(const char* name, loss how) {
  const std::string path = std::string{directory} + '/' + name;
  if (how == loss::none) return;
  if (how == loss::missing) {
    const auto in = os::open_directory(directory);
    REQUIRE((in && os::remove(*in, name) && os::sync_directory(*in)));
    return;
  }
  auto bytes = memory_os::contents(path);
  if (how == loss::zeroed) std::ranges::fill(bytes, std::byte{});
  for (std::size_t at = 100; how == loss::spoiled && at < bytes.size(); at += format::block_bytes) bytes[at] ^= std::byte{4};
  memory_os::overwrite(path, 0, bytes);
}

using picture = std::map<std::string, std::vector<std::byte>>;
picture picture_of_log() {
  picture all;
  for (const auto& name : memory_os::names(directory)) all[name] = memory_os::contents(std::string{directory} + '/' + name);
  return all;
}

bool has_segments() {
  return std::ranges::any_of(memory_os::names(directory), [](const std::string& name) { return name.ends_with(".seg"); });
}

template <class S>
auto sector_of(const std::vector<std::byte>& file, std::uint64_t offset) {
  format::sector bytes{};  // nothing, of a file that ends before
  if (offset + bytes.size() > file.size()) return format::decode<S>(bytes);
  std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(offset), bytes.size(), bytes.begin());
  return format::decode<S>(bytes);
}

/// By the headers alone: the sequence with which the log goes on after a truncation that has ended a segment, and has not
/// removed those after it. 0: there is none.
std::uint64_t truncation_under_way(const picture& files) {
  for (const auto& [name, file] : files) {
    if (!name.ends_with(".seg")) continue;
    const auto here = sector_of<format::activation>(file, format::activation_offset);
    const auto end = sector_of<format::end>(file, format::end_offset);
    if (!here || !end || end->salt != here->salt || end->cause != format::end_cause::truncate) continue;
    for (const auto& [other, its_file] : files) {
      if (!other.ends_with(".seg")) continue;
      const auto next = sector_of<format::activation>(its_file, format::activation_offset);
      if (next && next->predecessor_salt == here->salt && next->base > end->last + 1) return end->last + 1;
    }
  }
  return 0;
}

struct tally {
  std::uint64_t cases = 0, refused = 0, refused_uninterrupted = 0, truncated = 0, came_back = 0;
};

/// The log is as the report says, and holds all that it must.
void check_rebuilt(const truth& known, const state_rebuild& r, const picture& before, tally& sum) {
  const std::uint64_t first = r.sequences.first.value, end = r.sequences.end.value;
  INFO("rebuilt as " << first << " to " << end - 1 << "; known " << known.first << " to " << known.next - 1
                     << ", durable to " << known.durable << "; truncated from " << r.truncated_from.value);
  // What is decided, and can be seen, is carried out.
  const std::uint64_t under_way = truncation_under_way(before);
  if (under_way != 0) REQUIRE(end == under_way);
  if (r.state) REQUIRE(r.truncated_from.value == under_way);
  auto l = log::open(directory);
  INFO((l ? std::string{} : l.error().message()));
  REQUIRE(l);
  const std::uint64_t published = l->published_sequence().value;
  REQUIRE(l->first_sequence().value == first);
  REQUIRE(published + 1 == end);
  if (published >= first && end <= known.next)
    for (std::uint64_t s = first; s < end; ++s) {
      const auto record = l->read({s});
      INFO("sequence " << s << (record ? std::string{} : record.error().message()));
      REQUIRE(record);
      REQUIRE(known.records.contains(s));
      REQUIRE((record->text() == known.records.at(s)));
    }
  const bool is_reset = known.reset_to != 0 && first == known.reset_to && end == first;
  if (!is_reset) {
    REQUIRE(end <= known.next);
    const std::uint64_t must_reach = std::min(known.durable + 1, known.least_kept);
    if (known.least_kept != 0) REQUIRE(first <= std::max(known.first, must_reach));
    REQUIRE(end >= must_reach);
  }
  if (r.state && first < std::min(known.first, end)) {
    ++sum.came_back;
    REQUIRE(r.may_have_been_trimmed.first.value <= first);
    REQUIRE(r.may_have_been_trimmed.end.value >= std::min(known.first, end));
  }
  if (!r.state) REQUIRE(r.may_have_been_trimmed.size() == 0);
  sum.truncated += r.truncated_from.value != 0 ? 1 : 0;
  REQUIRE(l->append("and more")->value == end);
  REQUIRE(l->close().has_value());
  REQUIRE(verify(directory)->findings.empty());
  auto again = rebuild_state(directory);
  REQUIRE(!again);
  REQUIRE(again.error().code() == errc::bad_option);
}

void check_refused(const truth& known, const error& why, loss of_state, left how, tally& sum) {
  INFO(why.message());
  REQUIRE((why.code() == errc::damaged || why.code() == errc::incomplete));
  REQUIRE(why.message().find("varve salvage") != std::string::npos);
  ++sum.refused;
  if (!known.was_interrupted) ++sum.refused_uninterrupted;
  // With its state a log is as good as it was, unless no segment says what it is; and a closed one proves itself.
  REQUIRE((of_state != loss::none || how == left::unpowered || !has_segments()));
  REQUIRE(how != left::closed);
  REQUIRE(!log::open(directory));
}

std::uint64_t histories_wanted() { return number_from_environment("VARVE_REBUILD_HISTORIES", 40); }

}  // namespace

TEST_CASE("a lost state or meta is made again with all that was durable and nothing that was removed, or refused",
          "[power][rebuild][rot][G2][G5][G6]") {
  tally sum;
  for (std::uint64_t seed = number_from_environment("VARVE_REBUILD_FIRST", 1); seed <= histories_wanted(); ++seed) {
    for (const left how : ways_to_leave) {
      const history h{seed, how};
      const auto image = memory_os::snapshot();
      for (const loss of_state : losses) {
        for (const loss of_meta : losses) {
          if (of_state == loss::none && of_meta == loss::none) continue;
          INFO("history " << seed << ", left " << static_cast<int>(how) << ", state lost " << static_cast<int>(of_state)
                          << ", meta lost " << static_cast<int>(of_meta));
          memory_os::restore(image);
          lose("varve.state", of_state);
          lose("varve.meta", of_meta);
          // Nothing is left of it.
          if (of_state != loss::none && of_meta != loss::none && !has_segments()) continue;
          const picture before = picture_of_log();
          INFO("truncation under way: " << truncation_under_way(before));
          REQUIRE(!log::open(directory));
          const auto foretold = rebuild_state(directory, {.dry_run = true});
          REQUIRE((picture_of_log() == before));
          const auto done = rebuild_state(directory);
          REQUIRE(done.has_value() == foretold.has_value());
          ++sum.cases;
          if (!done) {
            REQUIRE((picture_of_log() == before));
            check_refused(h.known, done.error(), of_state, how, sum);
            continue;
          }
          REQUIRE(done->sequences == foretold->sequences);
          REQUIRE(done->state == (of_state != loss::none));
          REQUIRE(done->meta == (of_meta != loss::none));
          check_rebuilt(h.known, *done, before, sum);
        }
      }
    }
  }
  std::cout << "lost state or meta: " << sum.cases << " cases, " << sum.refused << " refused (" << sum.refused_uninterrupted
            << " of a log that was not interrupted), " << sum.truncated << " truncations carried out, " << sum.came_back
            << " with trimmed records\n";
  CHECK(sum.refused < sum.cases / 4);
  memory_os::reset();
}

TEST_CASE("wherever a rebuild is stopped, the log is refused as before, or is as it will be",
          "[power][rebuild][rot][G2][G5]") {
  const history h{3, left::closed};
  const auto image = memory_os::snapshot();
  std::uint64_t stops = 0;
  for (const loss of_state : {loss::none, loss::missing, loss::spoiled}) {
    for (const loss of_meta : {loss::none, loss::missing, loss::zeroed}) {
      if (of_state == loss::none && of_meta == loss::none) continue;
      for (std::uint64_t nth = 1;; ++nth) {
        bool was_reached = false;
        for (const bool power : {false, true}) {
          INFO("state lost " << static_cast<int>(of_state) << ", meta lost " << static_cast<int>(of_meta)
                             << ", stopped before changing call " << nth << (power ? ", power lost" : ""));
          memory_os::restore(image);
          lose("varve.state", of_state);
          lose("varve.meta", of_meta);
          memory_os::crash_at_call(nth, memory_os::changing_calls);
          static_cast<void>(rebuild_state(directory));
          was_reached = memory_os::crashed();
          power ? memory_os::power_loss(nth) : memory_os::process_death();
          if (!was_reached || !log_view::open(directory)) {
            const auto again = rebuild_state(directory);
            INFO((again ? std::string{} : again.error().message()));
            REQUIRE((again.has_value() == was_reached || again.error().code() == errc::bad_option));
          }
          auto l = log::open(directory);
          INFO((l ? std::string{} : l.error().message()));
          REQUIRE(l);
          REQUIRE(l->published_sequence().value + 1 == h.known.next);
          for (std::uint64_t s = h.known.first; s < h.known.next; ++s)
            REQUIRE((l->read({s})->text() == h.known.records.at(s)));
        }
        stops += was_reached ? 1 : 0;
        if (!was_reached) break;
      }
    }
  }
  CHECK(stops > 40);
  memory_os::reset();
}

}  // namespace varve::testing
