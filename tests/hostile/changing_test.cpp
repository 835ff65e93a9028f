// SPDX-License-Identifier: MIT
//
// Files that somebody writes to while they are read: whatever stands there when, a reader ends no process, reads nothing
// outside of its mapping, and hands out nothing that was not right when it looked.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>

#include "format/file_name.hpp"
#include "hostile/spoiled_directory.hpp"
#include "support/child_process.hpp"
#include "support/dice.hpp"
#include "support/shared_memory.hpp"

namespace varve::testing {
namespace {

/// A file as somebody maps it who may write to it.
class scribbled_file {
 public:
  scribbled_file(const fs::path& file, std::uint64_t bytes) : words_(bytes / 8) {
    const int opened = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    if (opened == -1) throw std::system_error{errno, std::generic_category(), file.string()};
    start_ = static_cast<std::uint64_t*>(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, opened, 0));
    ::close(opened);
    if (start_ == MAP_FAILED) throw std::system_error{errno, std::generic_category(), file.string()};
  }
  scribbled_file(const scribbled_file&) = delete;
  scribbled_file& operator=(const scribbled_file&) = delete;

  /// Changes a word for a moment: to one of another place, to one by chance, or by a bit.
  void scribble(dice& d, std::uint64_t word) const {
    const std::uint64_t at = word % words_, was = load(at);
    const std::uint64_t by_kind[] = {d.next(), load(d.next() % words_), was ^ std::uint64_t{1} << d.next() % 64, 0};
    store(at, by_kind[d.next() % 4]);
    for (std::uint64_t i = d.next() % 200; i > 0; --i) static_cast<void>(load(at));
    store(at, was);
  }
  [[nodiscard]] std::uint64_t words() const { return words_; }

 private:
  // Others read these bytes meanwhile, which is the point.
  [[nodiscard]] std::uint64_t load(std::uint64_t at) const { return __atomic_load_n(start_ + at, __ATOMIC_RELAXED); }
  void store(std::uint64_t at, std::uint64_t word) const { __atomic_store_n(start_ + at, word, __ATOMIC_RELAXED); }

