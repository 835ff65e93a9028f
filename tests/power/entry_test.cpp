// SPDX-License-Identifier: MIT
//
// Entries that are written to a file before they are published: calls that fail, a disk that is full, power that fails.
#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <varve/varve.hpp>

#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

using memory_os::call;

constexpr const char* directory = "log";
constexpr std::uint64_t segment_bytes = 64 * 1024;
const log_options small{.segment_bytes = segment_bytes, .prepared_segments = 1};

std::string text_of(std::uint64_t bytes, std::uint64_t seed) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>((i * 31 + i / 251 + bytes + seed * 7) % 95 + 32);
  return text;
}

/// Of an entry that spills with its fifth chunk.
const std::vector<std::string>& chunks() {
  static const auto all = [] {
    std::vector<std::string> made;
    for (const std::uint64_t bytes : {10, 30'000, 0, 31'000, 20'000, 100'003, 9, 0, 65'536, 70'000, 5})
      made.push_back(text_of(bytes, made.size()));
    return made;
  }();
  return all;
}

struct history {
  std::vector<std::string> returned;  // in the order of their sequences
  std::vector<std::string> perhaps;   // behind these, all of them or none
  std::uint64_t durable = 0;
  bool is_published = false;  // the entry
};

/// What returns when the machine has stopped may be there or not.
bool append(log& l, history& h, const std::string& text) {
  h.perhaps = {text};
  const auto done = l.append(text);
  if (memory_os::crashed()) return false;
  h.perhaps.clear();
  if (done) h.returned.push_back(text);
  return done.has_value();
}

/// What fails leaves the entry as it was: a second time it may succeed.
bool write_all(log& l, history& h, entry& e) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < chunks().size(); ++i) {
    if (i == 8 && !append(l, h, "between")) return false;
    for (int tries = 0; !e.write_chunk(chunks()[i]); ++tries) {
      REQUIRE(e.chunks() == i);
      REQUIRE(e.bytes() == bytes);
      if (tries == 2) return false;
    }
    bytes += chunks()[i].size();
  }
  return true;
}

bool publish(log& l, history& h, entry& e) {
  h.perhaps = chunks();
  auto done = e.publish();
  for (int tries = 0; !done && e.chunks() != 0 && tries < 2; ++tries) done = e.publish();
  if (memory_os::crashed()) return false;
  h.perhaps.clear();
  h.is_published = l.published_sequence().value == h.returned.size() + chunks().size();
  REQUIRE((h.is_published || !done));
  if (h.is_published) h.returned.insert(h.returned.end(), chunks().begin(), chunks().end());
  return true;
}

void live(history& h) {
  auto opened = log::open(directory, small);
  if (!opened || !append(*opened, h, "first")) return;
  {
    auto e = opened->begin_entry();
    if (!e || !write_all(*opened, h, *e) || !publish(*opened, h, *e)) return;
  }
  if (!append(*opened, h, "behind")) return;
  if (const auto synced = opened->sync(); synced && !memory_os::crashed()) h.durable = synced->value;
  if (opened->close() && !memory_os::crashed()) h.durable = h.returned.size();
}

void check(const history& h, bool power_lost) {
  auto l = log::open(directory, small);
  INFO((l ? std::string{} : l.error().message()));
  if (!l) {
    REQUIRE(h.returned.empty());
    REQUIRE(l.error().code() != errc::damaged);
    return;
  }
  auto all = h.returned;
  all.insert(all.end(), h.perhaps.begin(), h.perhaps.end());
  const std::uint64_t published = l->published_sequence().value;
  REQUIRE(published >= (power_lost ? h.durable : h.returned.size()));
  std::uint64_t at = 0;
  bool goes_on = false;
  for (const auto& r : l->records()) {
    INFO((r ? std::string{} : r.error().message()));
    REQUIRE(r);
    REQUIRE(at < all.size());
    REQUIRE((r->text() == all[at++]));
    goes_on = r->batch_goes_on();
  }
  // All of an entry whose writer died between its stamps is passed over.
  REQUIRE((at == published || (at == h.returned.size() && published <= all.size())));
  REQUIRE_FALSE(goes_on);
  REQUIRE(l->append("and more"));
  REQUIRE(l->close());
  // The file of an entry that was not published is gone.
  std::size_t large = 0;
  for (const auto& name : memory_os::names(directory))
    large += name.ends_with(".seg") && memory_os::contents(std::string{directory} + '/' + name).size() > segment_bytes;
  REQUIRE(large <= 1);
  if (!h.is_published && h.perhaps.empty()) REQUIRE(large == 0);
  REQUIRE(verify(directory)->findings.empty());
}

void check_all_ends(const history& h) {
  const auto image = memory_os::snapshot();
  memory_os::process_death();
  check(h, false);
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    memory_os::restore(image);
    memory_os::power_loss(seed, {.torn_words = seed % 2 == 1});
    check(h, true);
  }
}

/// Returns how often the entry was published all the same.
std::uint64_t sweep(int number, bool for_ever) {
  std::uint64_t published = 0;
  for (std::uint64_t nth = 1;; ++nth) {
    INFO("call " << nth << " fails with errno " << number << (for_ever ? " for ever" : " once"));
    memory_os::reset();
    memory_os::seed_random(nth);
    history h;
    memory_os::fail({.number = number, .nth = nth, .for_ever = for_ever});
    live(h);
    published += h.is_published;
    const bool was_reached = memory_os::count() >= nth;
    memory_os::heal();
    check_all_ends(h);
    if (!was_reached) break;
  }
  memory_os::reset();
  return published;
}

}  // namespace