  std::uint64_t* start_;
  std::uint64_t words_;
};

constexpr std::uint64_t count = 400;
std::string text(std::uint64_t s) { return std::to_string(s) + std::string(s * 37 % 300, static_cast<char>('a' + s % 26)); }

struct log_of_many {
  fast_dir place;
  const fs::path dir = place.path() / "log";
  explicit log_of_many(bool closed) {
    die_with(dir, {.segment_bytes = format::segment_bytes_min}, [closed](log& l) {
      for (std::uint64_t s = 1; s <= count; ++s) {
        must(l.append(text(s)).has_value());
        if (s == count / 2) must(l.sync().has_value());
      }
      if (closed) must(l.close().has_value());
    });
  }
};

struct progress {
  std::uint64_t right, rounds;
};

/// A record that is handed out is one of those that were written. (It may change behind its check, so only its extent and
/// its number are looked at when somebody scribbles on payloads too.)
template <class Record>
bool is_possible(const Record& r, std::uint64_t expected) {
  std::uint64_t sum = 0;
  for (const std::byte b : r.payload()) sum += std::to_integer<std::uint64_t>(b);
  return sum != UINT64_MAX && r.sequence().value == expected && r.payload().size() <= format::segment_bytes_min;
}

bool is_expected(errc code) {
  return code == errc::damaged || code == errc::not_yet || code == errc::past_end || code == errc::abandoned ||
         code == errc::not_a_log || code == errc::newer_format || code == errc::trimmed;
}

/// Everything that only reads, again and again. Ends with 0, or with what was wrong.
int read_all_the_time(const fs::path& dir, progress& p, std::uint64_t rounds) {
  for (p.rounds = 0; p.rounds < rounds; ++p.rounds) {
    const auto v = log_view::open(dir);
    if (!v && !is_expected(v.error().code())) return 10 + static_cast<int>(v.error().code());
    if (!v) continue;
    for (std::uint64_t s = 1; s <= count; s += 7) {
      const auto r = v->read({s});
      if (r && !is_possible(*r, s)) return 3;
      if (r && r->text() == text(s)) ++p.right;
      if (!r && !is_expected(r.error().code())) return 40 + static_cast<int>(r.error().code());
    }
    std::uint64_t before = 0;
    for (const auto& r : v->records()) {
      if (!r && !is_expected(r.error().code())) return 70 + static_cast<int>(r.error().code());
      if (!r) break;
      if (r->sequence().value <= before || !is_possible(*r, r->sequence().value)) return 4;
      before = r->sequence().value;
    }
    static_cast<void>(v->describe());
    static_cast<void>(v->segments());
    static_cast<void>(v->stats());
    static_cast<void>(verify(dir));
  }
  return 0;
}

/// Which words of which file are scribbled on.
struct scribble_row {
  const char* name;
  const char* file;
  std::uint64_t bytes;
  std::uint64_t (*word)(dice& d);
  bool keeps_some;  // some records are right now and then
};
const scribble_row rows[] = {
    {"the first frames", "00000000000000000001.seg", 65536, [](dice& d) { return 512 + d.next() % 100; }, true},
    {"all of the first segment but its header", "00000000000000000001.seg", 65536,
     [](dice& d) { return 512 + d.next() % 7680; }, true},
    {"the header of the first segment", "00000000000000000001.seg", 65536, [](dice& d) { return d.next() % 512; }, false},
    {"identity and activation of the second", "00000000000000000002.seg", 65536, [](dice& d) { return d.next() % 128; },
     false},
    {"the last segment", "00000000000000000002.seg", 65536, [](dice& d) { return d.next() % 8192; }, false},
    {"an index", "00000000000000000001.idx", 4096 + 32 * 8, [](dice& d) { return d.next(); }, true},
    {"varve.state", "varve.state", 16384, [](dice& d) { return d.next() % 4 * 512 + d.next() % 64; }, false},
    {"varve.live", "varve.live", 196'608, [](dice& d) { return d.next() % 131; }, true},
    {"varve.meta", "varve.meta", 512, [](dice& d) { return d.next(); }, false},
};

void check(const scribble_row& row, bool closed, std::uint64_t rounds) {
  INFO(row.name << (closed ? ", of a closed log" : ", of a dead writer's log"));
  const log_of_many log{closed};
  shared_memory<progress> p;
  child_process scribbler{[&] {
    const scribbled_file file{log.dir / row.file, row.bytes};
    for (dice d{7};;) file.scribble(d, row.word(d));
    return 0;
  }};
  child_process reader{[&] {
    ::alarm(250);
    return read_all_the_time(log.dir, *p, rounds);
  }};
  reader.wait();
  scribbler.end();
  CAPTURE(reader.status(), p->right, p->rounds);
  CHECK(reader.exited_with(0));
  CHECK(p->rounds == rounds);
  if (row.keeps_some) CHECK(p->right > 0);
}

}  // namespace

TEST_CASE("files that are scribbled on while they are read end no reader", "[hostile][G5][G7][G8]") {
  for (const bool closed : {true, false})
    for (const auto& row : rows) check(row, closed, 100);
}

TEST_CASE("a neighbour that is scribbled on: a record that nobody touches is right, or not there", "[hostile][G5]") {
  // The even ones are left alone. Whoever walks over an odd one may be led astray, but not believe what it finds there.
  const nine_records log;
  const auto place = place_of(log.dir, 2);
  shared_memory<progress> p;
  child_process scribbler{[&] {
    const scribbled_file file{segment_path(log.dir, 1), format::segment_bytes_min};
    for (dice d{9};;) file.scribble(d, (place.offset + d.next() % place.extent) / 8);
    return 0;
  }};
  child_process reader{[&] {
    ::alarm(250);
    for (int i = 0; i < 2000; ++i) {
      const auto v = log_view::open(log.dir);
      if (!v) return 1;
      for (const std::uint64_t s : {1U, 3U, 4U, 9U}) {
        const auto r = v->read({s});
        if (r && r->text() != nine_records::text(s)) return 2;
        if (!r && (s != 3 || r.error().code() != errc::damaged)) return 3;
        p->right += r ? 1U : 0U;
      }
    }
    return 0;
  }};
  reader.wait();
  scribbler.end();
  CAPTURE(reader.status());
  CHECK(reader.exited_with(0));
  CHECK(p->right >= 3 * 2000);
}

TEST_CASE("a file that is cut short before a reader looks is an error, never a fault", "[hostile][G5][G7]") {
  const nine_records log;
  const auto v = log_view::open(log.dir);
  REQUIRE(v);
  const auto first = v->read({1});  // maps the first segment
  REQUIRE(first);
  for (const std::uint64_t bytes : {60'000U, 4096U, 600U, 0U}) {
    CAPTURE(bytes);
    fs::resize_file(segment_path(log.dir, 2), bytes);
    const auto r = v->read({4});
    REQUIRE_FALSE(r);
    CHECK(facts_of(r.error(), log.dir) == "damaged segment 2 sequence 4 to 6");
    auto at = v->reader({3});
    REQUIRE(at);
    CHECK((*at->next())->text() == nine_records::text(3));
    CHECK(facts_of(at->next().error(), log.dir) == "damaged segment 2 sequence 4 to 6");
  }
  fs::remove(segment_path(log.dir, 2));
  CHECK(facts_of(v->read({4}).error(), log.dir) == "io segment 2 errno 2");
  CHECK(first->text() == nine_records::text(1));
  CHECK(v->read({9})->text() == nine_records::text(9));
}

TEST_CASE("a file that is cut short between two looks of a writer is an error, never a fault", "[hostile][G5][G7]") {
  nine_records closed;
  auto l = log::open(closed.dir);
  REQUIRE(l);
  fs::resize_file(segment_path(closed.dir, 1), 30'000);
  CHECK(facts_of(l->read({1}).error(), closed.dir) == "damaged segment 1 sequence 1 to 3");
  fs::resize_file(closed.dir / "00000000000000000002.idx", 10);
  CHECK(l->read({5})->text() == nine_records::text(5));
  CHECK(l->append("and more")->value == 10);
  CHECK(l->close());
}

}  // namespace varve::testing