TEST_CASE("whichever call fails while an entry is written to a file, it is there whole or not at all",
          "[power][entry][G1][G2][G4][G5][G7]") {
  for (const int number : {EIO, ENOSPC, ENOMEM, EMFILE}) {
    CHECK(sweep(number, false) > 40);
    sweep(number, true);
  }
}

TEST_CASE("wherever the machine stops while an entry is written to a file, it is there whole or not at all",
          "[power][entry][G1][G2][G3][G4][G5]") {
  for (std::uint64_t nth = 1;; ++nth) {
    INFO("stopped before changing call " << nth);
    memory_os::reset();
    memory_os::seed_random(nth);
    history h;
    memory_os::crash_at_call(nth, memory_os::changing_calls);
    live(h);
    const bool was_reached = memory_os::crashed();
    check_all_ends(h);
    if (!was_reached) break;
  }
  memory_os::reset();
}

TEST_CASE("an entry that the device does not take is over, and the log goes on", "[power][entry][G2][G7]") {
  memory_os::reset();
  auto l = *log::open(directory, small);
  REQUIRE(l.append("first"));
  history h;
  const std::uint64_t used = memory_os::disk_bytes_used();
  auto e = *l.begin_entry();
  REQUIRE(write_all(l, h, e));
  memory_os::fail({.calls = call::sync_file, .number = EIO, .nth = 1, .name = ".seg"});
  const auto failed = e.publish();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code() == errc::io);
  // What was not written counts as written from then on: no second attempt may succeed.
  CHECK(e.publish().error().code() == errc::closed);
  CHECK(e.write_chunk("more").error().code() == errc::closed);
  CHECK(e.chunks() == 0);
  CHECK(!l.failure());
  CHECK(memory_os::disk_bytes_used() <= used + 2 * segment_bytes);
  CHECK(l.append("behind", {.durability = immediate()})->value == 3);
  CHECK(l.close());
}

TEST_CASE("an entry that was ready when others went on is begun under a number above theirs", "[power][entry][G3]") {
  memory_os::reset();
  auto l = *log::open(directory, small);
  history h;
  auto e = *l.begin_entry();
  REQUIRE(write_all(l, h, e));
  memory_os::fail({.calls = call::fill_random, .number = EIO, .nth = 1});
  CHECK(e.publish().error().code() == errc::io);
  CHECK(e.chunks() == chunks().size());
  for (int i = 0; i < 10; ++i) REQUIRE(l.append(text_of(40'000, 0)));
  REQUIRE(e.publish());
  std::uint64_t last = 0;
  const auto view = log_view::open(directory);
  const auto segments = view->segments();
  for (const auto& s : *segments) {
    if (s.state == segment_description::state::prepared) continue;
    CHECK(s.number > last);
    last = s.number;
  }
  for (std::size_t i = 0; i < chunks().size(); ++i) CHECK((view->read({12 + i})->text() == chunks()[i]));
  CHECK(verify(directory)->findings.empty());
}

TEST_CASE("for want of memory an entry is not over", "[power][entry][G7]") {
  memory_os::reset();
  auto l = *log::open(directory, small);
  history h;
  auto e = *l.begin_entry();
  REQUIRE(write_all(l, h, e));
  while (l.stats().prepared < 1) {  // or the next one would meet the failure
  }
  memory_os::fail({.calls = call::map, .number = ENOMEM, .nth = 1, .name = ".seg"});
  CHECK(e.publish().error().code() == errc::out_of_memory);
  CHECK(e.chunks() == chunks().size());
  REQUIRE(e.write_chunk(text_of(segment_bytes, 1)));
  REQUIRE(e.publish());
  CHECK((l.read({2 + chunks().size()})->text() == text_of(segment_bytes, 1)));
  CHECK(verify(directory)->findings.empty());
}

TEST_CASE("an entry that finds the disk full is as it was, and goes on when there is room", "[power][entry][G7]") {
  memory_os::reset();
  auto l = *log::open(directory, small);
  REQUIRE(l.append("first"));
  while (l.stats().prepared < 1) {
  }
  const std::uint64_t full = memory_os::disk_bytes_used();
  memory_os::limit_disk(full + 4 * segment_bytes);
  auto e = *l.begin_entry();
  const std::string text = text_of(20'000, 0);
  result<void> done{};
  while ((done = e.write_chunk(text))) {
  }
  CHECK(done.error().code() == errc::no_space);
  const std::uint64_t written = e.chunks();
  CHECK(written > 9);  // to the last unit
  for (int i = 0; i < 3; ++i) CHECK(e.write_chunk(text).error().code() == errc::no_space);
  CHECK(e.chunks() == written);
  SECTION("it is given up") {
    e.roll_back();
    CHECK(memory_os::disk_bytes_used() == full);
    auto again = *l.begin_entry();
    for (std::uint64_t i = 0; i < written; ++i) REQUIRE(again.write_chunk(text));
    return;
  }
  SECTION("there is room again") {
    memory_os::limit_disk(memory_os::no_limit);
    for (int i = 0; i < 20; ++i) REQUIRE(e.write_chunk(text));
    REQUIRE(e.publish());
    for (std::uint64_t i = 0; i < written + 20; ++i) CHECK((l.read({2 + i})->text() == text));
    CHECK(verify(directory)->findings.empty());
  }
}

}  // namespace varve::testing
